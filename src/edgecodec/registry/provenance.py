"""Where a bundle comes from: its files are the outputs that DVC recorded, and git has the commit that records them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from edgecodec.dvc_files import dvc_md5
from edgecodec.registry.bundle import PARTS
from edgecodec.registry.lineage import Lineage

JUDGED = ("windows", "training", "rate_distortion", "codebooks", "float16", "verification", "damage")  # metrics


def broken_lineage(bundle: Path, lineage: Lineage) -> Iterator[str]:
    """Each part of the bundle whose bytes are not those that its ``lineage`` names."""
    outputs = {path: md5 for stage in lineage.values() for path, md5 in stage.get("outs", {}).items()}
    parts = {f"artifacts/{name}": bundle / part for part, name in PARTS.items() if part != "metrics"}
    parts |= {f"artifacts/metrics/{path.name}": path for path in sorted((bundle / "metrics").glob("*.json"))}
    required = {*(output for output in parts if "metrics" not in output),
                *(f"artifacts/metrics/{name}.json" for name in JUDGED)}
    for output in sorted(required - outputs.keys()):
        yield f"lineage.json names no md5 of {output}"
    for output, path in parts.items():
        if output in outputs and dvc_md5(path) != outputs[output]:
            yield f"{path.relative_to(bundle)} is not the {output} that DVC recorded"


def commit_of(lineage: Lineage, repository: Path) -> str | None:
    """The newest commit, on any branch or tag, whose dvc.lock has every md5 of ``lineage``; None if there is none."""
    wanted = {md5 for stage in lineage.values() for files in stage.values() for md5 in files.values()}
    commits = _git(repository, "log", "--format=%H", "HEAD", "--branches", "--tags", "--remotes", "--", "dvc.lock")
    for commit in (commits or "").split():
        locked = _git(repository, "show", f"{commit}:dvc.lock")
        if locked is not None and all(md5 in locked for md5 in wanted):
            return commit
    return None


def is_commit(name: str, repository: Path) -> bool:
    """Whether ``name`` is the full name of a commit that the repository has."""
    is_full = re.fullmatch("[0-9a-f]{40}", name) is not None
    return is_full and _git(repository, "cat-file", "-e", f"{name}^{{commit}}") is not None


def in_git(repository: Path) -> bool:
    return _git(repository, "rev-parse", "HEAD") is not None


def _git(repository: Path, *arguments: str) -> str | None:
    """What git prints; None if it fails, or is not there."""
    try:
        done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
