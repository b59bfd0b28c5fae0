"""A recording's file as columns of numbers, whatever it was written by; and the samples that are taken from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.csv
from numpy.typing import NDArray

from edgecodec.data import mapped
from edgecodec.errors import EdgeCodecError

NULLS = frozenset(text.casefold() for text in pyarrow.csv.ConvertOptions().null_values)  # neither number nor text
NANOSECONDS = 1e-9


@dataclass(frozen=True, eq=False)
class Stored:
    """An array that is read anew whenever NumPy asks for it, so that a large file has few columns in memory."""

    read: Callable[[], NDArray[np.floating[Any]]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.read(), dtype)


@dataclass(frozen=True, eq=False)
class Column:
    """Numbers of one column of a file; what is no number is NaN."""

    held: NDArray[np.floating[Any]] | Stored  # float32 where the file has no more digits: half the memory
    text_cells: int = 0  # cells that are neither number nor empty
    first_text: str = ""  # where the first of them is and what it says
    labels: pyarrow.ChunkedArray | None = None  # the cells of a column of text
    is_clock: bool = False  # time stamps: the values are seconds since the first of them
    integers: bool = False  # no fraction can be in it

    @property
    def values(self) -> NDArray[np.float64]:
        return np.asarray(self.held, np.float64)

    @property
    def is_empty(self) -> bool:
        return not self.text_cells and not np.isfinite(self.held).any()


@dataclass(frozen=True, eq=False)
class Table:
    """A recording's file, column by column, faults included."""

    names: tuple[str, ...] | None  # of the columns; None where the file does not name them
    columns: tuple[Column, ...]
    rows: int
    ragged_rows: int = 0  # rows with another number of columns, left out
    units: tuple[str, ...] | None = None  # of the columns, where the file says them
    sample_rate_hz: float | None = None  # where the file says it
    index: tuple[int, ...] = ()  # columns that the file calls its index

    def samples(self, time: int | None, channels: Sequence[int], sample_rate_hz: float,
                seconds: NDArray[np.float64] | None = None) -> Samples:
        """The columns with the numbers ``channels``; without a column of ``time``, rows are evenly spaced.

        Args:
            seconds: what the column of time means, if it is not seconds itself.
        """
        chosen = [self.columns[number] for number in channels]
        values = mapped.empty((len(chosen), self.rows), np.float32)
        with np.errstate(over="ignore"):  # beyond float32 is infinite, which no check lets pass
            for channel, column in enumerate(chosen):
                values[channel] = column.held
        if seconds is None:
            seconds = np.arange(self.rows) / sample_rate_hz if time is None else self.columns[time].values
        read = chosen if time is None else [self.columns[time], *chosen]
        return Samples(seconds, values, len(chosen) + 1, self.ragged_rows, sum(column.text_cells for column in read),
                       next((column.first_text for column in read if column.first_text), ""))

    def name_of(self, number: int) -> str:
        """What people are told of a column: its name, or its place."""
        name = self.names[number] if self.names else ""
        return name.strip() or f"number {number + 1}"


@dataclass(frozen=True, eq=False)
class Samples:
    """Content of a recording, faults included: whether it is sound is for the validation to say."""

    time_seconds: NDArray[np.float64]  # [samples]
    values: NDArray[np.float32]  # [channels, samples], mapped if large; NaN where there is no number
    columns: int  # found in the file, time included
    ragged_rows: int  # rows with another number of columns, left out
    text_cells: int  # cells that are neither number nor empty
    first_text: str = ""  # where the first of them is and what it says

    @property
    def rows(self) -> int:
        return len(self.time_seconds)


def columns_named(path: Path, names: tuple[str, ...], wanted: Sequence[str], fix: str) -> list[int]:
    """The numbers of the columns ``wanted`` among the ``names`` of a file.

    Raises:
        EdgeCodecError: one is absent, or there twice.
    """
    for name in wanted:
        if names.count(name) != 1:
            raise EdgeCodecError(f"{path}: has {'no' if name not in names else 'more than one'} channel {name}; {fix} "
                                 f"(it has {', '.join(names[:6])}{', ...' if len(names) > 6 else ''})")
    return [names.index(name) for name in wanted]


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def of_array(values: NDArray[np.generic], names: tuple[str, ...] | None = None,
             sample_rate_hz: float | None = None, units: tuple[str, ...] | None = None) -> Table:
    """The columns of ``values`` [rows, columns]."""
    integers = values.dtype.kind in "iu"
    columns = tuple(Column(Stored(partial(_as_floats, column)), integers=integers) for column in values.T)
    return Table(names, columns, len(values), units=units, sample_rate_hz=sample_rate_hz)


