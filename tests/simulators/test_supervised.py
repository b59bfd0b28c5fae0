"""Programs that hang, fail, say nothing or stop early: one clear line each, and nothing left running."""

import os
import time
from pathlib import Path

import pytest

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.supervised import read_transcript, run_to_end


def run(script: str, folder: Path, time_limit_seconds: float = 10) -> Path:
    output = folder / "transcript.txt"
    run_to_end("fake", ("/bin/sh", "-c", script), output=output, folder=folder, environment=os.environ,
               time_limit_seconds=time_limit_seconds)
    return output


def is_gone(process: int) -> bool:
    """Whether the process has ended, or does so within a second: a signal takes its time on a busy machine."""
    deadline = time.monotonic() + 1
    while is_running(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_running(process)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")")[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_program_that_hangs_is_killed_with_all_its_children(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(EdgeCodecError) as refused:
        run("sleep 60 & echo $! > child; echo layer 3 unit_wide; echo; wait", tmp_path, time_limit_seconds=0.5)
    assert time.monotonic() - start < 5
    assert str(refused.value) == ("fake: killed at the time limit of 0.5 s (verify.time_limit_seconds); "
                                  "last line: 'layer 3 unit_wide'")
    assert is_gone(int((tmp_path / "child").read_text()))


def test_children_do_not_outlive_a_program_that_ends_well(tmp_path: Path) -> None:
    run("sleep 60 & echo $! > child", tmp_path)
    assert is_gone(int((tmp_path / "child").read_text()))


def test_a_failure_names_the_status_and_the_last_line_without_colors(tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"^fake: ended with status 3; last line: 'Invalid access'$"):
        run("printf 'window 0\\n\\033[31mInvalid\\033[0m access\\n'; exit 3", tmp_path)


def test_a_crash_without_a_word_says_so(tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"^fake: ended with status -11; it printed nothing$"):
        run("kill -SEGV $$", tmp_path)


def test_a_program_that_prints_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"^fake: printed nothing"):
        read_transcript("fake", run("exit 0", tmp_path))


def test_a_transcript_that_stops_early_names_its_last_line(tmp_path: Path) -> None:
    script = "echo model 0123456789abcdef workers 8; echo window 0; echo layer 0 normalize hash 00 cycles 5"
    with pytest.raises(EdgeCodecError, match=r"stopped before its end .*layer 0 normalize"):
        read_transcript("fake", run(script, tmp_path))
