"""What gateways have written to a folder, as one table of windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError, naming
from edgecodec.gateway.tables import channels_of, windows_of

EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)  # a clock that says less was never set
AHEAD = timedelta(days=1)  # of the present: beyond, a clock is wrong
COLUMNS = ("topic", "time", "retained", "version", "rate", "estimated_error", "unlike_training", "faulty")


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
    """All windows in the folder of one or several gateways.

    A topic without a node in the table of nodes is a node of its own. Files of schema version 1 have no nodes at all,
    and tell no start: the arrival stands for it.

    Raises:
        EdgeCodecError: there are no windows, or a file is not as a gateway writes it.
    """
    dataset = windows_of(folder)
    files = tuple(dataset.get_fragments())
    channels: dict[str, tuple[str, ...]] = {}
    tables = []
    for number, file in enumerate(files):
        with naming(Path(file.path), "no file of windows", "remove it, or restore it"):
            _check_columns(file)
            tables.append(_read(file, dataset.schema, number))
            for version in set(tables[-1]["version"].unique().to_pylist()) - channels.keys():
                channels |= _channels(file, dataset.schema, version)
    table = pyarrow.concat_tables(tables)
    faulty = pd.DataFrame({"window": pyarrow.compute.list_parent_indices(table["faulty"]).to_numpy(),
                           "channel": pyarrow.compute.list_flatten(table["faulty"]).to_numpy()})
    windows = table.drop_columns(["faulty"]).to_pandas()
    dated = windows["start"].between(EARLIEST, datetime.now(UTC) + AHEAD)
    if not dated.any():
        raise EdgeCodecError(f"{folder}: none of {len(windows)} windows has a start between {EARLIEST:%Y} and now; set "
                             "the clock of the gateway")
    return FieldWindows(windows[dated].sort_values("start", kind="stable"), faulty[faulty["window"].map(dated)],
                        int((~dated).sum()), tuple(Path(file.path) for file in files), channels)


def _check_columns(file: pyarrow.dataset.ParquetFileFragment) -> None:
    absent = [name for name in COLUMNS if name not in file.physical_schema.names]
    if absent:
        raise EdgeCodecError(f"{file.path}: has no column {absent[0]}; it is no file of `edgecodec gateway`: remove it")


def _read(file: pyarrow.dataset.ParquetFileFragment, schema: pyarrow.Schema, number: int) -> pyarrow.Table:
    table = file.to_table(schema, columns=["node", "start", *COLUMNS])
    start = table["start"]
    if "start" not in file.physical_schema.names:
        start = pyarrow.compute.if_else(table["retained"], pyarrow.scalar(None, start.type), table["time"])
    return pyarrow.table({
        "node": pyarrow.compute.coalesce(table["node"], table["topic"]), "start": start,
        **{name: table[name] for name in COLUMNS[3:]},
        "file": pyarrow.repeat(number, len(table)), "row": pyarrow.array(np.arange(len(table)))})


def _channels(file: pyarrow.dataset.ParquetFileFragment, schema: pyarrow.Schema,
              version: str) -> Mapping[str, tuple[str, ...]]:
    """Their names in the windows of ``version``; none where the file tells none."""
    of_version = pyarrow.dataset.field("version") == version
    window = file.scanner(schema, columns=["channels"], filter=of_version).head(1)
    names = window["channels"][0].as_py() or channels_of(Path(file.path)).get(version)
    return {} if names is None else {version: tuple(names)}
