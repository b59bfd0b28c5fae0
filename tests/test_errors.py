"""Whatever a library raises, a program ends with one line that names file and cause; the traceback is for who asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
from edgecodec.errors import exit_with_one_line
exit_with_one_line(lambda: json.loads(open(sys.argv[1]).read()))
"""
CAUSE = "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(PROGRAM)
    return subprocess.run([sys.executable, "program.py", *arguments], cwd=folder, env=os.environ | environment,
                          capture_output=True, text=True, check=False)


def test_an_error_of_a_library_is_one_line_with_file_and_cause(tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("none")
    finished = run(tmp_path, "no.json", "secret")
    assert finished.returncode == 1
    assert finished.stderr.startswith(f"error: program.py no.json: {CAUSE}")
    assert finished.stderr.count("\n") == 1
    assert "secret" not in finished.stderr


@pytest.mark.parametrize(("arguments", "environment"), [(["--debug", "no.json"], {}), (["no.json", "--debug"], {}),
                                                        (["no.json"], {"EDGECODEC_DEBUG": "1"})])
def test_its_traceback_is_shown_when_asked_for(
        tmp_path: Path, arguments: list[str], environment: dict[str, str]) -> None:
    (tmp_path / "no.json").write_text("none")
    *traceback, last = run(tmp_path, *arguments, **environment).stderr.splitlines()
    assert traceback[0] == "Traceback (most recent call last):"
    assert last.startswith(f"error: program.py no.json: {CAUSE}")


def test_a_program_that_does_well_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "yes.json").write_text(json.dumps({}))
    finished = run(tmp_path, "yes.json", "--debug")
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
