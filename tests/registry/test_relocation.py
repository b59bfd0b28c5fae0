"""A project's folder may be renamed, moved and copied: what MLflow keeps goes with it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from small_project import small_params

from edgecodec.errors import EdgeCodecError
from edgecodec.registry.register import Registration, register
from edgecodec.registry.releases import Releases
from edgecodec.registry.store import open_store

HERE = Path()


def registered() -> Registration:
    return register(small_params(), HERE)


def stored() -> str:
    """All text in the database."""
    with closing(sqlite3.connect("mlflow.db")) as database:
        return "\n".join(database.iterdump())


def decodes(packet: bytes) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "")  # MLflow sets it, too
        mlflow.set_tracking_uri(open_store().uri)
        model = mlflow.pyfunc.load_model("models:/edgecodec@candidate")
    table = model.predict(pd.DataFrame({"packet": [packet]}))
    return table["error"].tolist() == [""]


def test_a_renamed_project_works_as_before(project: Path, packets: list[bytes],
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    first = registered()
    renamed = project.parent / "a new näme"
    project.rename(renamed)
    monkeypatch.chdir(renamed)

    again = registered()
    assert (again.run_id, again.version.number, again.version.is_restored) == (first.run_id, "1", False)
    assert decodes(packets[0])
    releases = Releases.open(small_params(), HERE)
    assert not releases.examine("1")[1].failures
    assert not project.exists()
    assert f"{project}/" not in stored()


def test_a_copy_of_a_project_is_its_own(project: Path, packets: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    registered()
    copy = project.parent / "project copy"  # its path begins with the original's
    shutil.copytree(project, copy)
    shutil.rmtree(project / "mlartifacts")
    monkeypatch.chdir(copy)
    assert decodes(packets[0])

    monkeypatch.chdir(project)
    with pytest.raises(MlflowException):
        decodes(packets[0])
    assert registered().version.is_restored
    assert decodes(packets[0])


def test_locations_elsewhere_stay_as_they_are(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store()
    kept = store.client.create_experiment("kept", artifact_location="s3://bucket/mlartifacts")
    store.experiment("edgecodec")
    renamed = project.rename(project.parent / "renamed")
    monkeypatch.chdir(renamed)

    store = open_store()
    assert store.client.get_experiment(kept).artifact_location == "s3://bucket/mlartifacts"
    found = store.client.get_experiment(store.experiment("edgecodec"))
    assert found.artifact_location == (renamed / "mlartifacts").as_uri()


@pytest.mark.parametrize("lost", ["artifacts/bundle/decoder",
                                  *(pytest.param(lost, marks=pytest.mark.slow) for lost in ("", "MLmodel"))])
@pytest.mark.usefixtures("project")
def test_lost_files_of_a_version_are_put_back(packets: list[bytes], lost: str) -> None:
    registered()
    source = Path(open_store().client.get_model_version_download_uri("edgecodec", "1").removeprefix("file://"))
    if (source / lost).is_dir():
        shutil.rmtree(source / lost)
    else:
        (source / lost).unlink()

    again = registered().version
    assert (again.number, again.is_new, again.is_restored) == ("1", False, True)
    assert decodes(packets[0])
    assert not Releases.open(small_params(), HERE).examine("1")[1].failures
    assert not registered().version.is_restored


@pytest.mark.usefixtures("project")
def test_what_python_keeps_of_a_loaded_model_is_no_change() -> None:
    registered()
    source = Path(open_store().client.get_model_version_download_uri("edgecodec", "1").removeprefix("file://"))
    (source / "__pycache__").mkdir()
    (source / "__pycache__/pyfunc_model.cpython-312.pyc").write_bytes(b"of an earlier load, or of a stranger")
    assert not registered().version.is_restored
    assert not (source / "__pycache__").exists()
    assert not Releases.open(small_params(), HERE).examine("1")[1].failures


@pytest.mark.usefixtures("project")
def test_a_foreign_file_beside_a_version_is_named() -> None:
    registered()
    source = Path(open_store().client.get_model_version_download_uri("edgecodec", "1").removeprefix("file://"))
    (source / "artifacts/bundle/run.sh").write_text("1")
    with pytest.raises(EdgeCodecError, match=r"edgecodec version 1: .*not in the manifest: run\.sh"):
        registered()


@pytest.mark.usefixtures("project")
@pytest.mark.slow
def test_lost_files_of_a_run_are_logged_again() -> None:
    run = registered().run_id
    shutil.rmtree(Path("mlartifacts") / run)
    registered()
    assert {entry.path for entry in open_store().client.list_artifacts(run)} >= {"gates.json", "analysis",
                                                                               "release_report"}
