"""Tables that hold many recordings, told apart by a column, or a value per row: made wide, one per recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgecodec.data.table import Column, Table, columns_named
from edgecodec.data.time_base import find_time
from edgecodec.errors import EdgeCodecError
from edgecodec.params import ArrayParams


def wide_tables(path: Path, name: str, table: Table, params: ArrayParams) -> Iterator[tuple[str, Table]]:
    """The recordings in ``table``, each with its name.

    Raises:
        EdgeCodecError: a column that ``params`` names is absent, or a channel has two values at one time.
    """
    if params.recording_column is None:
        yield name, _wide(path, table, params)
        return
    (key,) = columns_named(path, table.names or (), [params.recording_column], "correct data.array.recording_column")
    labels = _labels(table.columns[key])
    for label in pd.unique(labels):
        rows = np.flatnonzero(labels == label)
        yield f"{name}/{label}".replace(" ", "_"), _wide(path, _without(_rows(table, rows), key), params)


def _wide(path: Path, table: Table, params: ArrayParams) -> Table:
    if params.long is None:
        return table
    named, value = columns_named(path, table.names or (), [params.long.channel, params.long.value],
                                 "correct data.array.long")
    labels = _labels(table.columns[named])
    time = find_time(_without(table, named, value), params.time, params.time_unit, params.sample_rate_hz).column
    stamps: NDArray[np.float64]
    if time is not None:
        time = [number for number in range(len(table.columns)) if number not in (named, value)][time]
        stamps = table.columns[time].values
    else:
        stamps = pd.Series(labels).groupby(labels, sort=False).cumcount().to_numpy().astype(np.float64)
    long = pd.DataFrame({"time": stamps, "channel": labels, "value": table.columns[value].values})
    twice = long[long.duplicated(["time", "channel"])]
    if len(twice):
        raise EdgeCodecError(f"{path}: channel {twice['channel'].iloc[0]} has two values at time "
                             f"{twice['time'].iloc[0]:g}; name data.array.recording_column, or correct the file")
    wide = long.pivot(index="time", columns="channel", values="value")
    wide = wide[list(pd.unique(labels))]
    columns = tuple(Column(wide[channel].to_numpy(np.float64)) for channel in wide)
    names = tuple(map(str, wide.columns))
    if time is None:
        return Table(names, columns, len(wide), table.ragged_rows)
    clock = replace(table.columns[time], held=wide.index.to_numpy(np.float64), labels=None)
    return Table(((table.names or ())[time], *names), (clock, *columns), len(wide), table.ragged_rows)


def _labels(column: Column) -> NDArray[np.object_]:
    if column.labels is not None:
        return np.array(column.labels.to_pylist(), dtype=object)
    return np.array([f"{value:g}" for value in column.values], dtype=object)


def _rows(table: Table, rows: NDArray[np.int64]) -> Table:
    columns = tuple(replace(column, held=np.asarray(column.held)[rows], labels=None if column.labels is None else
                            column.labels.take(rows)) for column in table.columns)
    return replace(table, columns=columns, rows=len(rows))


def _without(table: Table, *numbers: int) -> Table:
    kept = [number for number in range(len(table.columns)) if number not in numbers]
    return replace(
        table, columns=tuple(table.columns[number] for number in kept),
        names=table.names and tuple(table.names[number] for number in kept),
        units=table.units and tuple(table.units[number] for number in kept),
        index=tuple(kept.index(number) for number in table.index if number in kept))
