"""Projects to register from, each with an MLflow store of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_project import write_project

from edgecodec.registry.store import open_store


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    write_project(folder)
    return folder


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of an empty store: to create its tables takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        open_store()
    return folder / "mlflow.db"


@pytest.fixture
def project(finished_project: Path, new_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, as working directory, with an MLflow store of its own."""
    folder = tmp_path / "project"
    shutil.copytree(finished_project, folder)
    shutil.copyfile(new_store, folder / "mlflow.db")
    monkeypatch.chdir(folder)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return folder
