"""A name for everything that decides the pipeline's results before it runs: commands, parameters, sources."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from edgecodec.errors import EdgeCodecError
from edgecodec.params import Params


def pipeline_key(params: Params, folder: Path) -> str:
    """sha256, in hex, of the stage commands, the parameters and every source that no stage produces.

    Any stage can compute it, before, while and after the pipeline runs, and finds the same key. The registry's own
    settings say where results go, not what they are: they are left out.

    Args:
        folder: where dvc.yaml is, and what its paths are relative to.

    Raises:
        EdgeCodecError: dvc.yaml is absent or no YAML, or a source it names is absent.
    """
    stages = _stages(folder / "dvc.yaml")
    state = {
        "commands": {name: stage["cmd"] for name, stage in stages.items()},
        "params": params.model_dump(mode="json", by_alias=True, exclude={"registry"}),
        "sources": {str(path.relative_to(folder)): _md5(path) for path in _sources(stages.values(), folder)},
    }
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _stages(path: Path) -> dict[str, dict[str, Any]]:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]  # type: ignore[no-any-return]
    except FileNotFoundError:
        raise EdgeCodecError(f"{path}: not found; run in the project's folder") from None
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise EdgeCodecError(f"{path}: not a DVC pipeline ({error}); restore it (git checkout dvc.yaml)") from None


def _sources(stages: Iterable[dict[str, Any]], folder: Path) -> list[Path]:
    """Every file that some stage depends on and none produces."""
    stages = list(stages)
    produced = [folder / name for stage in stages for kind in ("outs", "metrics", "plots")
                for name in _names(stage.get(kind, []))]
    wanted = {folder / name for stage in stages for name in _names(stage.get("deps", []))}
    files: set[Path] = set()
    for source in wanted:
        if not any(source.is_relative_to(output) for output in produced):
            files.update(_files(source))
    return sorted(files)


def _names(entries: Iterable[str | dict[str, Any]]) -> Iterator[str]:
    """Paths of a list in dvc.yaml, whose entries are a path, or a path with settings."""
    for entry in entries:
        yield entry if isinstance(entry, str) else next(iter(entry))


def _files(source: Path) -> list[Path]:
    if not source.exists():
        raise EdgeCodecError(f"{source}: not found, although dvc.yaml lists it as a dependency")
    if source.is_file():
        return [source]
    return [path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
