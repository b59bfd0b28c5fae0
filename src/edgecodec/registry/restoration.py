"""Puts back the files of a version that MLflow has lost: the pipeline's present results are the same, byte for byte."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mlflow.models import Model
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from edgecodec.errors import EdgeCodecError
from edgecodec.registry.examination import open_sealed
from edgecodec.registry.manifest import Bundle, loader_sha256
from edgecodec.registry.registered import RegisteredVersion, fetch_model, find_version
from edgecodec.registry.store import Store
from edgecodec.registry.versions import LOADER_FILES, save_as_model


def restore_files(store: Store, name: str, number: str, bundle: Bundle) -> bool:
    """Make sure that MLflow has the files of a version of ``bundle``; whether they had to be put back.

    Raises:
        EdgeCodecError: there are files that do not belong to the version.
    """
    version = find_version(store, name, number)
    try:
        _check(store, version)
    except EdgeCodecError:
        _put_back(store, version, bundle)
        _check(store, find_version(store, name, number))
        return True
    return False


def _check(store: Store, version: RegisteredVersion) -> None:
    with tempfile.TemporaryDirectory() as work:
        open_sealed(version, fetch_model(store, version, Path(work)))


def _put_back(store: Store, version: RegisteredVersion, bundle: Bundle) -> None:
    client = store.client
    place = client.get_model_version_download_uri(version.name, version.number)
    logged = client.get_model_version(version.name, version.number).model_id
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save_as_model(bundle, folder, Model(artifact_path=place, run_id=version.run_id, model_id=logged,
                                            model_uuid=logged))
        get_artifact_repository(place, tracking_uri=store.uri).log_artifacts(str(folder))
        client.set_model_version_tag(version.name, version.number, LOADER_FILES, loader_sha256(folder))
