"""With MLFLOW_TRACKING_URI set, runs, artifacts and versions go to that server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import requests
from small_project import random_windows, small_params

from edgecodec.model.codec import load_model
from edgecodec.packets.network import load_codec
from edgecodec.packets.packet import PacketFormat, pack
from edgecodec.registry.register import register


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real MLflow server that keeps artifacts itself, on sqlite or the empty database in EDGECODEC_TEST_DATABASE."""
    database = os.environ.get("EDGECODEC_TEST_DATABASE", f"sqlite:///{tmp_path}/server.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
               "--backend-store-uri", database, "--artifacts-destination", tmp_path / "kept"]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          start_new_session=True) as process:
        wait_until_healthy(address)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        yield address
        os.killpg(process.pid, 15)


def wait_until_healthy(address: str) -> None:
    for _ in range(120):
        try:
            if requests.get(f"{address}/health", timeout=1).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.5)
    pytest.fail("the MLflow server does not start")


@pytest.mark.slow
def test_a_server_keeps_run_and_version_and_gives_the_model_back(project: Path, server: str) -> None:
    first, second = (register(small_params(), project) for _ in range(2))

    assert first.version is not None
    assert second.version is not None
    assert (second.run_id, second.version.number) == (first.run_id, first.version.number)
    indices = load_model(project / "artifacts/model").encode(random_windows(1))[0]
    packet = pack(PacketFormat.of(load_codec(project / "artifacts/float16")), 2, 7, indices)
    model = mlflow.pyfunc.load_model("models:/edgecodec@candidate")
    assert model.predict(pd.DataFrame({"packet": [packet]}))["sequence"].tolist() == [7]
    assert not (project / "mlartifacts" / "models").exists()
