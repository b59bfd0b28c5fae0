"""What it costs that training gives the same bits everywhere: python studies/same_bits_cost.py

Trains by profile quick on artifacts/windows, with and without the settings of edgecodec.same_bits, in turn, and writes
the ratio of the times to artifacts/metrics/same_bits.json. Nothing else should run meanwhile.
"""

from edgecodec.same_bits import SETTINGS, run_program  # first: before numpy and torch

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from edgecodec.progress import progress
from edgecodec.storage import rounded, write_json

PAIRS = 3
METRICS = Path("artifacts/metrics/same_bits.json")
WITHOUT = """
import runpy, sys, types
from edgecodec.errors import exit_with_one_line
sys.modules["edgecodec.same_bits"] = types.SimpleNamespace(
    THREADS=2, HOLDS_HERE=True, OTHER_BITS="", settle_torch=lambda: None, run_program=exit_with_one_line)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def main() -> None:
    stage = str(Path("stages/train.py").resolve())
    ratios = []
    for _ in progress(range(PAIRS), "Pairs of trainings"):
        fixed, free = seconds([stage]), seconds(["-c", WITHOUT, stage])
        ratios.append(fixed / free)
    write_json(METRICS, {"ratios": [rounded(ratio, 3) for ratio in ratios],
                         "median_ratio": rounded(statistics.median(ratios), 3)})


def seconds(program: list[str]) -> float:
    """That a training takes in a folder of its own."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params["train"]["profile"] = "quick"
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    environment |= {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(Path("src").resolve())}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "artifacts").mkdir()
        (folder / "artifacts" / "windows").symlink_to(Path("artifacts/windows").resolve())
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        start = time.perf_counter()
        subprocess.run([sys.executable, *program], cwd=folder, env=environment, check=True)
        return time.perf_counter() - start


if __name__ == "__main__":
    run_program(main)
