"""An exported folder where it is used: who signed it, and whether every byte is as exported. Needs no MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from edgecodec.errors import EdgeCodecError
from edgecodec.registry.manifest import MANIFEST, SIGNATURE, verify_bundle
from edgecodec.registry.signatures import Signature, TrustedKeys
from edgecodec.storage import read_json

Use = Literal["firmware", "gateway", "ota"]


@dataclass(frozen=True)
class Export:
    """Where an exported folder comes from; its manifest says so."""

    name: str  # of the registered model
    version: str
    bundle_sha256: str
    use: Use
    who: str
    when: str  # ISO 8601, UTC

    def __str__(self) -> str:
        return f"{self.name} version {self.version} for {self.use}, exported by {self.who} at {self.when}"


_EXPORT, _SIGNATURE = TypeAdapter(Export), TypeAdapter(Signature)


def signer_of(folder: Path, trusted: TrustedKeys) -> str:
    """Who signed an exported folder.

    Raises:
        EdgeCodecError: nobody did, or none of the ``trusted``; or its manifest was changed since.
    """
    path = folder / SIGNATURE
    if not path.is_file():
        raise EdgeCodecError(f"{folder}: not signed ({SIGNATURE} is missing); export it with --key FILE")
    try:
        signature = _SIGNATURE.validate_json(path.read_bytes(), strict=True)
    except ValidationError:
        raise EdgeCodecError(f"{path}: not a signature; export the folder again") from None
    return trusted.signer_of((folder / MANIFEST).read_bytes(), signature, str(folder / MANIFEST))


def check_export(folder: Path) -> Export:
    """Check every byte of an exported folder against its manifest; where it comes from.

    Raises:
        EdgeCodecError: see :func:`edgecodec.registry.manifest.verify_bundle`; or it is not an exported folder.
    """
    try:
        export = _EXPORT.validate_python(read_json(folder / MANIFEST)["export"])
    except (EdgeCodecError, ValidationError, KeyError, TypeError):
        raise EdgeCodecError(f"{folder}: not a folder that `edgecodec releases export` wrote") from None
    verify_bundle(folder)
    return export
