"""Where MLflow keeps runs and models: the server that ``MLFLOW_TRACKING_URI`` names, else sqlite and a folder."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from edgecodec.errors import EdgeCodecError

LOCK_SECONDS = 120  # creating a new sqlite store takes about ten
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # shows it as training, not as generative AI


@dataclass(frozen=True)
class Store:
    """An open store."""

    client: MlflowClient
    uri: str
    artifacts: Path | None  # None where a server keeps them

    @property
    def shown(self) -> str:
        """Where it is, for messages."""
        return without_password(self.uri)

    def experiment(self, name: str) -> str:
        """The id of the experiment ``name``, created if it is new.

        Raises:
            EdgeCodecError: someone deleted the experiment.
        """
        with locked():
            found = self.client.get_experiment_by_name(name)
            if found is None:
                location = None if self.artifacts is None else self.artifacts.as_uri()
                return str(self.client.create_experiment(name, artifact_location=location, tags=EXPERIMENT_TAGS))
        if found.lifecycle_stage != "active":
            raise EdgeCodecError(f"MLflow experiment {name} was deleted; restore it (mlflow experiments restore "
                                 f"-x {found.experiment_id}) or name another in params.yaml: registry.experiment")
        return str(found.experiment_id)


def home() -> Path:
    """The folder that keeps the local store: queued DVC experiments run elsewhere, and DVC_ROOT leads them back."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def local_database() -> Path:
    return home() / "mlflow.db"


def server() -> str | None:
    """The store that the environment names, if it is not the local one."""
    return os.environ.get("MLFLOW_TRACKING_URI") or None


def store_exists() -> bool:
    """Whether there can be anything to read: a local store must have been created, a server is taken to be there."""
    return server() is not None or local_database().is_file()


@contextmanager
def locked() -> Iterator[None]:
    """One process of this machine at a time; the same thread may enter again.

    Raises:
        EdgeCodecError: another process keeps the lock too long.
    """
    path = home() / "mlartifacts" / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=LOCK_SECONDS, is_singleton=True):
            yield
    except Timeout:
        raise EdgeCodecError(f"{path}: another process has held this lock for {LOCK_SECONDS} s; "
                             "wait for it to end, or end it") from None


def open_store() -> Store:
    """Open the store, and create it if it is local and new.

    Raises:
        EdgeCodecError: the server does not answer, or the database cannot be used.
    """
    named = server()
    with locked(), reporting_failure():
        if named is None:
            with closing(sqlite3.connect(local_database())) as database:  # MLflow would retry for minutes
                database.execute("pragma schema_version")
        uri = named or f"sqlite:///{local_database()}"
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)  # creates the tables of a new database, and finds a server down
    return Store(client, uri, None if named else home() / "mlartifacts")


@contextmanager
def reporting_failure() -> Iterator[None]:
    """Turn a failure of the store into an :class:`EdgeCodecError` that names the store."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:
        named = server()
        if named is None:
            mend = "free some space and try again" if "disk is full" in str(error) else (
                "if it cannot be mended, restore it from a backup, or move it away: make repro builds a new one")
            raise EdgeCodecError(f"{local_database()}: {_first_line(error)}; {mend}") from None
        silent = isinstance(error.__context__, requests.ConnectionError | requests.Timeout)
        raise EdgeCodecError(f"MLflow server {without_password(named)}: "
                             f"{'does not answer' if silent else _first_line(error)}; start it, or unset "
                             "MLFLOW_TRACKING_URI to use the local store") from None


def _first_line(error: Exception) -> str:
    return without_password(str(error).strip().splitlines()[0][:300])


def without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)
