"""The code behind a script: what it imports, reads and ships, and nothing else."""

from pathlib import Path

import pytest

from edgecodec.errors import EdgeCodecError
from edgecodec.sources.closure import Sources


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """One script, and a package of which it needs ``used.py`` alone."""
    for name in ("src/edgecodec/__init__.py", "src/edgecodec/part/__init__.py", "src/edgecodec/part/used.py",
                 "src/edgecodec/part/deep.py", "src/edgecodec/other.py", "src/edgecodec/params.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/run.py").write_text("from edgecodec.part.used import thing\n")
    return tmp_path


def names(project: Path) -> set[str]:
    """What is behind the script, but for the script and the packages of ``used.py``."""
    found = {path.relative_to(project).as_posix() for path in Sources(project).closure(project / "stages/run.py")}
    always = {"stages/run.py", "src/edgecodec/__init__.py", "src/edgecodec/part/__init__.py",
              "src/edgecodec/part/used.py"}
    assert always <= found
    return {name.removeprefix("src/edgecodec/") for name in found - always}


@pytest.mark.parametrize(("text", "more"), [
    ("", set()),
    ("import json\nimport numpy.linalg", set()),
    ("import edgecodec.part.deep", {"part/deep.py"}),
    ("from edgecodec.part import deep", {"part/deep.py"}),
    ("from edgecodec import part", set()),
    ("def late():\n    from edgecodec.other import thing\n", {"other.py"}),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import edgecodec.other", set()),
    ("import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import edgecodec.other", {"other.py"}),
    ("from edgecodec.params import Params", set()),
    ("import edgecodec.part.used", set()),
])
def test_imports_count_wherever_they_stand_but_for_type_checkers(project: Path, text: str, more: set[str]) -> None:
    (project / "src/edgecodec/part/used.py").write_text(text)
    assert names(project) == more


def test_imports_of_what_is_imported_count(project: Path) -> None:
    (project / "src/edgecodec/part/__init__.py").write_text("import edgecodec.other")
    (project / "src/edgecodec/other.py").write_text("import edgecodec.part.deep")
    assert names(project) == {"other.py", "part/deep.py"}


def test_packaged_files_and_folders_count_and_what_python_among_them_imports(project: Path) -> None:
    package = project / "src/edgecodec"
    (package / "part/used.py").write_text("packaged('part/shipped.py'), packaged('c') / name")
    (package / "part/shipped.py").write_text("import edgecodec.other")
    for name in ("c/one.c", "c/deep/two.h", "c/__pycache__/x.pyc"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    assert names(project) == {"part/shipped.py", "other.py", "c/one.c", "c/deep/two.h"}


@pytest.mark.parametrize(("text", "told"), [
    ("\npackaged(name)", r"used\.py:2: packaged\(\) needs a literal"),
    ("packaged('gone.json')", r"used\.py: packaged\('gone\.json'\): .*gone\.json is absent"),
    ("from .deep import thing", r"used\.py:1: a relative import; give the module's full name"),
    ("\ndef broken(:\n", r"used\.py:2: not valid Python: "),
])
def test_what_cannot_be_followed_is_an_error(project: Path, text: str, told: str) -> None:
    (project / "src/edgecodec/part/used.py").write_text(text)
    with pytest.raises(EdgeCodecError, match=told) as raised:
        names(project)
    assert len(str(raised.value).splitlines()) == 1
