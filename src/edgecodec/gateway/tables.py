"""The tables in a gateway's folder, and the files that they are of::

    windows/date=2026-11-28/node=turbine-7/00000007.parquet    the windows of journal 7 ...
    windows/date=2026-11-27/node=turbine-7/00000001-00000006.parquet    ... and of six, which were compacted
    undecoded/00000007.parquet    the packets of journal 7 that could not be decoded

The date is that of the window's start, else of its arrival, in UTC. A topic that the table of nodes does not have is of
the node that hive calls null. Gateways of before left flat files: ``00000007.windows.parquet``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet

from edgecodec.errors import EdgeCodecError, naming

WINDOWS = "windows"
UNDECODED = "undecoded"
SCHEMA_VERSION = 3  # of the windows; 1 had no node, start and sample_rate_hz, 2 the channels in the metadata, no date
_RECEIVED = [("topic", pyarrow.string()), ("time", pyarrow.timestamp("us", tz="UTC")), ("retained", pyarrow.bool_()),
             ("repeated", pyarrow.bool_())]
WINDOW_COLUMNS = pyarrow.schema([
    *_RECEIVED, ("start", pyarrow.timestamp("us", tz="UTC")), ("start_from", pyarrow.string()),
    ("version", pyarrow.string()), ("rate", pyarrow.int32()), ("sequence", pyarrow.int64()),
    ("estimated_error", pyarrow.float32()), ("unlike_training", pyarrow.bool_()),
    ("faulty", pyarrow.list_(pyarrow.int32())), ("sample_rate_hz", pyarrow.float64()),
    ("channels", pyarrow.list_(pyarrow.string())), ("window", pyarrow.list_(pyarrow.float32())),
    ("packet", pyarrow.binary())], {"schema_version": str(SCHEMA_VERSION)})
UNDECODED_COLUMNS = pyarrow.schema([*_RECEIVED, ("reason", pyarrow.string()), ("packet", pyarrow.binary())])
PARTITION_COLUMNS = pyarrow.schema([("date", pyarrow.date32()), ("node", pyarrow.string())])
_PARTITIONING = pyarrow.dataset.partitioning(PARTITION_COLUMNS, flavor="hive")


def partition_folder(day: date, node: str | None) -> Path:
    """Where in a gateway's folder the windows of a node's day are."""
    of_day = pyarrow.compute.field("date") == pyarrow.scalar(day)
    of_node = pyarrow.compute.field("node")
    folder, _ = _PARTITIONING.format(of_day & (of_node.is_null() if node is None else of_node == node))
    return Path(WINDOWS, folder)


def windows_of(folder: Path) -> pyarrow.dataset.Dataset:
    """All windows in a gateway's ``folder``, or in those of the gateways in it. Columns that flat files lack are null.

    A row is there once, even where a compaction was interrupted.

    Raises:
        EdgeCodecError: there are no windows.
    """
    found = [dataset for each in (folder, *sorted(folder.glob("[!.]*/"))) for dataset in _datasets(each.resolve())]
    if not found:
        raise EdgeCodecError(f"{folder}: holds no windows; give the folder that `edgecodec gateway` writes to")
    return pyarrow.dataset.dataset(found)


def _datasets(folder: Path) -> Iterator[pyarrow.dataset.Dataset]:
    """Of one gateway, by layout."""
    schema = pyarrow.unify_schemas([WINDOW_COLUMNS, PARTITION_COLUMNS])
    if is_delta(folder):
        with naming_delta(folder / WINDOWS):
            files = delta_table()(folder / WINDOWS).file_uris()
    else:
        files = [str(path) for partition in sorted(folder.glob(f"{WINDOWS}/date=*/node=*"))
                 for path in not_superseded(partition.glob("*.parquet"))]
    if files:
        yield pyarrow.dataset.dataset(files, schema, format="parquet", partitioning=_PARTITIONING,
                                      partition_base_dir=str(folder / WINDOWS))
    if flat := sorted(folder.glob("*.windows.parquet")):
        yield pyarrow.dataset.dataset([str(path) for path in flat], schema, format="parquet")


def channels_of(flat: Path) -> Mapping[str, Sequence[str]]:
    """By version: what a flat file has instead of the column ``channels``."""
    metadata = pyarrow.parquet.read_metadata(flat).metadata or {}
    found: dict[str, list[str]] = json.loads(metadata.get(b"channels", b"{}"))
    return found


def table_writer(path: Path, schema: pyarrow.Schema) -> pyarrow.parquet.ParquetWriter:
    """Writes tables of ``schema`` to a file at ``path``."""
    texts = [each.name for each in schema if each.type == pyarrow.string()]
    return pyarrow.parquet.ParquetWriter(path, schema, use_dictionary=[*texts, "channels.list.element"])  # no floats


def files_of(journal: Path) -> list[Path]:
    """The files that ``journal`` became, those of earlier layouts, too."""
    name, folder = journal.stem, journal.parent
    return [*folder.glob(f"{WINDOWS}/date=*/node=*/{name}.parquet"), *folder.glob(f"{UNDECODED}/{name}.parquet"),
            *folder.glob(f"{name}.*.parquet")]


def not_superseded(paths: Iterable[Path]) -> list[Path]:
    """The files of a partition, in their order, less those whose journals are all in another one."""
    found: list[Path] = []
    for path in sorted(paths, key=lambda path: (journals_in(path)[0], -journals_in(path)[1])):
        if not found or journals_in(path)[1] > journals_in(found[-1])[1]:
            found.append(path)
    return found


def day_of(partition: Path) -> date:
    """The day of the windows in the folder of a day and node."""
    return date.fromisoformat(partition.parent.name.removeprefix("date="))


def journals_in(path: Path) -> tuple[int, int]:
    """The first and the last journal that a file is of, by its name."""
    first, _, last = path.name.split(".")[0].partition("-")
    return int(first), int(last or first)


def newest_number(folder: Path) -> int:
    """Of the journals that are in ``folder``, or became its files; 0: there are none."""
    names = [path for path in folder.rglob("[0-9]*.*") if path.name.split(".")[0].replace("-", "").isdigit()]
    return max((journals_in(path)[1] for path in names), default=0)


def is_delta(folder: Path) -> bool:
    """Whether the windows in a gateway's ``folder`` are a Delta table."""
    return (folder / WINDOWS / "_delta_log").is_dir()


def naming_delta(table: Path) -> AbstractContextManager[None]:
    """What deltalake raises about ``table`` becomes an EdgeCodecError."""
    return naming(table, "a Delta table that cannot be used", "restore its _delta_log")


def delta_table() -> Any:
    """The class ``deltalake.DeltaTable``.

    Raises:
        EdgeCodecError: the package is absent.
    """
    try:
        from deltalake import DeltaTable
    except ModuleNotFoundError:
        raise EdgeCodecError("Delta tables want the package deltalake: pip install -e .[delta] -c constraints.txt"
                             ) from None
    return DeltaTable
