"""What nodes sent makes a candidate beside the champion; the project stays as it was, and nobody is promoted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from field_recordings import write_field
from small_project import CHANNELS, REPOSITORY, git, metrics, random_windows
from test_cli import Command, edgecodec  # noqa: F401  (a fixture)

from edgecodec.model.codec import load_model
from edgecodec.registry.bundle import PARTS
from edgecodec.registry.registered import fetch_model, find_version
from edgecodec.registry.store import open_store
from edgecodec.registry.versions import CANDIDATE, CHAMPION, aliases_of

PIPELINE = '''
from edgecodec.same_bits import run_program
import os
from pathlib import Path
from edgecodec.artifacts import ARTIFACTS, CHECKPOINTS, RAW, TRAIN_WINDOWS, VALIDATION_WINDOWS, WINDOWS
from edgecodec.data.acquisition import acquire
from edgecodec.data.recordings import lists_in
from edgecodec.data.windows import WindowSet, write_windows
from edgecodec.errors import EdgeCodecError
from edgecodec.params import load_params
from edgecodec.training.loop import Trainer
from edgecodec.training.refitting import networks_to_keep
from small_project import write_results

def main():
    if "POWER_CUT" in os.environ:
        raise EdgeCodecError("the power was cut")
    params = load_params()
    acquire(params.data, params.seed, RAW)
    write_windows(lists_in(RAW), frozenset(), params.window, WINDOWS)
    sets = WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS)
    write_results(Trainer(params, *sets, CHECKPOINTS, networks=networks_to_keep(params, sets[0])).run().codec, params,
                  ARTIFACTS)

run_program(main)
'''


def recording(seed: int) -> pd.DataFrame:
    rows = np.concatenate(random_windows(40, seed), axis=1)
    return pd.DataFrame({"time": np.arange(rows.shape[1]) / 100, **dict(zip(CHANNELS, rows, strict=True))})


def change(**settings: Any) -> None:
    """Of params.yaml, by dotted names with two underscores."""
    content = yaml.safe_load(Path("params.yaml").read_text())
    for name, value in settings.items():
        *above, last = name.split("__")
        section = content
        for part in above:
            section = section[part]
        section[last] = value
    Path("params.yaml").write_text(yaml.safe_dump(content))


@pytest.fixture
def fleet(registered: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a champion, whose pipeline trains on four recordings of its own; the working directory."""
    Path("recordings").mkdir()
    for seed in range(4):
        recording(seed).to_parquet(f"recordings/{seed}.parquet")
    change(data__source="array", data__path="recordings", data__array__channels=list(CHANNELS),
           window__skip_first_rows=0, window__skip_last_rows=0, train__edge__codebook_windows=400)
    outputs = [*(f"artifacts/{name}" for name in (*PARTS.values(), "windows") if name != "metrics"),
               *({f"artifacts/metrics/{name}.json": {"cache": False}} for name in metrics())]
    Path("pipeline.py").write_text(PIPELINE)
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"all": {
        "cmd": "python pipeline.py", "deps": ["pipeline.py"], "params": ["data", "train"], "outs": outputs}}}))
    Path("dvc.lock").unlink()
    with Path(".gitignore").open("a") as file:
        file.write("/recordings/\n")
    subprocess.run(["dvc", "init", "-q"], check=True)
    git(registered, "add", ".")
    git(registered, "commit", "-qm", "Train on recordings")
    open_store().client.set_registered_model_alias("edgecodec", CHAMPION, "1")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@localhost")
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}{os.pathsep}{REPOSITORY / 'src'}")
    return registered


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """Windows of a node where everything moves twice as much."""
    return write_field(tmp_path / "sent", 2 * random_windows(24, seed=9), CHANNELS)


def state() -> tuple[str, str, str]:
    """Of what a person sees of a project: the files, the branch, and what is not committed."""
    return tuple(subprocess.run(command, capture_output=True, text=True, check=True).stdout for command in (
        ["git", "ls-files", "-s"], ["git", "rev-parse", "--abbrev-ref", "HEAD"], ["git", "status", "--porcelain"]))


