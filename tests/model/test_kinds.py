"""A kind of codec is known in its own file and in tables by its name, and nowhere else."""

import ast
from importlib import import_module
from pathlib import Path

from edgecodec.chosen import SIZES
from edgecodec.contradictions import OF_KIND
from edgecodec.deploy.export import LAYERS
from edgecodec.model.kinds import KINDS
from edgecodec.params import CodecsParams, TrainSection

CLASSES = {f"{name.title()}{part}" for name in KINDS for part in ("Encoder", "Decoder", "Params")} | {
    "RegimeQuantizer", "ResidualQuantizer"}


def test_every_table_has_every_kind() -> None:
    assert list(KINDS) == list(CodecsParams.model_fields) == list(LAYERS) == list(OF_KIND)
    assert set(KINDS) <= set(TrainSection.model_fields)
    assert [kind.sizes for kind in KINDS.values()] == list(SIZES.values())
    assert all(issubclass(kind.sizes, CodecsParams.model_fields[name].annotation) for name, kind in KINDS.items())
    assert [import_module(f"edgecodec.model.{name}").KIND for name in KINDS] == list(KINDS.values())


def asks_for_a_kind(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):
        values = {each.value for each in (node.left, *node.comparators) if isinstance(each, ast.Constant)}
        return not values.isdisjoint(KINDS)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        return any(isinstance(each, ast.Name) and each.id in CLASSES for each in ast.walk(node.args[1]))
    return False


def test_what_asks_for_a_kind_is_found() -> None:
    asking = ('if codec == "edge": pass', "isinstance(x, EdgeEncoder)", "isinstance(x, (int, PaperParams))")
    assert all(any(map(asks_for_a_kind, ast.walk(ast.parse(text)))) for text in asking)


def test_no_code_asks_which_kind_it_has(repository: Path) -> None:
    asking = [f"{path}:{node.lineno}" for folder in ("src/edgecodec", "stages", "pages")
              for path in (repository / folder).rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
              if asks_for_a_kind(node)]
    assert asking == []
