"""A name for everything that decides the pipeline's results before it runs: commands, parameters, code, data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edgecodec.dvc_files import dvc_md5, stages_of
from edgecodec.errors import EdgeCodecError
from edgecodec.params import Params
from edgecodec.sources.fingerprint import STAGE as FINGERPRINTS


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


def _sources(stages: Iterable[dict[str, Any]]) -> Iterator[str]:
    """What some stage depends on and none produces."""
    stages = list(stages)
    produced = [name for stage in stages for kind in ("outs", "metrics", "plots")
                for name in _names(stage.get(kind, []))]
    for name in {name for stage in stages for name in _names(stage.get("deps", []))}:
        if not any(Path(name).is_relative_to(output) for output in produced):
            yield name


def _names(entries: Iterable[str | dict[str, Any]]) -> Iterator[str]:
    """Paths of a list in dvc.yaml, whose entries are a path, or a path with settings."""
    for entry in entries:
        yield entry if isinstance(entry, str) else next(iter(entry))


def _md5(source: Path) -> str:
    if not source.exists():
        raise EdgeCodecError(f"{source}: not found, although dvc.yaml lists it as a dependency")
    return dvc_md5(source)
