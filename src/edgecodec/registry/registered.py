"""The versions of the registered model as MLflow has them: found by number or alias, their files fetched."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import mlflow.artifacts
import requests
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from edgecodec.errors import EdgeCodecError
from edgecodec.registry.relocation import local_path
from edgecodec.registry.store import Store
from edgecodec.registry.versions import BUNDLE, CHAMPION, PREVIOUS_CHAMPION, aliases_of

BUNDLE_IN_MODEL = Path("artifacts") / "bundle"  # where MLflow puts a bundle in the folder of a model


@dataclass(frozen=True)
class RegisteredVersion:
    """One version of the registered model ``name``."""

    name: str
    number: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    created: datetime
    run_id: str

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"


def list_versions(store: Store, name: str) -> list[RegisteredVersion]:
    """All versions, newest first.

    Raises:
        EdgeCodecError: there are none.
    """
    aliases = aliases_of(store.client, name)
    found = store.client.search_model_versions(f"name = '{name}'")
    if not found:
        raise EdgeCodecError(f"registered model {name}: no versions in {store.shown}; run the pipeline (make repro), "
                             "or set MLFLOW_TRACKING_URI to the server that has them")
    versions = [_registered(version, aliases) for version in found]
    return sorted(versions, key=lambda version: int(version.number), reverse=True)


def find_version(store: Store, name: str, wanted: str) -> RegisteredVersion:
    """The version with the number or the alias ``wanted`` (``3``, ``candidate``, ``@candidate``).

    Raises:
        EdgeCodecError: there is none; the text lists those that there are.
    """
    versions = list_versions(store, name)
    for version in versions:
        if wanted.removeprefix("@") in (version.number, *version.aliases):
            return version
    there = [", ".join((version.number, *(f"@{alias}" for alias in version.aliases))) for version in versions]
    raise EdgeCodecError(f"registered model {name}: no version or alias {wanted}; there are {', '.join(there)}")


def fetch_model(store: Store, version: RegisteredVersion, folder: Path) -> Path:
    """Copy the files of ``version`` into ``folder``; where MLflow's model is in it.

    MLflow loads a model of a local store where it lies, and from 3.12 on Python keeps its bytecode there. Nobody sealed
    that, and it is made anew when it is wanted: so it goes first.

    Raises:
        EdgeCodecError: they cannot be read, or not be written here.
    """
    try:
        source = store.client.get_model_version_download_uri(version.name, version.number)
        shutil.rmtree(local_path(source) / "__pycache__", ignore_errors=True)
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder),
                                                        tracking_uri=store.uri))
    except (MlflowException, OSError) as error:
        if isinstance(error.__context__, requests.ConnectionError | requests.Timeout):
            raise  # the server, not these files
        raise EdgeCodecError(f"{version}: its files cannot be copied to {folder}: {_last_line(error)}; if they are "
                             f"gone, run the pipeline at git commit {version.tags.get('git_commit', '?')[:10]} (make "
                             "repro), which puts them back") from None


def made_by_hand(store: Store, name: str) -> list[str]:
    """Versions, of any registered model, that someone made in MLflow from those of ``name``; a line on each.

    MLflow's button "Promote model" makes such a copy, past all checks.
    """
    own = {version.model_id for version in store.client.search_model_versions(f"name = '{name}'")
           if version.tags.get(BUNDLE)} - {None}
    found = [version for version in store.client.search_model_versions()
             if (version.source or "").startswith(f"models:/{name}/")
             or (version.name != name and version.model_id in own)]
    return [f"{version.name} version {version.version} was made from {version.source} by MLflow's \"Promote model\" "
            "or alike, and is no release: delete it, and use `edgecodec releases promote`" for version in found]


def _registered(version: ModelVersion, aliases: Mapping[str, str]) -> RegisteredVersion:
    number = str(version.version)
    order = {CHAMPION: 0, PREVIOUS_CHAMPION: 1}
    named = sorted((alias for alias, target in aliases.items() if target == number),
                   key=lambda alias: (order.get(alias, 2), alias))
    created = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC)
    return RegisteredVersion(version.name, number, tuple(named), dict(version.tags), created, version.run_id)


def _last_line(error: Exception) -> str:
    """MLflow puts the cause of a failed download last."""
    return str(error).strip().splitlines()[-1].strip()[:300]
