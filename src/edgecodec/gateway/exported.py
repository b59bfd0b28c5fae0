"""Versions of the model in folders that ``edgecodec releases export --for gateway`` wrote. Asks no MLflow store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.versions import VersionDecoder
from edgecodec.packets.decoder import PacketDecoder
from edgecodec.registry.exported import check_export, signer_of
from edgecodec.registry.manifest import MANIFEST
from edgecodec.registry.signatures import TrustedKeys
from edgecodec.storage import sha256_of_file


class ExportedDecoders:
    """The exported folders in ``models``, each checked before it is used.

    Where several have a packet's model id, the newest version decodes.

    Args:
        trusted: whose signatures they must have; None: they need none.
    """

    def __init__(self, models: Path, trusted: TrustedKeys | None) -> None:
        self.models = models
        self.trusted = trusted
        self._opened: dict[tuple[Path, str], VersionDecoder] = {}  # by folder, and sha256 of its manifest
        self._versions: dict[str, VersionDecoder] = {}  # the oldest first

    def refresh(self) -> None:
        """Look which folders there are; check and open those that are new.

        Raises:
            EdgeCodecError: there is none; one has no signature of a trusted key, or other bytes than were exported; or
                two are of one version.
        """
        found = [(manifest.parent, sha256_of_file(manifest)) for manifest in sorted(self.models.glob(f"*/{MANIFEST}"))]
        if not found:
            raise EdgeCodecError(f"{self.models}: has no exported model; write one into it by `edgecodec releases "
                                 f"export champion --for gateway -o {self.models / 'NAME'}`")
        self._opened = {each: self._opened.get(each) or self._open(each[0]) for each in found}
        folders: dict[str, Path] = {}  # by version
        for (folder, _), decoder in self._opened.items():
            if (other := folders.setdefault(decoder.version, folder)) != folder:
                raise EdgeCodecError(f"{folder}: version {decoder.version}, as is {other}; remove one of them")
        oldest_first = sorted(self._opened.values(), key=lambda decoder: int(decoder.version))
        self._versions = {decoder.version: decoder for decoder in oldest_first}

    def model_id(self, version: str) -> bytes | None:
        found = self._versions.get(version)
        return None if found is None else found.packets.form.model_id

    def of(self, model_id: bytes) -> VersionDecoder | str:
        for decoder in reversed(self._versions.values()):
            if decoder.packets.form.model_id == model_id:
                return decoder
        return f"no version in {self.models} has the model id {model_id.hex()}; export it, then decode this file"

    def version(self, version: str) -> VersionDecoder | str:
        return self._versions.get(version) or f"no version {version} is in {self.models}; export it, or correct the " \
                                              "table of nodes"

    def _open(self, folder: Path) -> VersionDecoder:
        if self.trusted is not None:
            signer_of(folder, self.trusted)
        export = check_export(folder)
        if export.use != "gateway":
            raise EdgeCodecError(f"{folder}: exported for {export.use}; export it --for gateway")
        packets = PacketDecoder.open(folder / "receiver", folder / "encoder")
        return VersionDecoder(export.version, packets, lambda some: _table(packets, some))


def _table(decoder: PacketDecoder, packets: Sequence[bytes]) -> pd.DataFrame:
    """As a registered model gives it."""
    decoded = decoder.decode(packets)
    return pd.DataFrame({
        "window": list(decoded.windows.reshape(len(packets), -1)), "rate": decoded.rate, "sequence": decoded.sequence,
        "estimated_error": decoded.estimated_error, "unlike_training": decoded.unlike_training,
        "faulty": [np.flatnonzero(channels).astype(np.int32) for channels in decoded.faulty]})
