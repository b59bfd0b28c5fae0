"""Both dvc.yaml tell the truth: a stage depends on all code behind it, and what it does not name cannot matter."""

import ast
from pathlib import Path

import pytest
import yaml

from edgecodec.params import Section
from edgecodec.registry.bundle import LOADER, decoding_modules
from edgecodec.sources.closure import SETTINGS, Sources
from edgecodec.sources.current import outdated_fingerprints
from edgecodec.sources.fingerprint import FOLDER, STAGE

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "src" / "edgecodec"
STAGES = {name: stage for file in ("dvc.yaml", "studies/dvc.yaml")
          for name, stage in yaml.safe_load((REPOSITORY / file).read_text())["stages"].items()}


@pytest.mark.parametrize("name", sorted(STAGES.keys() - {STAGE}))
def test_a_stage_depends_on_the_list_of_its_scripts_code_and_on_no_source_file(name: str) -> None:
    script = Path(STAGES[name]["cmd"].split()[1])
    inputs = [Path(dependency) for dependency in STAGES[name]["deps"]]
    assert [path for path in inputs if path.is_relative_to(FOLDER)] == [FOLDER / f"{script.stem}.json"]
    assert all(path.is_relative_to("artifacts") for path in inputs)


def test_the_wording_of_a_design_trains_nothing_anew() -> None:
    assert [name for name, stage in STAGES.items() if "artifacts/design" in stage.get("deps", ())] == ["register"]


def test_the_committed_lists_are_those_of_the_present_code() -> None:
    assert outdated_fingerprints(REPOSITORY) == [], "run make deps"


def test_what_a_bundle_ships_is_behind_the_stage_that_makes_it() -> None:
    shipped = {Path(module.__file__) for module in decoding_modules().modules.values() if module.__file__}
    behind = Sources(REPOSITORY).closure(REPOSITORY / "stages" / "register.py")
    assert len(shipped) > 10
    assert shipped | {LOADER} <= behind


FOUND_OTHERWISE = ("Path(__file__", "importlib.resources", "import_module", "__import__", "PackageLoader", "pkgutil")


@pytest.mark.parametrize("way", FOUND_OTHERWISE)
def test_files_and_modules_of_the_package_are_found_in_no_way_that_the_lists_miss(way: str) -> None:
    modules = [*PACKAGE.rglob("*.py"), *(REPOSITORY / "stages").glob("*.py")]
    assert [path.name for path in modules if way in path.read_text()] == ["packaged.py"] * (way == "Path(__file__")


def test_the_settings_file_which_is_in_no_list_has_no_value_and_computes_none() -> None:
    """But for what refuses settings, and what reads them."""
    functions = [node for node in ast.walk(ast.parse((REPOSITORY / SETTINGS).read_text()))
                 if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if "model_validator" not in ast.unparse(node)] == [
        "load_params", "load_settings", "load_section", "read_content", "_validated"]
    sections = [Section, *(each for each in Section.__subclasses__() if each.__module__ == Section.__module__)]
    assert not [(section, name) for section in sections for name, field in section.model_fields.items()
                if not field.is_required()]
