"""Versions of the registered model: one per bundle, and the aliases that point to them."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import Array

from edgecodec.metrics import ERROR_METRICS, MetricName
from edgecodec.registry.bundle import LOADER, pinned_requirements
from edgecodec.registry.gates import Champion
from edgecodec.registry.manifest import Bundle, loader_sha256
from edgecodec.registry.store import create_registered_model, locked, registered_model
from edgecodec.registry.tracking import Run

CANDIDATE, CHAMPION, PREVIOUS_CHAMPION = "candidate", "champion", "previous-champion"  # aliases
BUNDLE = "bundle_sha256"  # the tag by which a version is found
LOADER_FILES = "loader_sha256"  # the tag that seals what MLflow keeps beside the bundle
DESCRIPTION = """\
Packets in, windows out: the cloud's side of EdgeCodec. Every version holds the firmware that makes its packets, too.

A version is registered by `dvc repro` when all gates pass, and is then `candidate`. `edgecodec releases promote` checks
it again and makes it `champion`; `edgecodec releases rollback` goes back. Do not move `champion` by hand: the log of
releases in the model of the same name with `.release-log` would not agree with it.
"""
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(DataType.binary, "packet")]),
    outputs=Schema([ColSpec(Array(DataType.float), "window"), ColSpec(DataType.integer, "rate"),
                    ColSpec(DataType.long, "sequence"), ColSpec(DataType.float, "estimated_error"),
                    ColSpec(DataType.boolean, "unlike_training"), ColSpec(Array(DataType.integer), "faulty"),
                    ColSpec(DataType.string, "error")]),
    params=ParamSchema([ParamSpec("damaged", DataType.string, "refuse")]),  # or keep: pyfunc_model.py says how
)


@dataclass(frozen=True)
class Version:
    """A version of the registered model ``name``."""

    name: str
    number: str
    is_new: bool  # created by this call
    is_candidate: bool  # the alias points to it
    is_restored: bool = False  # MLflow had lost files of it, which are back


def champion_of(client: MlflowClient, name: str) -> Champion | None:
    """The version of ``name`` that the alias ``champion`` points to, if there is one."""
    number = aliases_of(client, name).get(CHAMPION)
    if number is None:
        return None
    tags = client.get_model_version(name, number).tags
    metric = cast(MetricName, tags.get("metric", "relative"))  # versions from before there were others have no such tag
    errors, bits = (
        {int(tag.removeprefix(prefix)): float(value) for tag, value in tags.items() if tag.startswith(prefix)}
        for prefix in (f"{ERROR_METRICS[metric].field}.rate", "bits_per_window.rate"))
    return Champion(str(number), tags.get("validation_digest"), errors, bits, metric)


def version_of(run: Run, bundle: Bundle, name: str, description: str, tags: Mapping[str, str]) -> Version:
    """The version of ``name`` that holds ``bundle``, created if there is none; the newest candidate from now on.

    The alias stays where it is in a DVC experiment: experiments run side by side and would fight over it.
    """
    client = run.client
    with locked():
        found = client.search_model_versions(f"name = '{name}' and tags.{BUNDLE} = '{bundle.sha256}'")
        numbers = sorted((str(version.version) for version in found), key=int)  # the first; others are copies of it
        number = numbers[0] if numbers else _create(run, bundle, name, description, tags)
        is_candidate = aliases_of(client, name).get(CANDIDATE) == number
        if not is_candidate and "DVC_EXP_NAME" not in os.environ:
            client.set_registered_model_alias(name, CANDIDATE, number)
            is_candidate = True
    return Version(name, number, not found, is_candidate)


def aliases_of(client: MlflowClient, name: str) -> dict[str, str]:
    """The versions that the aliases of ``name`` point to; none if there is no such model."""
    model = registered_model(client, name)
    return {} if model is None else {alias: str(number) for alias, number in model.aliases.items()}


def save_as_model(bundle: Bundle, folder: Path, model: Model) -> None:
    """Write ``bundle`` into ``folder`` together with what MLflow needs to load it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the signature is given, so no example is needed to infer it
        mlflow.pyfunc.save_model(
            str(folder), python_model=str(LOADER), artifacts={"bundle": str(bundle.folder)}, mlflow_model=model,
            signature=SIGNATURE, pip_requirements=pinned_requirements())


def _create(run: Run, bundle: Bundle, name: str, description: str, tags: Mapping[str, str]) -> str:
    client = run.client
    logged = _begun(run, bundle, name) or client.create_logged_model(
        run.experiment_id, name="packet-decoder", source_run_id=run.id, params=client.get_run(run.id).data.params,
        model_type="pyfunc", tags={BUNDLE: bundle.sha256})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save_as_model(bundle, folder, Model(artifact_path=logged.artifact_location, run_id=run.id,
                                            model_id=logged.model_id, model_uuid=logged.model_id))
        client.log_model_artifacts(logged.model_id, str(folder))
        loader = loader_sha256(folder)
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    if all(output.model_id != logged.model_id for output in client.get_run(run.id).outputs.model_outputs):
        client.log_outputs(run.id, models=[LoggedModelOutput(logged.model_id, step=0)])
    client.log_batch(run.id, metrics=[
        Metric(point.key, point.value, point.timestamp, point.step, model_id=logged.model_id, run_id=run.id)
        for point in run.summary_points()
    ])  # the same points, now shown with the model as well
    create_registered_model(client, name, DESCRIPTION)
    version: ModelVersion = client.create_model_version(
        name, logged.artifact_location, run.id, tags={**tags, BUNDLE: bundle.sha256, LOADER_FILES: loader},
        description=description, model_id=logged.model_id)
    return str(version.version)


def _begun(run: Run, bundle: Bundle, name: str) -> LoggedModel | None:
    """The model of ``bundle`` that an interrupted registration has logged, and of which there is no version."""
    versions = run.client.search_model_versions(f"name = '{name}' and run_id = '{run.id}'")
    registered = {version.source for version in versions}
    logged = run.client.search_logged_models([run.experiment_id], f"source_run_id = '{run.id}'")
    return next((model for model in logged if model.tags.get(BUNDLE) == bundle.sha256
                 and model.artifact_location not in registered), None)
