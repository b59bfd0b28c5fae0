"""What gateways have written to a folder, as one table of windows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError, naming

FILES = "*.windows.parquet"
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)  # a clock that says less was never set
AHEAD = timedelta(days=1)  # of the present: beyond, a clock is wrong
COLUMNS = ("topic", "time", "retained", "version", "rate", "estimated_error", "unlike_training", "faulty")
SINCE_VERSION_2 = ("node", "start")  # of the files' schema


@dataclass(frozen=True, eq=False)
class FieldWindows:
    """Windows of the field, without their samples."""

    windows: pd.DataFrame  # node, start, version, rate, estimated_error, unlike_training, file, row; in order of start
    faulty: pd.DataFrame  # window, channel: a row for every channel that a node called faulty
    undated: int  # windows left out, since nothing tells their start, or a clock was not set
    files: tuple[Path, ...]
    channels: Mapping[str, tuple[str, ...]]  # names, by version

    def samples(self, file: int, row: int, version: str) -> NDArray[np.float32]:
        """Of one window, by its columns ``file``, ``row`` and ``version``: [channels, samples]."""
        with pyarrow.parquet.ParquetFile(self.files[file]) as parquet:
            for group in range(parquet.num_row_groups):  # a file is too large to be read as a whole
                rows = parquet.metadata.row_group(group).num_rows
                if row < rows:
                    break
                row -= rows
            values = parquet.read_row_group(group, columns=["window"])["window"][row].values
        return np.asarray(values, np.float32).reshape(len(self.channels[version]), -1)


def read_folder(folder: Path) -> FieldWindows:
    """All windows in the files of ``folder`` and the folders in it.

    A topic without a node in the table of nodes is a node of its own. Files of schema version 1 have no nodes at all,
    and tell no start: the arrival stands for it.

    Raises:
        EdgeCodecError: there is no such folder, it has no windows, or a file is not as a gateway writes it.
    """
    if not folder.is_dir():
        raise EdgeCodecError(f"{folder}: no such folder; give the one that `edgecodec gateway` writes to")
    files = tuple(sorted(folder.rglob(FILES)))
    if not files:
        raise EdgeCodecError(f"{folder}: holds no {FILES}; give the folder that `edgecodec gateway` writes to")
    channels: dict[str, tuple[str, ...]] = {}
    tables = []
    for number, path in enumerate(files):
        with naming(path, "no file of windows", "remove it, or restore it"):
            tables.append(_read(path, number))
            metadata = pyarrow.parquet.read_metadata(path).metadata or {}
            named = json.loads(metadata.get(b"channels", b"{}"))
            channels |= {version: tuple(names) for version, names in named.items()}
    table = pyarrow.concat_tables(tables)
    faulty = pd.DataFrame({"window": pyarrow.compute.list_parent_indices(table["faulty"]).to_numpy(),
                           "channel": pyarrow.compute.list_flatten(table["faulty"]).to_numpy()})
    windows = table.drop_columns(["faulty"]).to_pandas()
    dated = windows["start"].between(EARLIEST, datetime.now(UTC) + AHEAD)
    if not dated.any():
        raise EdgeCodecError(f"{folder}: none of {len(windows)} windows has a start between {EARLIEST:%Y} and now; set "
                             "the clock of the gateway")
    return FieldWindows(windows[dated].sort_values("start", kind="stable"), faulty[faulty["window"].map(dated)],
                        int((~dated).sum()), files, channels)


def _read(path: Path, number: int) -> pyarrow.Table:
    there = pyarrow.parquet.read_schema(path).names
    absent = [name for name in COLUMNS if name not in there]
    if absent:
        raise EdgeCodecError(f"{path}: has no column {absent[0]}; it is no file of `edgecodec gateway`: remove it")
    table = pyarrow.parquet.read_table(path, columns=[*COLUMNS, *(set(SINCE_VERSION_2) & set(there))])
    if "start" not in there:
        nothing = pyarrow.scalar(None, table["time"].type)
        table = table.append_column("start", pyarrow.compute.if_else(table["retained"], nothing, table["time"]))
    node = pyarrow.compute.coalesce(table["node"], table["topic"]) if "node" in there else table["topic"]
    return pyarrow.table({
        "node": node, **{name: table[name] for name in ("start", *COLUMNS[3:])},
        "file": pyarrow.repeat(number, len(table)), "row": pyarrow.array(np.arange(len(table)))})
