"""set_up.sh: any supported Python, one line for what stops it, and nothing left half made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What set-up reads, in a folder whose name has blanks and letters beyond ASCII."""
    folder = tmp_path / "Prüfstand für Blätter"
    folder.mkdir()
    for name in ("set_up.sh", "pyproject.toml", "constraints.txt", "README.md"):
        shutil.copy(REPOSITORY / name, folder)
    (folder / "src/edgecodec").mkdir(parents=True)
    return folder


def set_up(project: Path, *python: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run it without any package registry: it gets as far as pip."""
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull,
                   "TORCH_INDEX_URL": "http://127.0.0.1:9/"}
    if path is not None:
        environment["PATH"] = path
    return subprocess.run(["sh", "set_up.sh", ".venv", *python], cwd=project, env=environment, capture_output=True,
                          text=True, check=False)


def python_that_says(version: tuple[int, int], path: Path) -> str:
    """This Python, which takes itself for another version."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\nshift\nexec '{sys.executable}' -c \"import sys; sys.version_info = ({version[0]}, "
                    f"{version[1]}, 0); code = sys.argv.pop(1); exec(code)\" \"$@\"\n")
    path.chmod(0o755)
    return str(path)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    return line


@pytest.mark.parametrize("version", [(3, 10), (3, 15)])
def test_a_python_too_old_or_too_new_is_refused(project: Path, version: tuple[int, int], tmp_path: Path) -> None:
    python = python_that_says(version, tmp_path / "bin/python3")
    asked = last_line(set_up(project, python))
    assert asked.startswith(f"error: PYTHON={python} is Python 3.{version[1]}, or lacks venv")
    assert "set it to one of 3.11 to 3.14" in asked
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "rm", "touch"):
        (tools / tool).symlink_to(shutil.which(tool) or "")
    found = last_line(set_up(project, path=f"{tmp_path / 'bin'}{os.pathsep}{tools}"))
    assert found.startswith("error: no Python 3.11 to 3.14 with venv and ensurepip on PATH")
    assert f"(python3 is 3.{version[1]})" in found
    assert not (project / ".venv").exists()


def test_a_python_that_is_not_there_is_named(project: Path) -> None:
    assert last_line(set_up(project, "/nowhere/python3")) == (
        "error: PYTHON=/nowhere/python3 is no Python that runs; set it to one of 3.11 to 3.14")


@pytest.mark.slow
def test_without_a_network_pips_reason_is_one_line_and_the_next_call_begins_anew(project: Path) -> None:
    first = last_line(set_up(project, sys.executable))
    assert first.startswith("error: pip install: ERROR: No matching distribution found for torch==")
    assert "(all of it in .venv/pip.log); is there a network" in first
    assert not (project / ".venv/.ready").exists()

    half_made = project / ".venv/bin/pip"
    half_made.write_text("cut off")
    again = set_up(project, sys.executable)
    assert "set-up: .venv is half made, or of another Python: making it anew" in again.stdout
    assert half_made.read_text() != "cut off"
    assert last_line(again) == first
