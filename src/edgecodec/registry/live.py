"""Learning curves in MLflow while a training goes on: ``python -m edgecodec.registry.live`` reads rows from stdin.

Each line is a JSON object with the ``step`` and the metrics of one point. It is a program of its own, so that tracking
may fail or hang without harm to the training that feeds it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edgecodec.designed import designed
from edgecodec.errors import EdgeCodecError, exit_with_one_line
from edgecodec.registry.store import open_store, reporting_failure
from edgecodec.registry.tracking import run_of_state


def main() -> None:
    try:
        with reporting_failure():
            run = run_of_state(open_store(), designed(), Path())
            for line in sys.stdin:
                run.log_curves([json.loads(line)])
    except EdgeCodecError as error:
        raise EdgeCodecError(f"no live learning curves in MLflow; the stage register adds them ({error})") from None


if __name__ == "__main__":
    exit_with_one_line(main)
