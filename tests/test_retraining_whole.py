"""The loop closed, in small: what nodes sent from a stronger wind is trained on, and the outcome is promoted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from field_recordings import write_field

from edgecodec.data.recordings import is_beside
from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.slow_drifts import FASTER

if TYPE_CHECKING:
    from conftest import Clone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
EDGECODEC = str(Path(sys.executable).parent / "edgecodec")


@pytest.fixture(scope="module")
def clone(make_clone: Callable[[Path], Clone], tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """With version 1 as champion, and its results committed."""
    clone = make_clone(tmp_path_factory.mktemp("clone") / "fleet")
    clone.environment |= {f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER")
                          for what in ("NAME", "EMAIL")}
    params = clone.folder / "params.yaml"
    params.write_text(params.read_text().replace("  error: 10.0 ", "  error: 50.0 "))  # hardly trained
    succeed(clone, "dvc", "repro")
    succeed(clone, "git", "add", "--all")
    succeed(clone, "git", "commit", "-qm", "Record results")
    promote(clone, "1")
    return clone


def succeed(clone: Clone, *command: str) -> subprocess.CompletedProcess[str]:
    done = clone.run(*command)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def promote(clone: Clone, version: str) -> str:
    return succeed(clone, EDGECODEC, "releases", "promote", version, "--reason", "better", "--by", "ada",
                   "--accept-estimated", "a test").stdout


@pytest.mark.parametrize(("refit", "version"), [("codebooks", "2"), ("all", "3")])
def test_a_drift_is_retrained_and_promoted(clone: Clone, tmp_path: Path, refit: str, version: str) -> None:
    validation = WindowSet.open(clone.folder / "artifacts/windows/validation")
    names, first = np.unique(validation.recording, return_index=True)
    which = first[[not is_beside(name) for name in names]]
    sent = write_field(tmp_path / "sent", validation.inputs(which) * np.float32(FASTER**2), validation.channel_names)
    done = succeed(clone, EDGECODEC, "fleet", "retrain", str(sent), "--refit", refit, "--json")
    compared = json.loads(done.stdout)
    (old, new), champion = (compared["windows"][kind] for kind in ("old", "new")), compared["champion"]
    for rate, error in new["champion"].items():
        assert new["candidate"][rate] < (0.5 if champion == "1" else 1.1) * error
        assert old["candidate"][rate] < 1.1 * old["champion"][rate]

    branch = next(word for word in done.stderr.split() if word.startswith("retrain/"))
    assert succeed(clone, "git", "status", "--porcelain").stdout == ""
    succeed(clone, "git", "merge", "-q", branch)
    succeed(clone, "dvc", "checkout", "--allow-missing")
    assert succeed(clone, "dvc", "status", "verify_gvsoc").stdout.startswith("Data and pipelines are up to date")
    assert f"version {version} is the champion" in promote(clone, version)
