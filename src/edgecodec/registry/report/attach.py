"""Keeps the release report in MLflow, with the run that the version came from."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mlflow import MlflowClient

from edgecodec.registry.report.page import Subject, write_report

FOLDER = "release_report"  # among the artifacts of the run
TAG = "report"  # of the version


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
