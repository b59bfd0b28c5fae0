"""A local store whose folder was renamed, moved or copied. MLflow's database holds every location in full."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOCATIONS = (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
             ("model_versions", "source"), ("model_versions", "storage_location"))  # tables and columns of MLflow


def relocate(database: sqlite3.Connection, artifacts: Path) -> None:
    """Let all that ``database`` places in the folder it was in before lie in its present one.

    A local store keeps its files in ``artifacts``, beside the database. Where an experiment names another folder of
    that name, the database has come from there.
    """
    if not database.execute("select 1 from sqlite_master where name = 'experiments'").fetchone():
        return  # new
    named = [location for (location,) in database.execute("select distinct artifact_location from experiments")]
    here = artifacts.parent
    former = {place.parent for place in map(local_path, named) if place.name == artifacts.name} - {here}
    with database:
        for place in former:
            for old, new in ((f"{place.as_uri()}/", f"{here.as_uri()}/"), (f"{place}/", f"{here}/")):
                for table, column in LOCATIONS:
                    database.execute(f"update {table} set {column} = ? || substr({column}, ?) "
                                     f"where substr({column}, 1, ?) = ?", (new, len(old) + 1, len(old), old))


def local_path(location: str) -> Path:
    """The folder that a ``file:`` URI names; for any other location a path that is never taken for one."""
    uri = urlsplit(location)
    return Path(unquote(uri.path) if uri.scheme == "file" else "/")
