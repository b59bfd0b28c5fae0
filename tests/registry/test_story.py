"""The story of docs/fleet.md in short: fewer nodes and days, a small codec, the same acts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_project import REPOSITORY, enter, git

from edgecodec.artifacts import METRICS
from edgecodec.params import load_params
from edgecodec.registry.bundle import PARTS
from edgecodec.registry.register import register
from edgecodec.registry.releases import Releases, Request
from edgecodec.settings import write_settings
from studies import story

PLAN = story.Plan(nodes=12, in_new_wind=3, canaries=3, windows_a_day=1, changes=1, alarmed=2, retrained=4,
                  everywhere=6, end=7, margin_percent=50.0)
SETTINGS = {"gates.error": 50.0, "analyze.rivals": ["means"], "fleet.period_minutes": 60, "codecs.edge.rates": 1,
            **{f"train.edge.{name}": 0 for name in ("warmup_steps", "joint_steps", "decoder_steps")}}
STAGES = ("acquire", "validate", "window", "train", "analyze_codebooks", "classify_damage", "calibrate",
          "export_float16", "examine_remarks", "export_receiver", "generate_c", "verify_gvsoc")
PIPELINE = f'''
from edgecodec.same_bits import run_program
from stages import {", ".join(STAGES)}

def main():
    examine_remarks.WINDOWS, examine_remarks.DISTURBED_WINDOWS = 24, 2
    for stage in ({", ".join(STAGES)}):
        stage.main()

run_program(main)
'''
MEASURED = ("windows", "training", "rate_distortion", "codebooks", "damage", "calibration", "float16", "remarks",
            "firmware", "verification", "validation")


@pytest.fixture
def project(new_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a champion that a pipeline of all stages in one process made; the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copyfile(new_store, folder / "mlflow.db")
    enter(folder, monkeypatch)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@localhost")
    monkeypatch.setenv("PYTHONPATH", f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'src'}")
    shutil.copyfile(REPOSITORY / "tests/small_params.yaml", "params.yaml")
    write_settings(Path("params.yaml"), SETTINGS)
    METRICS.mkdir(parents=True)
    shutil.copyfile(REPOSITORY / METRICS / "cycle_estimate.json", METRICS / "cycle_estimate.json")
    outputs = [*(f"artifacts/{name}" for name in (*PARTS.values(), "windows") if name != "metrics"),
               *({f"{METRICS}/{name}.json": {"cache": False}} for name in MEASURED)]
    Path("pipeline.py").write_text(PIPELINE)
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"all": {
        "cmd": "python pipeline.py", "deps": ["pipeline.py"], "params": ["data", "train"], "outs": outputs}}}))
    Path(".gitignore").write_text("/.cache/\n/mlartifacts/\n/mlflow.db\n/artifacts/[!m]*/\n/artifacts/model/\n")
    git(folder, "init", "-q")
    subprocess.run(["dvc", "init", "-q"], check=True)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Begin")
    subprocess.run(["dvc", "repro", "-q"], check=True)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Record results")
    params = load_params()
    assert register(params, folder).version
    Releases.open(params, folder).promote("candidate", Request("ada", "the first", "a test"))
    return folder


def test_the_loop_closes(project: Path) -> None:
    generator = np.random.default_rng(1)
    scenes = story.scenes_of(load_params(), generator)
    told = story.tell(PLAN, scenes, 24.0, generator)
    assert told["sensors_die"]["without_mask"] == 0
    assert told["windows_come"]["nodes"] >= PLAN.in_new_wind
    assert told["candidate_is_promoted"]["version"] == "2"
    assert told["canaries_go_first"]["canaries"] == PLAN.canaries
    assert told["everyone_follows"]["windows"] == PLAN.nodes * 24 * PLAN.end
