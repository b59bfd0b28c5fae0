"""Both dvc.yaml tell the truth: every stage depends on all code it imports, and the locks are current."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
STAGES = {name: stage for file in ("dvc.yaml", "studies/dvc.yaml")
          for name, stage in yaml.safe_load((REPOSITORY / file).read_text())["stages"].items()}


@cache
def imports_of(path: Path) -> frozenset[Path]:
    """Files of the package that ``path`` imports, at any depth of its code (lazy imports count)."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "edgecodec":
                base = REPOSITORY / "src" / Path(*name.split("."))
                found |= {file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()}
    return frozenset(found)


def closure_of(script: Path) -> set[Path]:
    """The script and every file of the package that it reaches through imports."""
    closure, open_files = set(), [script]
    while open_files:
        path = open_files.pop()
        if path not in closure:
            closure.add(path)
            open_files += imports_of(path)
    return closure


def has_code(path: Path) -> bool:
    """Whether ``path`` is more than a docstring."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


def covered(path: Path, dependencies: list[Path]) -> bool:
    return any(path == dependency or dependency in path.parents for dependency in dependencies)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_all_code_that_it_imports(name: str) -> None:
    stage = STAGES[name]
    dependencies = [REPOSITORY / dependency for dependency in stage["deps"]]
    script = REPOSITORY / stage["cmd"].split()[1]
    missing = sorted(str(path.relative_to(REPOSITORY)) for path in closure_of(script)
                     if has_code(path) and not covered(path, dependencies))
    assert not missing, f"stages.{name}.deps lacks {missing}"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_no_code_that_it_does_not_import(name: str) -> None:
    stage = STAGES[name]
    closure = closure_of(REPOSITORY / stage["cmd"].split()[1])
    python = [REPOSITORY / dependency for dependency in stage["deps"] if dependency.endswith(".py")]
    assert [path.name for path in python if path not in closure] == []


def test_the_lock_is_current() -> None:
    """Nothing but ``register``, which always runs, would run again on a machine that has the data."""
    command = [sys.executable, "-m", "dvc", "repro", "--allow-missing", "--dry", "--all-pipelines"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    again = [line for line in done.stdout.splitlines() if line.startswith("Running stage") and "'register'" not in line]
    assert again == []
