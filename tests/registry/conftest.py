"""Projects to register from, each with an MLflow store of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_project import VARIANTS, enter, random_windows, register_variant, write_project

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


@pytest.fixture(scope="session")
def two_versions(finished_project: Path, new_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with versions 1 and 2, which is better."""
    folder = tmp_path_factory.mktemp("registered") / "project"
    shutil.copytree(finished_project, folder)
    shutil.copyfile(new_store, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        enter(folder, patch)
        for change in VARIANTS[:2]:
            register_variant(folder, change)
    return folder


@pytest.fixture
def project(finished_project: Path, new_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, as working directory, with an MLflow store of its own."""
    folder = tmp_path / "project"
    shutil.copytree(finished_project, folder)
    shutil.copyfile(new_store, folder / "mlflow.db")
    enter(folder, monkeypatch)
    return folder


@pytest.fixture
def registered(two_versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project with two versions, as working directory."""
    folder = tmp_path / "project"
    shutil.copytree(two_versions, folder)
    enter(folder, monkeypatch)
    open_store()
    return folder


@pytest.fixture(scope="session")
def packets(finished_project: Path) -> list[bytes]:
    """Six packets of the project's codec, at both rates."""
    indices = load_model(finished_project / "artifacts/model").encode(random_windows(6, seed=9))
    form = PacketFormat.of(load_codec(finished_project / "artifacts/float16"))
    return [pack(form, 1 + number % 2, 100 + number, indices[number]) for number in range(6)]


@pytest.fixture
def mixed(finished_project: Path, packets: list[bytes]) -> list[bytes]:
    """The packets, and behind each one the coded packet of the same window."""
    codec = load_codec(finished_project / "artifacts/float16")
    windows = np.ascontiguousarray(random_windows(6, seed=9).transpose(0, 2, 1))
    indices = encode(codec, windows).indices(PacketKind.CODED)
    form = PacketFormat.of(codec)
    coded = [pack(form, 1 + number % 2, 200 + number, indices[number], PacketKind.CODED) for number in range(6)]
    return [packet for pair in zip(packets, coded, strict=True) for packet in pair]
