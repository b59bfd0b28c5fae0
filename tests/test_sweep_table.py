"""studies/sweep_table.py makes a table from finished experiments."""

import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.slow
def test_the_table_is_made_from_finished_experiments(repository: Path, tmp_path: Path) -> None:
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
