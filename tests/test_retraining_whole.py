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


def retrain(clone: Clone, folder: Path, refit: str) -> str:
    """By windows of a stronger wind; the branch. The champion errs on them, the candidate far less."""
    validation = WindowSet.open(clone.folder / "artifacts/windows/validation")
    _, first = np.unique(validation.recording, return_index=True)
    sent = write_field(folder, validation.inputs(first) * np.float32(FASTER**2), validation.channel_names)
    done = succeed(clone, EDGECODEC, "fleet", "retrain", str(sent), "--refit", refit, "--json")
    old, new = (json.loads(done.stdout)["windows"][kind] for kind in ("old", "new"))
    for rate in ("1", "2", "3", "4"):
        assert new["candidate"][rate] < 0.5 * new["champion"][rate]
        assert old["candidate"][rate] < 1.1 * old["champion"][rate]
    assert succeed(clone, "git", "status", "--porcelain").stdout == ""
    return next(word for word in done.stderr.split() if word.startswith("retrain/"))


@pytest.mark.parametrize("refit", ["all", "codebooks"])
def test_a_drift_is_retrained_on(clone: Clone, tmp_path: Path, refit: str) -> None:
    clone.branch = retrain(clone, tmp_path / "sent", refit)  # type: ignore[attr-defined]


def test_what_was_retrained_last_is_promoted(clone: Clone) -> None:
    succeed(clone, "git", "merge", "-q", clone.branch)  # type: ignore[attr-defined]
    succeed(clone, "dvc", "checkout", "--allow-missing")
    assert succeed(clone, "dvc", "status", "verify_gvsoc").stdout.startswith("Data and pipelines are up to date")
    assert "version 3 is the champion" in promote(clone, "candidate")
