"""``python -m edgecodec.registry.live``: learning curves from stdin, a JSON row per line, to the state's MLflow run."""

from __future__ import annotations

import json
import sys

from edgecodec.errors import exit_with_one_line
from edgecodec.params import load_params
from edgecodec.registry.tracking import live_run


def main() -> None:
    with live_run(load_params()) as run:
        for line in sys.stdin:
            row = json.loads(line)
            run.log(int(row.pop("step")), row)


if __name__ == "__main__":
    exit_with_one_line(main)
