"""Projects to register from, each with an MLflow store of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_project import random_windows, write_project

from edgecodec.deploy.oracle import encode
from edgecodec.model.codec import load_model
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import load_codec
from edgecodec.packets.packet import PacketFormat, pack
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


@pytest.fixture
def packets(project: Path) -> list[bytes]:
    """Six packets of the project's codec, at both rates."""
    indices = load_model(project / "artifacts/model").encode(random_windows(6, seed=9))
    form = PacketFormat.of(load_codec(project / "artifacts/float16"))
    return [pack(form, 1 + number % 2, 100 + number, indices[number]) for number in range(6)]


@pytest.fixture
def mixed(project: Path, packets: list[bytes]) -> list[bytes]:
    """The packets, and behind each one the coded packet of the same window."""
    codec = load_codec(project / "artifacts/float16")
    windows = np.ascontiguousarray(random_windows(6, seed=9).transpose(0, 2, 1))
    indices = encode(codec, windows).indices(PacketKind.CODED)
    form = PacketFormat.of(codec)
    coded = [pack(form, 1 + number % 2, 200 + number, indices[number], PacketKind.CODED) for number in range(6)]
    return [packet for pair in zip(packets, coded, strict=True) for packet in pair]
