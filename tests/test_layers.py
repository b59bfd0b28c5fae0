"""Imports go down: a module knows what lies below it, never what lies above."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# From the ground up. Modules and packages of one layer do not know each other.
LAYERS = (
    ("artifacts", "errors", "git", "packaged"),
    ("dvc_files", "progress", "temporary"),
    ("same_bits", "storage"),
    ("aerosense", "console", "metrics", "settings"),
    ("contradictions",),
    ("params",),
    ("chosen", "data", "designed", "packets", "sources"),
    ("model",),
    ("deploy", "evaluation", "training"),
    ("simulators",),
    ("design", "registry"),
    ("gateway",),
    ("fleet",),
    ("commands",),
    ("cli",),
)
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}


def imports(tree: ast.AST) -> Iterator[str]:
    """Parts of the package that are imported, wherever in the file; not those for the type checker alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "edgecodec":
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edgecodec."):
            yield str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (each.name.split(".")[1] for each in node.names if each.name.startswith("edgecodec."))
        yield from imports(node)


def climbing(part: str, source: str) -> list[str]:
    """What ``source``, of ``part`` of the package, imports from its own height or above."""
    return [other for other in imports(ast.parse(source)) if other != part and HEIGHT[other] >= HEIGHT[part]]


@pytest.mark.parametrize("part", [name for layer in LAYERS for name in layer])
def test_imports_go_down(part: str, repository: Path) -> None:
    package = repository / "src/edgecodec"
    files = [package / f"{part}.py"] if (package / f"{part}.py").is_file() else sorted((package / part).rglob("*.py"))
    assert files
    assert {path.name: found for path in files if (found := climbing(part, path.read_text()))} == {}


def test_every_part_has_a_layer(repository: Path) -> None:
    parts = {path.stem for path in (repository / "src/edgecodec").iterdir()
             if path.suffix == ".py" or (path / "__init__.py").is_file()} - {"__init__"}
    assert parts == set(HEIGHT)


def test_an_import_that_climbs_is_found() -> None:
    source = "def late():\n    from edgecodec.registry.store import open_store\n    import edgecodec.model.codec\n"
    assert climbing("data", source) == ["registry", "model"]
    assert climbing("gateway", source) == []


@pytest.mark.parametrize("name", ["torch", "mlflow"])
def test_packets_need_neither_torch_nor_mlflow(name: str, repository: Path) -> None:
    sources = [path.read_text() for path in (repository / "src/edgecodec/packets").glob("*.py")]
    assert not any(f"import {name}" in source or f"from {name}" in source for source in sources)
