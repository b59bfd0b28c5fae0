"""Files of DVC: the stages that dvc.yaml and dvc.lock name, and the md5 by which dvc.lock knows a file or a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from edgecodec.errors import EdgeCodecError

Stages = dict[str, dict[str, Any]]


def stages_of(path: Path) -> Stages:
    """The stages in a dvc.yaml or dvc.lock.

    Raises:
        EdgeCodecError: the file is absent or damaged.
    """
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["stages"])
    except FileNotFoundError:
        raise EdgeCodecError(f"{path}: not found; run the pipeline (make repro) in the project's folder") from None
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise EdgeCodecError(f"{path}: not a file of DVC ({error}); restore it (git checkout {path.name})") from None


def dvc_md5(path: Path) -> str:
    """What DVC writes into dvc.lock for a file or a folder."""
    if path.is_file():
        return _md5(path)
    files = sorted((file.relative_to(path) for file in path.rglob("*") if file.is_file()), key=lambda file: file.parts)
    listing = [{"md5": _md5(path / file), "relpath": file.as_posix()} for file in files]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
