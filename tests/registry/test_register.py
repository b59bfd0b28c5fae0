"""Registering is idempotent: the run follows the pipeline's state, the version follows the bundle's bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import save_params, small_params
from mlflow import MlflowClient

from edgecodec.params import Params
from edgecodec.registry.register import register
from edgecodec.registry.store import open_store
from edgecodec.storage import read_json, write_json


@pytest.fixture
def params() -> Params:
    return small_params()


def client() -> MlflowClient:
    return open_store().client


def test_passing_results_become_version_one_and_candidate(project: Path, params: Params) -> None:
    registration = register(params, Path())

    assert registration.version is not None
    assert (registration.version.number, registration.version.is_candidate) == ("1", True)
    version = client().get_model_version_by_alias("edgecodec", "candidate")
    assert version.tags["model_hash"] == read_json(project / "artifacts/float16/codec.json")["model_hash"]
    assert float(version.tags["error_percent.rate2"]) == 2.1
