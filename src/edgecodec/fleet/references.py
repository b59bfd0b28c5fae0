"""The references of registered versions: what their nodes say of undisturbed windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import mlflow.artifacts
from mlflow.exceptions import MlflowException

from edgecodec.evaluation.reference import Reference
from edgecodec.registry.registered import BUNDLE_IN_MODEL, list_versions
from edgecodec.registry.store import open_store, reporting_failure
from edgecodec.storage import read_json

REMARKS = BUNDLE_IN_MODEL / "metrics" / "remarks.json"


def load_references(model_name: str, versions: Iterable[str]) -> Mapping[str, Reference]:
    """Of those of ``versions`` that have one. Those whose nodes make no remarks, and those of old, have none.

    Raises:
        EdgeCodecError: the registry cannot be reached, or has no version of the model.
    """
    store = open_store()
    found: dict[str, Reference] = {}
    with reporting_failure():
        registered = {version.number for version in list_versions(store, model_name)}
        for version in sorted(registered.intersection(versions)):
            source = store.client.get_model_version_download_uri(model_name, version)
            with suppress(MlflowException, OSError):  # the server was there for the list: the file is not
                path = mlflow.artifacts.download_artifacts(f"{source}/{REMARKS}", tracking_uri=store.uri)
                remarks = read_json(Path(path))
                if "reference" in remarks:
                    found[version] = Reference.from_json(remarks["reference"])
    return found
