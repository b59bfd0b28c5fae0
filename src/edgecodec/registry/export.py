"""What others take out of a registered bundle: a folder of its own, sealed as the bundle is, and signed."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgecodec.errors import EdgeCodecError
from edgecodec.registry.examination import open_sealed
from edgecodec.registry.exported import Export, Use
from edgecodec.registry.manifest import MANIFEST, SIGNATURE, write_manifest
from edgecodec.registry.registered import fetch_model, find_version
from edgecodec.registry.releases import Releases
from edgecodec.registry.signatures import SigningKey
from edgecodec.registry.store import reporting_failure
from edgecodec.storage import read_json, replacing_directory, write_json

TAKEN: dict[Use, tuple[str, ...]] = {  # of the bundle
    "firmware": ("firmware",), "gateway": ("encoder", "receiver", "python", "requirements.txt"),
    "ota": ("firmware/ota",)}


def export_version(releases: Releases, wanted: str, use: Use, folder: Path, who: str,
                   key: SigningKey | None) -> Export:
    """Write what ``use`` takes of the version with the number or alias ``wanted`` into a new ``folder``.

    Raises:
        EdgeCodecError: ``folder`` is there already, the version is not as it was registered, or the aliases are not as
            the release log says.
    """
    if os.path.lexists(folder):
        raise EdgeCodecError(f"{folder}: is there already; name a new folder")
    state = releases.state()
    if state.astray:
        raise EdgeCodecError(state.astray)
    with reporting_failure(), tempfile.TemporaryDirectory() as work, replacing_directory(folder) as new:
        version = find_version(releases.store, releases.name, wanted)
        bundle = open_sealed(version, fetch_model(releases.store, version, Path(work))).bundle
        model = _model_for_nodes(bundle.folder) if use == "ota" else {}
        for part in TAKEN[use]:
            copy = shutil.copytree if (bundle.folder / part).is_dir() else shutil.copyfile
            copy(bundle.folder / part, new / part)
        export = Export(version.name, version.number, bundle.sha256, use, who,
                        datetime.now(UTC).isoformat(timespec="seconds"))
        write_manifest(new, bundle.model_hash, export=asdict(export), **model)
        if key is not None:
            write_json(new / SIGNATURE, asdict(key.sign((new / MANIFEST).read_bytes())))
    return export


def _model_for_nodes(bundle: Path) -> dict[str, Any]:
    """What a manifest tells of a model that goes over the air: the shape of the code that runs it, and its bytes by
    file."""
    files = sorted((bundle / "firmware/ota").glob("*.bin"))
    if not files:
        raise EdgeCodecError("this version has no model for nodes that are in the field: it was registered by an older "
                             "edgecodec; run `dvc repro` and register it again")
    return {"shape_hash": read_json(bundle / "firmware/memory_map.json")["shape_hash"],
            "bytes": {file.relative_to(bundle).as_posix(): file.stat().st_size for file in files}}
