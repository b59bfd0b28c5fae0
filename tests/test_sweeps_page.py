"""docs/sweeps.md shows the table that a sweep left behind, and the table is made from experiments."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

PIPELINE = """
stages:
  analyze:
    cmd: python analyze.py
    deps: [analyze.py]
    params: [codewords, stages]
    metrics:
      - artifacts/metrics/rate_distortion.json: {cache: false}
      - artifacts/metrics/codebooks.json: {cache: false}
"""
ANALYZE = """
import json, pathlib, yaml
params = yaml.safe_load(open("params.yaml"))
folder = pathlib.Path("artifacts/metrics")
folder.mkdir(parents=True, exist_ok=True)
figures = {"1": {"bits_per_window": 6 * params["stages"], "error_percent": 60 / params["codewords"]}}
(folder / "rate_distortion.json").write_text(json.dumps({"splits": {"validation": {"edgecodec": figures}}}))
(folder / "codebooks.json").write_text(json.dumps({"least_usage": 0.5}))
"""


@pytest.fixture
def sweep(repository: Path) -> pd.DataFrame:
    return pd.read_csv(repository / "artifacts" / "metrics" / "sweep.csv")


def sweep_table(sweep: pd.DataFrame) -> Iterator[str]:
    """The table, as the page must show it."""
    yield "| codewords | stages per rate | rate 1 | rate 2 | rate 3 | rate 4 | usage |"
    yield "|---|---|---|---|---|---|---|"
    for point in sweep.to_dict("records"):
        rates = " | ".join(f"{point[f'bits_per_window.rate{rate}']:.0f} bits, "
                           f"{point[f'error_percent.rate{rate}']:.2f} %" for rate in range(1, 5))
        yield (f"| {point['codecs.edge.codewords']:.0f} | {point['codecs.edge.stages_per_rate']:.0f} | {rates} "
               f"| {point['least_codebook_usage']:.0%} |").replace("% |", " % |").replace("  %", " %")


def test_the_table_is_that_of_the_file(sweep: pd.DataFrame, repository: Path) -> None:
    assert "\n".join(sweep_table(sweep)) in (repository / "docs" / "sweeps.md").read_text()


@pytest.mark.parametrize("rate", [1, 2, 3, 4])
def test_more_bits_make_a_smaller_error_as_the_page_says(sweep: pd.DataFrame, rate: int) -> None:
    assert sweep.sort_values(f"bits_per_window.rate{rate}")[f"error_percent.rate{rate}"].is_monotonic_decreasing


@pytest.mark.slow
def test_the_file_is_made_from_finished_experiments(repository: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                   "PYTHONPATH": str(repository / "src"), "DVC_NO_ANALYTICS": "1"}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "analyze.py").write_text(ANALYZE)
    (tmp_path / "params.yaml").write_text("codewords: 4\nstages: 2\nseed: 7\n")
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "repro", "-q"], ["git", "add", "."],
                    ["git", "config", "user.name", "test"], ["git", "config", "user.email", "test@localhost"],
                    ["git", "commit", "-qm", "Begin"]):
        assert run(*command).returncode == 0
    script = str(repository / "studies" / "sweep_table.py")
    nothing = run(sys.executable, script)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (1, 1)
    assert "no finished experiment of this commit" in nothing.stderr

    assert run("dvc", "exp", "run", "--queue", "-S", "codewords=10,20", "-S", "stages=3").returncode == 0
    assert run("dvc", "exp", "run", "--run-all").returncode == 0
    made = run(sys.executable, script)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "artifacts" / "metrics" / "sweep.csv").read_text() == (
        "codewords,bits_per_window.rate1,error_percent.rate1,least_codebook_usage\n10,18,6,0.5\n20,18,3,0.5\n")
