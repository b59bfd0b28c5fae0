"""What a killed process leaves behind, the next one removes; what belongs to a running one stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgecodec.storage import replacing_directory, replacing_file, write_text
from edgecodec.temporary import shared_folder

HALF_WAY = """
import sys, time
from pathlib import Path
from edgecodec.storage import replacing_directory, replacing_file
with {replacing}(Path(sys.argv[1])) as temporary:
    print(temporary, flush=True)
    time.sleep(1000)
"""
PROGRAM = """
from edgecodec.same_bits import run_program
import subprocess, sys, tempfile, time
def main():
    with tempfile.NamedTemporaryFile() as of_library:
        print(of_library.name, flush=True)
        print(subprocess.run(["mktemp", "-u"], capture_output=True, text=True, check=True).stdout, end="", flush=True)
        time.sleep(float(sys.argv[1]))
run_program(main)
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@contextmanager
def running(code: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True,
                               env={**ENVIRONMENT, **environment})
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("replacing", ["replacing_file", "replacing_directory"])
def test_the_next_writer_beside_removes_what_a_killed_one_left(tmp_path: Path, replacing: str) -> None:
    with running(HALF_WAY.format(replacing=replacing), str(tmp_path / "raw")) as process:
        temporary = Path(line(process))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert temporary.parent.is_dir()
    write_text(tmp_path / "other.json", "{}")
    assert names(tmp_path) == ["other.json"]


def test_a_running_writer_keeps_its_own(tmp_path: Path) -> None:
    with running(HALF_WAY.format(replacing="replacing_directory"), str(tmp_path / "raw")) as process:
        temporary = Path(line(process))
        with replacing_directory(tmp_path / "raw") as new:
            (new / "a").touch()
        assert temporary.is_dir()
    assert names(tmp_path / "raw") == ["a"]


def test_only_temporary_folders_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".film.mkv.part").mkdir()
    (tmp_path / ".film.0a1b2c3d.part").write_text("of another program")
    with replacing_file(tmp_path / "a") as temporary:
        temporary.touch()
    assert names(tmp_path) == [".film.0a1b2c3d.part", ".film.mkv.part", "a"]


def test_git_ignores_them(repository: Path) -> None:
    for name in ("artifacts/.raw.0a1b2c3d.part/raw/recordings.json", "mlflow.db-journal"):
        ignored = subprocess.run(["git", "check-ignore", "-q", name], cwd=repository, check=False)
        assert ignored.returncode == 0, name


def test_all_temporary_files_of_a_killed_program_are_removed_by_the_next(tmp_path: Path) -> None:
    """Those of libraries and of other programs that it runs as well."""
    with running(PROGRAM, "1000", TMPDIR=str(tmp_path)) as process:
        of_library, of_child = Path(line(process)), Path(line(process))
        assert of_library.parent == of_child.parent
        assert of_library.parent.parent == tmp_path
        with running(PROGRAM, "0", TMPDIR=str(tmp_path)) as other:
            other.wait()
        assert of_library.exists()
    assert of_library.exists()
    with running(PROGRAM, "0", TMPDIR=str(tmp_path)) as other:
        other.wait()
    assert names(tmp_path) == []


def test_what_processes_share_lies_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert shared_folder() == tmp_path
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ".edgecodec.0a1b2c3d.part"))
    assert shared_folder() == tmp_path


def test_the_receivers_library_leaves_no_file_of_telemetry(tmp_path: Path) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "ORT_DISABLE_TELEMETRY"}
    code = "from edgecodec.packets.receiver import onnx_runtime; onnx_runtime()"
    subprocess.run([sys.executable, "-c", code], check=True, env={**environment, "TMPDIR": str(tmp_path)})
    assert names(tmp_path) == []
