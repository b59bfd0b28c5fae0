"""What the pipeline's results were made from: the md5 of every file by DVC, and a name for all that decides them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edgecodec.dvc_files import dvc_md5, stages_of
from edgecodec.errors import EdgeCodecError
from edgecodec.git import git
from edgecodec.params import Params
from edgecodec.sources.fingerprint import STAGE as FINGERPRINTS

Lineage = dict[str, dict[str, dict[str, str]]]  # stage > "deps" or "outs" > path > md5


def read_lineage(folder: Path) -> Lineage:
    """The md5 of the dependencies and outputs of every stage that has outputs, from ``folder``/dvc.lock.

    DVC leaves stages in dvc.lock that dvc.yaml no longer has: they made nothing of the present results. The stage that
    fingerprints code does so for studies, too; what results were made from is among the dependencies of their stages.

    Raises:
        EdgeCodecError: dvc.lock or dvc.yaml is absent or damaged.
    """
    present, locked = stages_of(folder / "dvc.yaml"), stages_of(folder / "dvc.lock")
    try:
        return {
            name: {kind: {entry["path"]: entry["md5"] for entry in stage.get(kind, [])} for kind in ("deps", "outs")}
            for name, stage in locked.items() if name in present and name != FINGERPRINTS and "outs" in stage
        }
    except (TypeError, KeyError, AttributeError) as error:
        raise EdgeCodecError(f"{folder / 'dvc.lock'}: not a lock file of DVC ({error}); restore it (git checkout "
                             "dvc.lock)") from None


def commit_of(lineage: Lineage, repository: Path) -> str | None:
    """The newest commit, on any branch or tag, whose dvc.lock has every md5 of ``lineage``; None if there is none."""
    wanted = {md5 for stage in lineage.values() for files in stage.values() for md5 in files.values()}
    commits = git(repository, "log", "--format=%H", "HEAD", "--branches", "--tags", "--remotes", "--", "dvc.lock")
    for commit in (commits or "").split():
        locked = git(repository, "show", f"{commit}:dvc.lock")
        if locked is not None and all(md5 in locked for md5 in wanted):
            return commit
    return None


def pipeline_key(params: Params, folder: Path) -> str:
    """sha256, in hex, of the stage commands, the parameters and every source that no stage produces.

    Any stage can compute it, before, while and after the pipeline runs, and finds the same key. The registry's own
    settings say where results go, not what they are: they are left out. The fingerprints of code count as sources, not
    the files that they are of: an edited comment keeps the key.

    Args:
        folder: where dvc.yaml is, and what its paths are relative to.

    Raises:
        EdgeCodecError: dvc.yaml is absent or no YAML, or a source it names is absent.
    """
    stages = {name: stage for name, stage in stages_of(folder / "dvc.yaml").items() if name != FINGERPRINTS}
    state = {
        "commands": {name: stage["cmd"] for name, stage in stages.items()},
        "params": params.model_dump(mode="json", by_alias=True, exclude={"registry"}),
        "sources": {name: _md5(folder / name) for name in sorted(_sources(stages.values()))},
    }
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _sources(stages: Iterable[dict[str, Any]]) -> set[str]:
    """What some stage depends on and none produces."""
    stages = list(stages)
    produced = [name for stage in stages for kind in ("outs", "metrics", "plots") for name in _paths(stage, kind)]
    return {name for stage in stages for name in _paths(stage, "deps")
            if not any(Path(name).is_relative_to(output) for output in produced)}


def _paths(stage: dict[str, Any], kind: str) -> Iterator[str]:
    """Of a list in dvc.yaml, whose entries are a path, or a path with settings."""
    for entry in stage.get(kind, []):
        yield entry if isinstance(entry, str) else next(iter(entry))


def _md5(source: Path) -> str:
    if not source.exists():
        raise EdgeCodecError(f"{source}: not found, although dvc.yaml lists it as a dependency")
    return dvc_md5(source)
