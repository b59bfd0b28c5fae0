"""A fingerprint follows the code: not comments, not layout, not the version of Python."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edgecodec.sources.fingerprint import FOLDER, code_hash, fingerprints

CODE = '''\
"""What it is for."""

from dataclasses import dataclass


@dataclass
class Point:
    """A place."""

    x: float
    name: str = f"p{1 + 1:>{4}}"

    def doubled(self) -> float:
        """Twice ``x``."""
        return 2 * self.x
'''


def hash_of(code: str, folder: Path, name: str = "module.py") -> str:
    (folder / name).write_text(code)
    return code_hash(folder / name)


@pytest.mark.parametrize("edit", [
    lambda code: code.replace("A place", "Some place"),
    lambda code: code.replace('        """Twice ``x``."""\n', ""),
    lambda code: code.replace('"""What it is for."""\n', "# What it is for.\n"),
    lambda code: code.replace("x: float", "x: float  # metres"),
    lambda code: code.replace("    ", "\t").replace("@dataclass\n", "\n\n@dataclass\n"),
    lambda code: code.replace("(self)", "(\n        self\n    )"),
])
def test_comments_docstrings_and_layout_do_not_count(edit: Callable[[str], str], tmp_path: Path) -> None:
    assert edit(CODE) != CODE
    assert hash_of(edit(CODE), tmp_path) == hash_of(CODE, tmp_path)


@pytest.mark.parametrize("edit", [
    lambda code: code.replace("2 *", "3 *"),
    lambda code: code.replace("x: float", "y: float"),
    lambda code: code.replace("@dataclass\n", ""),
    lambda code: code.replace(":>{4}", ":<{4}"),
    lambda code: code.replace("1 + 1", "1 + 2"),
    lambda code: code.replace('        """Twice ``x``."""\n', '        text = """Twice ``x``."""\n'),
    lambda code: code.replace("        return", "        if self:\n            return"),
    lambda code: code + "import json\n",
])
def test_code_counts(edit: Callable[[str], str], tmp_path: Path) -> None:
    assert edit(CODE) != CODE
    assert hash_of(edit(CODE), tmp_path) != hash_of(CODE, tmp_path)


def test_depth_counts(tmp_path: Path) -> None:
    inside, behind = "if x:\n    y = 1\n    z = 2\n", "if x:\n    y = 1\nz = 2\n"
    assert hash_of(inside, tmp_path) != hash_of(behind, tmp_path)


def test_of_other_files_every_byte_counts(tmp_path: Path) -> None:
    assert hash_of("int x; // one", tmp_path, "a.c") != hash_of("int x; // two", tmp_path, "a.c")


def interpreters() -> list[str]:
    """Of other versions that this machine has."""
    found = [*(shutil.which(f"python3.{minor}") for minor in (11, 12, 13, 14)),
             *map(str, Path.home().glob(".pyenv/versions/3.1[1-4].*/bin/python"))]
    return [path for path in found if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0]


@pytest.mark.slow
def test_every_version_of_python_finds_the_same(repository: Path) -> None:
    program = ("import json; from pathlib import Path; from edgecodec.sources.fingerprint import code_hash; "
               "folders = map(Path, ('pages', 'src', 'stages', 'studies', 'tests')); "
               "print(json.dumps({str(path): code_hash(path) for folder in folders for path in folder.rglob('*.py')}))")
    found = [json.loads(subprocess.run([python, "-c", program], cwd=repository, capture_output=True, check=True,
                                       env={**os.environ, "PYTHONPATH": str(repository / "src")}).stdout)
             for python in interpreters()]
    if len(found) < 2:
        pytest.skip("one version of Python is here")
    assert len(found[0]) > 200
    assert all(other == found[0] for other in found)


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    for name in ("src", "stages"):
        shutil.copytree(repository / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_an_added_import_changes_the_stages_behind_which_the_module_is(copy: Path, repository: Path) -> None:
    before = {path.stem: json.loads(path.read_text()) for path in (repository / FOLDER).glob("*.json")}
    edited, imported = "src/edgecodec/metrics.py", "src/edgecodec/commands/options.py"
    module = copy / edited
    module.write_text(module.read_text() + "\n\ndef late() -> None:\n    from edgecodec.commands import options\n")
    after = fingerprints(copy)
    changed = {stage for stage in before if before[stage] != after[stage]}
    assert {"train", "train_paper"} <= changed < before.keys()
    assert changed == {stage for stage, files in before.items() if edited in files}
    assert all(imported in after[stage] and imported not in before[stage] for stage in changed)
