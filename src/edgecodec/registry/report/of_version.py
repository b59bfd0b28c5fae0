"""The release report of a version: kept in MLflow with the run that it came from, and written anew on demand."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from edgecodec.metrics import ERROR_METRICS
from edgecodec.registry.examination import open_sealed
from edgecodec.registry.gates import judge
from edgecodec.registry.registered import RegisteredVersion, fetch_model, find_version
from edgecodec.registry.releases import Releases
from edgecodec.registry.report.page import PICTURES, Subject, write_report
from edgecodec.registry.store import reporting_failure
from edgecodec.registry.versions import champion_of

FOLDER = "release_report"  # among the artifacts of the run
TAG = "report"  # of the version
RELEASE_TAGS = {"released.at": "released", "released.by": "released by", "released.why": "reason",
                "withdrawn.at": "withdrawn", "withdrawn.by": "withdrawn by", "withdrawn.why": "withdrawn because"}


def attach_report(client: MlflowClient, run_id: str, subject: Subject) -> None:
    """Write the report of ``subject`` and log it, unless the run has one of this version already."""
    name = f"version-{subject.version}.html"
    if any(entry.path == f"{FOLDER}/{name}" for entry in client.list_artifacts(run_id, FOLDER)):
        return
    with tempfile.TemporaryDirectory() as folder:
        write_report(subject, Path(folder) / name)
        client.log_artifact(run_id, str(Path(folder) / name), FOLDER)
    client.set_model_version_tag(subject.name, subject.version, TAG, f"runs:/{run_id}/{FOLDER}/{name}")
    experiment = client.get_run(run_id).info.experiment_id
    described = client.get_model_version(subject.name, subject.version).description
    client.update_model_version(subject.name, subject.version, (
        f"{described}\n[Release report](#/experiments/{experiment}/runs/{run_id}/artifacts/{FOLDER}/{name})\n"))


def write_version_report(releases: Releases, wanted: str, path: Path) -> RegisteredVersion:
    """Write the report of a version, by number or alias, to ``path``: by today's limits, beside today's champion.

    Raises:
        EdgeCodecError: there is no such version, or its bytes are not those that were registered.
    """
    store, params = releases.store, releases.params
    with reporting_failure(), tempfile.TemporaryDirectory() as work:
        version = find_version(store, releases.name, wanted)
        sealed = open_sealed(version, fetch_model(store, version, Path(work) / "model"))
        champion = champion_of(store.client, releases.name)
        if champion is not None and champion.version == version.number:
            champion = None
        write_report(Subject(
            releases.name, version.number, sealed.bundle.folder, sealed.bundle.sha256,
            _keep_pictures(releases, version, Path(work) / "run"),
            judge(sealed.measured, params.gates, sealed.rates, champion, params.error.metric), params.gates.error,
            ERROR_METRICS[params.error.metric], champion,
            {"registered": f"{version.created:%Y-%m-%d %H:%M} UTC",
             "git commit": version.tags.get("git_commit", "none"), "MLflow run": version.run_id,
             **{shown: version.tags[tag] for tag, shown in RELEASE_TAGS.items() if tag in version.tags}}), path)
    return version


def _keep_pictures(releases: Releases, version: RegisteredVersion, folder: Path) -> Path:
    """Fetch the pictures that the run keeps into ``folder``: none where it is gone, some where it is an old one."""
    folder.mkdir()
    for picture in PICTURES.values():
        with suppress(MlflowException, OSError):
            releases.store.client.download_artifacts(version.run_id, picture, str(folder))
    return folder