def test_a_candidate_comes_of_what_nodes_sent(fleet: Path, sent: Path, tmp_path: Path, edgecodec: Command,  # noqa: F811
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    before = state()
    monkeypatch.setenv("POWER_CUT", "now")
    interrupted = edgecodec("fleet", "retrain", sent, "--refit", "codebooks")
    assert (interrupted.status, interrupted.err.splitlines()[-1].partition(": the pipeline")[2]) == (
        1, " failed: the power was cut")
    monkeypatch.delenv("POWER_CUT")
    done = edgecodec("fleet", "retrain", sent, "--refit", "codebooks", "--json")
    assert done.status == 0, done.err[-2000:]
    assert state() == before
    assert not list(Path(".cache/workspaces").iterdir())

    compared = json.loads(done.out)
    assert {kind: each["windows"] for kind, each in compared["windows"].items()} == {"old": 7, "new": 8}
    assert all(each[codec].keys() == {"1", "2"} for each in compared["windows"].values()
               for codec in ("champion", "candidate"))
    store = open_store()
    assert aliases_of(store.client, "edgecodec") == {CANDIDATE: "3", CHAMPION: "1"}
    version = find_version(store, "edgecodec", "3")
    assert version.tags["comparison.new"].endswith("(8 windows)")
    assert json.loads(Path(store.client.download_artifacts(version.run_id, "comparison.json")).read_text()) == compared

    champion, candidate = (load_model(fetch_model(store, find_version(store, "edgecodec", number), tmp_path / number)
                                      / "artifacts/bundle/decoder").state_dict() for number in ("1", "3"))
    changed = {name.partition(".")[0] for name in champion if not np.array_equal(champion[name], candidate[name])}
    assert changed <= {"quantizer", "coded"}
    assert changed

    branch = next(word for word in done.err.split() if word.startswith("retrain/"))
    shutil.rmtree("artifacts")
    git(fleet, "merge", "-q", branch)
    there = yaml.safe_load(Path("params.yaml").read_text())
    subprocess.run(["dvc", "checkout", "-q", "--allow-missing"], check=True)
    tracked = Path(there["data"]["field"]["path"])
    assert {path.name: path.read_bytes() for path in tracked.iterdir()} == {
        path.name: path.read_bytes() for path in sent.iterdir()}


def test_what_cannot_be_retrained_is_said_in_one_line(fleet: Path, sent: Path, tmp_path: Path,
                                                      edgecodec: Command) -> None:  # noqa: F811
    def told(folder: Path, *options: str) -> str:
        done = edgecodec("fleet", "retrain", folder, *options)
        assert done.status == 1
        assert not Path(".cache").exists()
        return done.err

    (tmp_path / "empty").mkdir()
    assert "empty: holds no recordings from the field; fill it by `edgecodec fleet windows`" in told(tmp_path / "empty")
    other = write_field(tmp_path / "other", random_windows(8)[:, :2], ("left", "top"))
    assert f"{other}: 2 channels (left, top), but the champion's windows have 6 channels (A, " in told(other)
    brief = write_field(tmp_path / "brief", random_windows(3), CHANNELS)
    assert f"{brief}: all windows are of one hour, 2030-01-01T00; it takes two" in told(brief)

    change(codecs__edge__coefficients=5)
    assert "params.yaml: changed and not committed; commit, or put the change aside (git stash)" in told(sent)
    git(fleet, "commit", "-qam", "Keep fewer coefficients")
    assert "codecs.edge.coefficients is 6 there and 5 now; make them equal, or set train.refit to all" in told(
        sent, "--refit", "codebooks")
    open_store().client.delete_registered_model_alias("edgecodec", CHAMPION)
    assert "registered model edgecodec: no champion to compare with in " in told(sent)
