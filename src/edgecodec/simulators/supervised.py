"""Run a simulator to its end or to its time limit; what it printed is in a file, whatever happens."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.transcript import Transcript, parse_transcript

_TERMINAL_COLORS = re.compile(r"\x1b\[[0-9;]*m")


def run_to_end(simulator: str, command: Sequence[str], *, output: Path, folder: Path,
               environment: Mapping[str, str], time_limit_seconds: float) -> None:
    """Run ``command`` in ``folder`` with both of its outputs into the file ``output``. Nothing of it outlives the call.

    Args:
        simulator: what error texts begin with.

    Raises:
        EdgeCodecError: the time limit passed, or the exit status is not 0; the text names the last line printed.
    """
    with output.open("wb") as stream:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(time_limit_seconds)
        except subprocess.TimeoutExpired:
            raise EdgeCodecError(f"{simulator}: killed at the time limit of {time_limit_seconds:g} s "
                                 f"(verify.time_limit_seconds); {_last_line(output)}") from None
        finally:
            with suppress(ProcessLookupError):  # the whole group: simulators start through scripts
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if status != 0:
        raise EdgeCodecError(f"{simulator}: ended with status {status}; {_last_line(output)}")


def read_transcript(simulator: str, output: Path) -> Transcript:
    """What a verification program printed into ``output``.

    Raises:
        EdgeCodecError: nothing, or not all of it.
    """
    text = _printed(output)
    if not text.strip():
        raise EdgeCodecError(f"{simulator}: printed nothing, although it reported no failure; is it installed whole?")
    return parse_transcript(text)


def _printed(output: Path) -> str:
    return _TERMINAL_COLORS.sub("", output.read_text(encoding="utf-8", errors="replace"))


def _last_line(output: Path) -> str:
    lines = [line.strip() for line in _printed(output).splitlines() if line.strip()]
    return f"last line: '{lines[-1][:160]}'" if lines else "it printed nothing"
