"""Stages killed at random moments: the next run ends with the bits of an undisturbed one and leaves nothing behind."""

from __future__ import annotations

import os
import random
import re
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgecodec.dvc_files import stages_of
from edgecodec.temporary import shared_folder

if TYPE_CHECKING:
    from conftest import Clone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

KILLS = {"acquire": 3, "validate": 3, "window": 3, "train": 5, "generate_c": 3, "register": 3}
MakeClone = Callable[[Path], "Clone"]


def clone_with_own_temporary_folder(make_clone: MakeClone, folder: Path) -> Clone:
    clone = make_clone(folder / "clone")
    (folder / "tmp").mkdir()
    clone.environment |= {"TMPDIR": str(folder / "tmp"),
                          "ZIG_GLOBAL_CACHE_DIR": str(shared_folder() / f"edgecodec-zig-{os.getuid()}")}
    return clone


def repro(clone: Clone, *stages: str) -> None:
    done = clone.run("dvc", "repro", *stages)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def seconds(clone: Clone, stage: str) -> float:
    begin = time.monotonic()
    assert clone.run(sys.executable, f"stages/{stage}.py").returncode == 0
    return time.monotonic() - begin


def kill_at_random_moments(clone: Clone, stage: str, duration: float, generator: random.Random) -> None:
    killed = 0
    while killed < KILLS[stage]:
        process = clone.start(sys.executable, f"stages/{stage}.py")
        time.sleep(generator.uniform(0, duration))
        killed += process.poll() is None
        process.kill()
        process.wait()


def files(clone: Clone) -> Counter[str]:
    """Files and folders, ignored by git or not, without what git, DVC and Python keep for themselves. Names that MLflow
    draws count as one name."""
    own = {".git", ".dvc", "__pycache__"}
    paths = [path.relative_to(clone.folder) for path in clone.folder.rglob("*")]
    return Counter(re.sub(r"[0-9a-f]{32}", "DRAWN", str(path)) for path in paths if not own & set(path.parts))


def status(clone: Clone) -> list[str]:
    lines = clone.run("git", "status", "--porcelain", "--ignored").stdout.splitlines()
    return sorted(line for line in lines if "__pycache__" not in line)


def bundle(clone: Clone) -> list[tuple[str]]:
    """The hashes of all registered bundles."""
    with closing(sqlite3.connect(clone.folder / "mlflow.db")) as database:
        return database.execute("select value from model_version_tags where key = 'bundle_sha256'").fetchall()


def test_twenty_kills_leave_nothing_behind_and_change_no_bit(make_clone: MakeClone, tmp_path: Path) -> None:
    for name in ("undisturbed", "disturbed"):
        (tmp_path / name).mkdir()
    undisturbed = clone_with_own_temporary_folder(make_clone, tmp_path / "undisturbed")
    repro(undisturbed)
    durations = {stage: seconds(undisturbed, stage) for stage in KILLS}

    disturbed = clone_with_own_temporary_folder(make_clone, tmp_path / "disturbed")
    everything = stages_of(disturbed.folder / "dvc.yaml")
    before = {"acquire": ["fingerprint_code"], "validate": ["acquire"], "window": ["validate"], "train": ["window"],
              "generate_c": ["export_float16"], "register": [name for name in everything if name != "register"]}
    generator = random.Random(11)
    for stage in KILLS:
        repro(disturbed, *before[stage])
        kill_at_random_moments(disturbed, stage, durations[stage], generator)
    repro(disturbed)

    assert (disturbed.folder / "dvc.lock").read_bytes() == (undisturbed.folder / "dvc.lock").read_bytes()
    assert bundle(disturbed) == bundle(undisturbed)
    assert files(disturbed) == files(undisturbed)
    assert status(disturbed) == status(undisturbed)
    assert list((tmp_path / "disturbed" / "tmp").iterdir()) == []
