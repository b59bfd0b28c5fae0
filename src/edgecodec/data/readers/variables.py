"""Files that hold arrays with names (npz, HDF5, MATLAB): which of them are the channels, which are time and rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.table import Table, of_array
from edgecodec.errors import EdgeCodecError

RATES = ("fs", "sample_rate", "sample_rate_hz", "samplerate", "sampling_rate", "sampling_frequency", "srate", "rate")
NAMES = ("channels", "channel_names", "names", "labels")


def table_of(path: Path, values: NDArray[Any], names: tuple[str, ...] | None = None,
             sample_rate_hz: float | None = None, transpose: bool = False) -> Table:
    """The columns of an array [samples, channels].

    Args:
        transpose: an array that is wider than long is [channels, samples]: files of MATLAB and of HDF5 hold both.

    Raises:
        EdgeCodecError: it is no such array of real numbers.
    """
    if values.ndim != 2:
        raise EdgeCodecError(f"{path}: has shape {values.shape}; expected [samples, channels]")
    if values.shape[0] < values.shape[1]:
        if not transpose:
            raise EdgeCodecError(f"{path}: shape {values.shape} looks like [channels, samples]; expected "
                                 "[samples, channels]: transpose it")
        values = values.T
    if values.dtype.kind not in "fiub":
        raise EdgeCodecError(f"{path}: holds {values.dtype}, not real numbers; convert it to float32")
    return of_array(values, names if names and len(names) == values.shape[1] else None, sample_rate_hz)


def table_of_variables(path: Path, arrays: Mapping[str, NDArray[Any]], variable: str | None,
                       names: tuple[str, ...] | None = None, sample_rate_hz: float | None = None) -> Table:
    """One two-dimensional array, or several series of the same length, each a column with the array's name.

    A single number called fs or sample_rate is the rate; series beside a two-dimensional array are columns before it.

    Raises:
        EdgeCodecError: there is no such array, or more than one and ``variable`` does not say which.
    """
    texts = {name: tuple(map(str, array.ravel())) for name, array in arrays.items() if array.dtype.kind in "US"}
    numbers = {name: array.squeeze() for name, array in arrays.items() if array.dtype.kind in "fiub"}
    rates = [float(array) for name, array in numbers.items() if array.ndim == 0 and name.lower() in RATES]
    rate = sample_rate_hz or (rates[0] if rates else None)
    names = names or next((found for name, found in texts.items() if name.lower() in NAMES), None)
    series = {name: array for name, array in numbers.items() if array.ndim == 1 and array.size > 1}
    grids = {name: array for name, array in numbers.items() if array.ndim == 2}
    if variable is not None:
        chosen = {**series, **grids}.get(variable)
        if chosen is None:
            raise EdgeCodecError(f"{path}: holds no array {variable} of samples; correct data.array.variable (it holds "
                                 f"{', '.join(arrays) or 'none'})")
        grids, series = ({variable: chosen}, series) if chosen.ndim == 2 else ({}, {
            name: array for name, array in series.items() if array.size == chosen.size})
    if len(grids) > 1 or (not grids and len({array.size for array in series.values()}) > 1):
        raise EdgeCodecError(f"{path}: holds several arrays ({_listed(grids or series)}); name the one in "
                             "data.array.variable")
    if grids:
        (grid,) = grids.values()
        table = table_of(path, grid, names, rate, transpose=True)
        beside = {name: array for name, array in series.items() if array.size == table.rows}
        if not beside:
            return table
        known = table.names or tuple(f"C{number}" for number in range(len(table.columns)))
        more = of_array(np.column_stack(list(beside.values())))
        return replace(table, names=(*beside, *known), columns=(*more.columns, *table.columns))
    if not series:
        raise EdgeCodecError(f"{path}: holds no array of real numbers [samples, channels] (it holds "
                             f"{', '.join(arrays) or 'none'}); save one")
    return of_array(np.column_stack(list(series.values())), tuple(series), rate)


def _listed(arrays: Mapping[str, NDArray[Any]]) -> str:
    return ", ".join(f"{name} {list(array.shape)}" for name, array in list(arrays.items())[:6])
