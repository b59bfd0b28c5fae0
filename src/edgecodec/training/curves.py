"""Learning curves while training goes on, written to MLflow by a process of its own.

A process of its own, because tracking may then fail or hang without harm, and because the stage `train` does not
depend on the code of the registry: a change there must not train again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 30


@contextmanager
def live_curves() -> Iterator[Callable[[int, dict[str, float]], None]]:
    """A function (step, metrics) that hands rows to ``python -m edgecodec.registry.live``."""
    tracker = subprocess.Popen([sys.executable, "-m", "edgecodec.registry.live"], stdin=subprocess.PIPE, text=True)
    rows = tracker.stdin
    assert rows is not None

    def report(step: int, metrics: dict[str, float]) -> None:
        try:
            rows.write(json.dumps({**metrics, "step": step}) + "\n")
            rows.flush()
        except (BrokenPipeError, ValueError):  # the tracker has given up, and has said why
            pass

    try:
        yield report
    finally:
        try:
            rows.close()
            tracker.wait(PATIENCE_SECONDS)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            tracker.kill()