def _as_floats(numbers: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """float32 if that holds every number of such a type, else float64; None, among objects, is NaN."""
    is_object = numbers.dtype.kind == "O"
    return np.asarray(numbers, np.float64 if is_object else np.result_type(numbers.dtype, np.float32))


Cells = Callable[[], pyarrow.ChunkedArray]


def of_arrow(kinds: Sequence[pyarrow.DataType], cells: Callable[[int], pyarrow.ChunkedArray], rows: int,
             names: tuple[str, ...] | None, ragged_rows: int = 0, first_line: int = 1,
             index: tuple[int, ...] = ()) -> Table:
    """The columns of a table of Arrow. Those of numbers are read when they are looked at.

    Args:
        kinds: of the columns.
        cells: reads the column of a number.
        first_line: the line, or row, that the first row is in its file.
    """
    shown = names or tuple(str(number + 1) for number in range(len(kinds)))
    columns = tuple(_column(name, kind, partial(cells, number), first_line)
                    for number, (name, kind) in enumerate(zip(shown, kinds, strict=True)))
    return Table(names, columns, rows, ragged_rows, index=index)


def _column(name: str, kind: pyarrow.DataType, read: Cells, first_line: int) -> Column:
    types = pyarrow.types
    if types.is_dictionary(kind):
        return _column(name, kind.value_type, lambda: read().cast(kind.value_type), first_line)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        return Column(Stored(lambda: _as_floats(read().to_numpy())), integers=types.is_integer(kind))
    if types.is_decimal(kind):
        return Column(Stored(lambda: read().cast(pyarrow.float64()).to_numpy()))
    cells = read()
    if types.is_timestamp(kind) or types.is_date(kind):
        return _clock(cells.cast(pyarrow.timestamp("ns")).cast(pyarrow.int64()))
    if types.is_duration(kind):
        return _clock(cells.cast(pyarrow.duration("ns")).cast(pyarrow.int64()))
    if types.is_null(kind):
        return Column(np.full(len(cells), np.nan))
    return _of_texts(name, cells, first_line)


def _clock(nanoseconds: pyarrow.ChunkedArray) -> Column:
    """Seconds since the first time stamp: whole nanoseconds are subtracted, for float64 would not hold them."""
    first = nanoseconds.drop_null()[0].as_py() if nanoseconds.null_count < len(nanoseconds) else 0
    since = pyarrow.compute.subtract(nanoseconds, first)
    return Column(np.asarray(since.to_numpy(), dtype=np.float64) * NANOSECONDS, is_clock=True)


def _of_texts(name: str, cells: pyarrow.ChunkedArray, first_line: int) -> Column:
    """A column of text: numbers, time stamps, or what is neither."""
    try:
        return Column(cells.cast(pyarrow.float64()).to_numpy())
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        pass
    texts = [cell.decode(errors="replace").strip() if isinstance(cell, bytes) else "" if cell is None
             else str(cell).strip() for cell in cells.to_pylist()]
    texts = ["" if text.casefold() in NULLS else text for text in texts]
    numbers = np.array([float(text) if is_number(text) else np.nan for text in texts])
    wrong = [row for row, text in enumerate(texts) if text and not is_number(text)]
    if len(wrong) > len(texts) // 2 and (clock := _clock_of(texts)) is not None:
        return clock
    first = f"{texts[wrong[0]][:40]!r} in row {first_line + wrong[0]} of column {name}" if wrong else ""
    return Column(numbers, len(wrong), first, labels=pyarrow.chunked_array([texts], pyarrow.string()))


def _clock_of(texts: list[str]) -> Column | None:
    """Time stamps in ISO 8601, with or without a zone, or as in 31.12.2026 23:59:59; None if they are no such thing."""
    import pandas as pd

    first = next(text for text in texts if text)
    try:
        forms = {"dayfirst": True} if first[2:3] == "." else {"format": "ISO8601"}
        stamps = pd.to_datetime(pd.Series(texts, dtype=str).replace("", None), utc=True, errors="coerce", **forms)
    except (ValueError, TypeError, OverflowError):
        return None
    lost = int(stamps.isna().sum()) - texts.count("")
    if lost > 0.01 * len(texts):  # a few that are torn are missing times, which validation counts
        return None
    return _clock(pyarrow.chunked_array([pyarrow.Array.from_pandas(stamps)]).cast(pyarrow.timestamp("ns"))
                  .cast(pyarrow.int64()))
