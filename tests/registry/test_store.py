"""A store that cannot be used is named in one line, at once."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from edgecodec.errors import EdgeCodecError
from edgecodec.registry import store
from edgecodec.registry.store import open_store, reporting_failure


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


def test_a_database_that_is_locked_for_a_moment_is_waited_for(project: Path) -> None:
    with closing(sqlite3.connect("mlflow.db", check_same_thread=False)) as other:
        other.execute("begin exclusive")
        threading.Timer(6, other.rollback).start()  # SQLite itself, as Python opens it, waits for 5 s
        assert open_store().client.search_experiments()


HOLD = """
import sqlite3, sys
sqlite3.connect("mlflow.db").execute("begin exclusive")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_database_that_stays_locked_is_told_with_who_holds_it(project: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "DATABASE_SECONDS", 0.5)
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, bufsize=0) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(EdgeCodecError) as raised:
            open_store()
        holder.kill()
    told = str(raised.value)
    assert told.startswith(f"{project}/mlflow.db: locked by another process, which may be process {holder.pid} (")
    assert "wait for that process to end" in told
    assert not any(word in told for word in ("backup", "move", "restore"))


def test_what_is_wrong_with_a_database_is_told_with_what_helps(project: Path) -> None:
    def failing(error: Exception) -> str:
        with pytest.raises(EdgeCodecError) as raised, reporting_failure():
            raise error
        return str(raised.value)

    path = f"{project}/mlflow.db"
    assert failing(sqlite3.OperationalError("database or disk is full")) == \
        f"{path}: database or disk is full; free some space and try again"
    assert failing(sqlite3.OperationalError("attempt to write a readonly database")).endswith(
        "make it and its folder writable, and try again")


@pytest.mark.parametrize("tracking", [None, "http://127.0.0.1:9"])
def test_versions_elsewhere_than_their_runs_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch,
                                                        tracking: str | None) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{project}/other.db")
    if tracking:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    with pytest.raises(EdgeCodecError, match=r"MLFLOW_REGISTRY_URI: sqlite:.*other\.db is not the store of the runs, "):
        open_store()
    assert not Path("other.db").exists()


def test_the_local_store_may_be_named_as_mlflow_names_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.setenv(variable, "sqlite:///mlflow.db")
    assert open_store().artifacts == project / "mlartifacts"
