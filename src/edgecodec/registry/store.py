"""Where MLflow keeps runs and models: the server that ``MLFLOW_TRACKING_URI`` names, else sqlite and a folder."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from edgecodec.errors import EdgeCodecError
from edgecodec.registry.relocation import relocate

LOCK_SECONDS = 120  # creating a new sqlite store takes about ten
DATABASE_SECONDS = 60.0  # how long a database is waited for that another process has locked
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # shows it as training, not as generative AI
MENDS = {  # what SQLite says, and what helps
    "disk is full": "free some space and try again",
    "readonly database": "make it and its folder writable, and try again",
    "unable to open": "make it and its folder readable and writable, and try again",
    "not a database": "restore it from a backup",
    "malformed": "restore it from a backup",
}
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # what it logs, it raises


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
    return _elsewhere("MLFLOW_TRACKING_URI")


def _elsewhere(variable: str) -> str | None:
    """The store that an environment variable names; None for the local one. MLflow itself may set it to that."""
    uri = os.environ.get(variable) or None
    if uri is not None and uri.startswith("sqlite:///") and Path(uri.removeprefix("sqlite:///")).resolve() == \
            local_database():
        return None
    return uri


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

    A local store that was renamed, moved or copied finds its files in its present folder from then on.

    Raises:
        EdgeCodecError: the server does not answer, or the database cannot be used; or versions would go elsewhere.
    """
    named, registry = server(), os.environ.get("MLFLOW_REGISTRY_URI")
    if registry and _elsewhere("MLFLOW_REGISTRY_URI") != named:
        raise EdgeCodecError(f"MLFLOW_REGISTRY_URI: {without_password(registry)} is not the store of the runs, "
                             f"{without_password(named or str(local_database()))}, and versions lie beside their runs; "
                             "unset it, or name one server in MLFLOW_TRACKING_URI for both")
    with locked(), reporting_failure():
        if named is None:
            with closing(sqlite3.connect(local_database(), timeout=DATABASE_SECONDS)) as database:
                database.execute("begin immediate")  # MLflow itself would wait for seconds, or retry for minutes
                database.rollback()
                relocate(database, home() / "mlartifacts")
        uri = named or f"sqlite:///{local_database()}"
        client = MlflowClient(uri, registry_uri=uri)
        client.search_experiments(max_results=1)  # creates the tables of a new database, and finds a server down
    return Store(client, uri, None if named else home() / "mlartifacts")


def registered_model(client: MlflowClient, name: str) -> RegisteredModel | None:
    """The registered model ``name``; None if there is none."""
    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def create_registered_model(client: MlflowClient, name: str, description: str,
                            tags: Mapping[str, str] | None = None) -> bool:
    """Create the registered model ``name``, unless there is one; whether it is new."""
    try:
        client.create_registered_model(name, tags=tags, description=description)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return False
    return True


@contextmanager
def reporting_failure() -> Iterator[None]:
    """Turn a failure of the store into an :class:`EdgeCodecError` that names the store."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:
        named = server()
        if named is None:
            raise EdgeCodecError(f"{local_database()}: {_local_failure(error)}") from None
        silent = isinstance(error.__context__, requests.ConnectionError | requests.Timeout)
        raise EdgeCodecError(f"MLflow server {without_password(named)}: "
                             f"{'does not answer' if silent else _first_line(error)}; start it, or unset "
                             "MLFLOW_TRACKING_URI to use the local store") from None


def _local_failure(error: Exception) -> str:
    told = _first_line(error)
    if "database is locked" in told:
        users = _users_of(local_database())
        return (f"locked by another process{f', which may be {users}' if users else ''}; nothing is wrong with it: "
                "wait for that process to end, or end it, and try again")
    mend = next((mend for said, mend in MENDS.items() if said in told), "try again; if it stays, restore a backup")
    return f"{told}; {mend}"


def _users_of(path: Path) -> str:
    """The other processes on this machine that have ``path`` open, as far as one may know."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and any(
                    link.resolve() == path for link in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                found.append(f"process {process.name} ({command[:80]})")
        except OSError:  # it has ended, or is another user's
            continue
    return " or ".join(found)


def _first_line(error: Exception) -> str:
    return without_password(str(error).strip().splitlines()[0][:300])


def without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)
