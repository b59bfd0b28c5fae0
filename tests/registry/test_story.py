"""The story of docs/fleet.md in short: fewer nodes and days, a small codec, the same acts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import small_pipeline
from small_project import REPOSITORY, enter, git

from edgecodec.artifacts import METRICS
from edgecodec.params import load_params
from edgecodec.registry.register import register
from edgecodec.registry.releases import Releases, Request
from edgecodec.settings import write_settings
from edgecodec.storage import read_json
from studies import story
from studies.simulated_fleet import scenes_of

PLAN = story.Plan(nodes=12, in_new_wind=3, canaries=3, windows_a_day=4, seconds=20, changes=1, alarmed=2, retrained=3,
                  everywhere=5, end=6, margin_percent=50.0)


@pytest.fixture
def project(new_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a champion that the small pipeline made; the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copyfile(new_store, folder / "mlflow.db")
    enter(folder, monkeypatch)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@localhost")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "src", Path(__file__).parent))))
    shutil.copyfile(REPOSITORY / "tests/small_params.yaml", "params.yaml")
    write_settings(Path("params.yaml"), small_pipeline.SETTINGS | {
        "fleet.period_minutes": 60, "fleet.false_alarms_per_node_year": 1})  # of few recordings: else alarms take days
    METRICS.mkdir(parents=True)
    shutil.copyfile(REPOSITORY / METRICS / "cycle_estimate.json", METRICS / "cycle_estimate.json")
    Path(".gitignore").write_text("/.cache/\n/mlartifacts/\n/mlflow.db\n/artifacts/[!m]*/\n/artifacts/model/\n")
    small_pipeline.write_definition()
    git(folder, "init", "-q")
    subprocess.run(["dvc", "init", "-q"], check=True)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Begin")
    small_pipeline.main()
    subprocess.run(["dvc", "commit", "-f"], check=True)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Record results")
    params = load_params()
    assert register(params, folder).version
    Releases.open(params, folder).promote("candidate", Request("ada", "the first", "a test"))
    return folder


def test_the_loop_closes(project: Path) -> None:
    remarks, windows = (read_json(METRICS / f"{name}.json") for name in ("remarks", "windows"))
    assert remarks["reference"]["recordings"] == windows["splits"]["validation"]["recordings"]
    generator = np.random.default_rng(1)
    scenes = scenes_of(load_params(), PLAN.seconds, generator)
    told = story.tell(PLAN, scenes, 24.0, generator)
    assert told["sensors_die"]["without_mask"] == 0
    assert told["windows_come"]["nodes"] >= PLAN.in_new_wind
    assert told["candidate_is_promoted"]["version"] == "2"
    assert told["canaries_go_first"]["canaries"] == PLAN.canaries
    assert told["everyone_follows"]["windows"] == PLAN.nodes * 24 * PLAN.end
