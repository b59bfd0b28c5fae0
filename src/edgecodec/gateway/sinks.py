"""What a table of windows is: files of Parquet, or a Delta table of the same files.

Files are whole when they appear. The rows of a Delta table appear when they are committed, all those of a journal at
once. A commit names its journal (Delta's application transaction), so none is committed twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import pyarrow

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.tables import PARTITION_COLUMNS, WINDOW_COLUMNS, WINDOWS, delta_table, is_delta, naming_delta


@dataclass(frozen=True)
class Part:
    """A file of windows."""

    path: Path
    day: date
    node: str | None
    rows: int


class Sink(Protocol):
    def has(self, number: int) -> bool:
        """Whether journal ``number`` is committed: its files stay as they are."""

    def commit(self, number: int, parts: Sequence[Part]) -> None:
        """Let readers see ``parts``, which are on disk; none is behind another commit of journal ``number``."""


class ParquetSink:
    """Readers see files as they appear; a journal's second files replace its first."""

    def __init__(self, folder: Path, client_id: str = "") -> None:
        if is_delta(folder):
            raise EdgeCodecError(f"{folder / WINDOWS}: a Delta table; give --format delta, or another folder")

    def has(self, number: int) -> bool:
        return False

    def commit(self, number: int, parts: Sequence[Part]) -> None:
        pass


class DeltaSink:
    """A Delta table, which is made here if it is not there.

    Raises:
        EdgeCodecError: the package deltalake is absent; the folder has windows that are in no table.
    """

    def __init__(self, folder: Path, client_id: str) -> None:
        self._table = folder / WINDOWS
        self._client_id = client_id
        if not is_delta(folder):
            if any(self._table.glob("date=*")):
                raise EdgeCodecError(f"{self._table}: files that are in no Delta table; give --format parquet, or "
                                     "another folder")
            schema = pyarrow.unify_schemas([WINDOW_COLUMNS, PARTITION_COLUMNS])
            delta_table().create(self._table, schema, partition_by=PARTITION_COLUMNS.names)

    def has(self, number: int) -> bool:
        """Journals are committed in their order: only the last one can come again."""
        with naming_delta(self._table):
            return bool(delta_table()(self._table).transaction_version(self._client_id) == number)

    def commit(self, number: int, parts: Sequence[Part]) -> None:
        from deltalake.transaction import AddAction, CommitProperties, Transaction

        with naming_delta(self._table):
            table = delta_table()(self._table)
            actions = [AddAction(
                path=each.path.relative_to(self._table).as_posix(), size=each.path.stat().st_size,
                partition_values={"date": each.day.isoformat(), "node": each.node}, data_change=True,
                modification_time=int(each.path.stat().st_mtime * 1000), stats=json.dumps({"numRecords": each.rows}))
                for each in parts]
            table.create_write_transaction(
                actions, "append", table.schema(), PARTITION_COLUMNS.names,
                commit_properties=CommitProperties(app_transactions=[Transaction(self._client_id, number)]))


SINKS: Mapping[str, type[ParquetSink] | type[DeltaSink]] = {"parquet": ParquetSink, "delta": DeltaSink}
