"""The manifest of a bundle: sha256 of every file, so that a changed, missing or foreign file is found by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import read_json, sha256_of_file, write_json

SCHEMA = 1
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"  # that of an exported folder
NAMED = 5  # files that an error lists
ADDED_BY_DOWNLOAD = "registered_model_meta"  # MLflow writes it into copies


@dataclass(frozen=True)
class Bundle:
    folder: Path
    sha256: str  # of the manifest, which has those of all other files
    model_hash: str  # what firmware and packets carry


def write_manifest(folder: Path, model_hash: str, **more: Any) -> None:
    """Seal ``folder``: no file in it may change from here on. The manifest says ``more``, too."""
    write_json(folder / MANIFEST, {"schema": SCHEMA, "model_hash": model_hash, "files": _hashes(folder), **more})


def verify_bundle(folder: Path) -> Bundle:
    """Check every byte of a bundle against its manifest.

    Raises:
        EdgeCodecError: no manifest or one of another schema; a file was changed, is missing, or is not listed.
    """
    manifest = read_json(folder / MANIFEST)
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if schema != SCHEMA:
        raise EdgeCodecError(f"{folder / MANIFEST}: schema {schema}, but this edgecodec reads schema {SCHEMA}; "
                             "use the edgecodec that wrote it")
    listed: Mapping[str, str] = manifest["files"]
    found = _hashes(folder)
    problems = {
        "changed": [name for name in listed if name in found and found[name] != listed[name]],
        "missing": [name for name in listed if name not in found],
        "not in the manifest": [name for name in found if name not in listed],
    }
    described = [f"{problem}: {_listing(names)}" for problem, names in problems.items() if names]
    if described:
        raise EdgeCodecError(f"{folder}: not the bundle that was sealed; {'; '.join(described)}")
    return Bundle(folder, sha256_of_file(folder / MANIFEST), manifest["model_hash"])


def loader_sha256(model: Path) -> str:
    """sha256 over what MLflow keeps beside the bundle in the folder of a model: script and settings to load it."""
    names = {name: found for name, found in _hashes(model).items()
             if not name.startswith("artifacts/bundle/") and name != ADDED_BY_DOWNLOAD}
    return hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()


def _hashes(folder: Path) -> dict[str, str]:
    """sha256 of every file but the manifest and its signature. A link has none: a bundle holds its bytes itself."""
    return {
        path.relative_to(folder).as_posix(): "link" if path.is_symlink() else sha256_of_file(path)
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or path.is_file()) and path not in (folder / MANIFEST, folder / SIGNATURE)
    }


def _listing(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
