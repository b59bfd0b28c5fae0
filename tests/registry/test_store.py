"""A store that cannot be used is named in one line, at once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from edgecodec.errors import EdgeCodecError
from edgecodec.registry.store import open_store


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an MLflow server that is down."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("//", "//me:secret@"))
    return address


@pytest.mark.usefixtures("project")
def test_a_server_that_is_down_is_named_without_its_password(nobody: str) -> None:
    with pytest.raises(EdgeCodecError) as raised:
        open_store()
    assert str(raised.value).startswith(f"MLflow server {nobody}: does not answer")
    assert "secret" not in str(raised.value)


@pytest.mark.usefixtures("project")
def test_a_database_that_is_none_is_named() -> None:
    Path("mlflow.db").write_bytes(b"this was a database once")
    with pytest.raises(EdgeCodecError, match=r"mlflow\.db: file is not a database"):
        open_store()


@pytest.mark.usefixtures("project")
def test_the_store_of_a_queued_experiment_is_that_of_its_parent(tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    parent = Path.cwd()
    monkeypatch.setenv("DVC_ROOT", str(parent))
    monkeypatch.chdir(tmp_path)
    assert open_store().uri == f"sqlite:///{parent}/mlflow.db"
