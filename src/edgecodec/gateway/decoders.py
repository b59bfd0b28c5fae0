"""Registered versions of the model, found by the model id that a packet carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mlflow.artifacts
import mlflow.pyfunc

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.decoder import PacketDecoder
from edgecodec.registry.store import open_store, reporting_failure
from edgecodec.registry.versions import CHAMPION

HASH = "model_hash"  # the tag of a version whose first eight digits are the model id in its packets


@dataclass(frozen=True, eq=False)
class RegisteredDecoder:
    """One version of the registered model, loaded."""

    version: str
    model: Any  # MLflow's PyFuncModel: packets in, windows out

    @property
    def packets(self) -> PacketDecoder:
        """What the model is made of."""
        decoder: PacketDecoder = self.model.unwrap_python_model().decoder
        return decoder


class RegisteredDecoders:
    """Looks versions up and keeps those that were needed.

    Nodes with old firmware send packets of old versions. Where several versions have a packet's model id (the same
    encoder and codebooks with another decoder), the champion decodes, or else the newest.
    """

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name
        self._model_ids: dict[str, bytes] = {}  # by version
        self._versions: dict[bytes, str] = {}  # by model id
        self._loaded: dict[str, RegisteredDecoder] = {}  # by version

    def refresh(self) -> None:
        """Look up which versions there are now.

        Raises:
            EdgeCodecError: the registry cannot be reached.
        """
        store = open_store()
        with reporting_failure():
            mlflow.set_tracking_uri(store.uri)
            found = store.client.search_model_versions(f"name = '{self.model_name}'")
            aliases = store.client.get_registered_model(self.model_name).aliases if found else {}
        champion = str(aliases.get(CHAMPION, ""))
        oldest_first = sorted(found, key=lambda version: (str(version.version) == champion, int(version.version)))
        self._model_ids = {str(version.version): bytes.fromhex(version.tags[HASH][:8]) for version in oldest_first
                           if HASH in version.tags}
        self._versions = {model_id: version for version, model_id in self._model_ids.items()}

    def model_id(self, version: str) -> bytes | None:
        """None: there is no such version."""
        return self._model_ids.get(version)

    def of(self, model_id: bytes) -> RegisteredDecoder | str:
        """The version that decodes packets of ``model_id``; or why none does: it is not registered, or not sound.

        Raises:
            EdgeCodecError: the registry cannot be reached.
        """
        version = self._versions.get(model_id)
        if version is None:
            return (f"no version of {self.model_name} has the model id {model_id.hex()}; register it, then decode this "
                    "file")
        return self.version(version)

    def version(self, version: str) -> RegisteredDecoder | str:
        """A version by its number; or why it does not decode.

        Raises:
            EdgeCodecError: the registry cannot be reached.
        """
        if version not in self._model_ids:
            return f"no version {version} of {self.model_name} is registered; correct the table of nodes"
        if version not in self._loaded:
            with reporting_failure():
                folder = mlflow.artifacts.download_artifacts(f"models:/{self.model_name}/{version}")
            try:
                self._loaded[version] = RegisteredDecoder(version, mlflow.pyfunc.load_model(folder))
            except EdgeCodecError as error:
                return f"version {version} of {self.model_name} does not load: {error}"
        return self._loaded[version]
