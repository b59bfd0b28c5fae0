"""Versions of the model that MLflow has."""

from __future__ import annotations

import mlflow.artifacts
import mlflow.pyfunc
import pandas as pd

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.versions import VersionDecoder
from edgecodec.registry.store import open_store, reporting_failure
from edgecodec.registry.versions import CHAMPION, PREVIOUS_CHAMPION

HASH = "model_hash"  # the tag of a version whose first eight digits are the model id in its packets


class RegisteredDecoders:
    """Where several versions have a packet's model id (the same encoder and codebooks with another decoder), the
    champion decodes, or else the one before it, which nodes run that are not updated yet, or else the newest."""

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name
        self._model_ids: dict[str, bytes] = {}  # by version
        self._versions: dict[bytes, str] = {}  # by model id
        self._loaded: dict[str, VersionDecoder] = {}  # by version

    def refresh(self) -> None:
        store = open_store()
        with reporting_failure():
            mlflow.set_tracking_uri(store.uri)
            found = store.client.search_model_versions(f"name = '{self.model_name}'")
            aliases = store.client.get_registered_model(self.model_name).aliases if found else {}
        champion, previous = (str(aliases.get(alias, "")) for alias in (CHAMPION, PREVIOUS_CHAMPION))
        last_wins = sorted(found, key=lambda version: (str(version.version) == champion,
                                                       str(version.version) == previous, int(version.version)))
        self._model_ids = {str(version.version): bytes.fromhex(version.tags[HASH][:8]) for version in last_wins
                           if HASH in version.tags}
        self._versions = {model_id: version for version, model_id in self._model_ids.items()}

    def model_id(self, version: str) -> bytes | None:
        return self._model_ids.get(version)

    def of(self, model_id: bytes) -> VersionDecoder | str:
        version = self._versions.get(model_id)
        if version is None:
            return (f"no version of {self.model_name} has the model id {model_id.hex()}; register it, then decode this "
                    "file")
        return self.version(version)

    def version(self, version: str) -> VersionDecoder | str:
        if version not in self._model_ids:
            return f"no version {version} of {self.model_name} is registered; correct the table of nodes"
        if version not in self._loaded:
            with reporting_failure():
                folder = mlflow.artifacts.download_artifacts(f"models:/{self.model_name}/{version}")
            try:
                model = mlflow.pyfunc.load_model(folder)
            except EdgeCodecError as error:
                return f"version {version} of {self.model_name} does not load: {error}"
            self._loaded[version] = VersionDecoder(
                version, model.unwrap_python_model().decoder,
                lambda packets: model.predict(pd.DataFrame({"packet": [*packets]})))
        return self._loaded[version]
