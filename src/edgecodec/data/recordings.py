"""Recordings of a sensor array on disk, with the list that says what each of them is.

``artifacts/raw/recordings.json`` (:class:`RecordingList`) is all that later stages know about a source: AeroSense,
its twin and any other array look alike from here on.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from edgecodec.errors import EdgeCodecError, naming
from edgecodec.storage import read_json, write_json

LIST_NAME = "recordings.json"
TIME_COLUMN = "time"
FileKind = Literal["parquet", "npy", "npz", "text"]
_MAGIC: dict[bytes, FileKind] = {b"PAR1": "parquet", b"\x93NUMPY": "npy", b"PK\x03\x04": "npz"}
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")  # what pandas calls an index without a name in Parquet
Kind = Literal["wind", "zeroing", "still", "unlisted", "signal"]


class Recording(BaseModel):
    """One recording: its file, and what the labbook or the user says about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    path: str  # relative to the list
    kind: Kind  # wind and signal become windows; zeroing is the reference of wind; unlisted: not in the labbook
    series: str  # zeroing applies inside a series
    number: int  # order inside the series
    wind: int  # set speed in m/s; 0 where there is none
    condition: str
    split: Literal["train", "validation", "both"]  # both: its end validates
    divisor: float  # dynamic pressure in Pa; 1 for arrays, whose values are taken as they are


class RecordingList(BaseModel):
    """All recordings of a source, ordered by series and number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_rate_hz: float
    channels: tuple[str, ...]
    presets: dict[str, tuple[str, ...]]  # named selections of channels; none for arrays
    scale: float  # physical unit per recorded unit
    integers: bool  # recorded values are counts
    plausible: tuple[float, float] | None  # range of a live channel, in recorded units
    validation_fraction: float  # of the recordings whose split is "both"
    recordings: tuple[Recording, ...]

    @classmethod
    def open(cls, folder: Path) -> RecordingList:
        with naming(folder / LIST_NAME, "not as expected", "run the stage acquire again"):
            return cls.model_validate(read_json(folder / LIST_NAME))

    def write(self, folder: Path) -> None:
        write_json(folder / LIST_NAME, self.model_dump())

    def preset(self, name: str) -> tuple[str, ...]:
        """Channels that become windows."""
        return self.presets.get(name, self.channels)

    def zeroing_references(self, recording: Recording, excluded: frozenset[str]) -> tuple[Recording, ...]:
        """Nearest zeroing recording before and after ``recording`` in its series, as far as there are any."""
        zeroing = [
            other for other in self.recordings
            if other.kind == "zeroing" and other.series == recording.series and other.name not in excluded
        ]
        before = [other for other in zeroing if other.number < recording.number][-1:]
        after = [other for other in zeroing if other.number > recording.number][:1]
        return (*before, *after)


@dataclass(frozen=True)
class Column:
    """Numbers of one column of a file; what is no number is NaN."""

    values: NDArray[np.float64]
    text_cells: int = 0  # cells that are neither number nor empty
    first_text: str = ""  # where the first of them is and what it says


@dataclass(frozen=True)
class Table:
    """A recording's file, column by column, faults included."""

    names: tuple[str, ...] | None  # of the columns; None where the file does not name them
    columns: tuple[Column, ...]
    rows: int
    ragged_rows: int = 0  # rows with another number of columns, left out

    def samples(self, time: int | None, channels: Sequence[int], sample_rate_hz: float) -> Samples:
        """The columns with the numbers ``channels``; without a column of ``time``, rows are evenly spaced."""
        chosen = [self.columns[number] for number in channels]
        values = np.empty((len(chosen), self.rows), np.float32)
        with np.errstate(over="ignore"):  # beyond float32 is infinite, which no check lets pass
            for channel, column in enumerate(chosen):
                values[channel] = column.values
        seconds = np.arange(self.rows) / sample_rate_hz if time is None else self.columns[time].values
        read = chosen if time is None else [self.columns[time], *chosen]
        return Samples(seconds, values, len(chosen) + 1, self.ragged_rows, sum(column.text_cells for column in read),
                       next((column.first_text for column in read if column.first_text), ""))


@dataclass(frozen=True)
class Samples:
    """Content of a recording, faults included: whether it is sound is for the validation to say."""

    time_seconds: NDArray[np.float64]  # [samples]
    values: NDArray[np.float32]  # [channels, samples]; NaN where there is no number
    columns: int  # found in the file, time included
    ragged_rows: int  # rows with another number of columns, left out
    text_cells: int  # cells that are neither number nor empty
    first_text: str = ""  # where the first of them is and what it says

    @property
    def rows(self) -> int:
        return len(self.time_seconds)


def read_samples(path: Path, channels: tuple[str, ...] = ()) -> Samples:
    """Read a recording whose first column is time: CSV (with or without a header row) or Parquet.

    A file that names all of ``channels`` is read by name, any other by position. A CSV is read as far as it goes: one
    that is no table at all has 0 columns.

    Raises:
        EdgeCodecError: the file is absent, or not what its name or its first bytes say.
    """
    table = read_table(path)
    if not table.columns:
        return Samples(np.empty(0), np.empty((0, 0), np.float32), columns=0, ragged_rows=0, text_cells=0)
    numbers = list(range(1, len(table.columns)))
    if table.names is not None and len(channels) == len(numbers) and set(channels) == set(table.names[1:]):
        numbers = [table.names.index(channel) for channel in channels]
    return table.samples(0, numbers, sample_rate_hz=1.0)


def kind_of(path: Path) -> FileKind:
    """What a file is by its first bytes, unless it is called .csv; a folder is the parts of a Parquet file.

    Raises:
        EdgeCodecError: the file is absent, or its name says that it is another kind.
    """
    if path.is_dir():
        return "parquet"
    if not path.is_file():
        raise EdgeCodecError(f"{path}: recording not found; correct the name")
    named = path.suffix.lower().removeprefix(".")
    if named == "csv":
        return "text"
    with path.open("rb") as file:
        first = file.read(8)
    for magic, kind in _MAGIC.items():
        if first.startswith(magic):
            return kind
    if named in _MAGIC.values():
        told = {"parquet": "Parquet file", "npy": "npy array of numbers", "npz": ".npz"}[named]
        raise EdgeCodecError(f"{path}: not a readable {told}; write it again, or call it .csv if it is one")
    return "text"


def read_table(path: Path) -> Table:
    """The columns of a CSV, Parquet or npy file [rows, columns], told apart by content.

    Raises:
        EdgeCodecError: the file is absent, damaged, or holds no table.
    """
    match kind_of(path):
        case "parquet":
            with naming(path, "not a readable Parquet file", "write it again"):
                return _of_arrow(pyarrow.parquet.read_table(path), named=True)
        case "npy":
            return _of_array(path)
        case "npz":
            raise EdgeCodecError(f"{path}: is an .npz or a zip, which may hold many arrays; save the one "
                                 "[samples, channels] by numpy.save")
        case "text":
            return _read_csv(path)


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


def _of_array(path: Path) -> Table:
    with naming(path, "not a readable npy array of numbers", "write it again by numpy.save"):
        values = np.load(path, allow_pickle=False, mmap_mode="r")
    if values.ndim != 2:
        raise EdgeCodecError(f"{path}: has shape {values.shape}; expected [samples, channels]")
    if values.shape[0] < values.shape[1]:
        raise EdgeCodecError(f"{path}: shape {values.shape} looks like [channels, samples]; expected "
                             "[samples, channels]: transpose it")
    if values.dtype.kind not in "fiub":
        raise EdgeCodecError(f"{path}: holds {values.dtype}, not real numbers; convert it to float32")
    return Table(None, tuple(Column(column.astype(np.float64)) for column in values.T), len(values))


def _first_row(path: Path) -> list[str]:
    """Fields of a CSV's first row; none if the file is empty or no CSV."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            return [field.strip() for field in next(csv.reader(file), [])]
    except csv.Error:
        return []


def _read_csv(path: Path) -> Table:
    nothing = Table(None, (), 0)
    first = _first_row(path)
    if not first:
        return nothing
    has_header = not is_number(first[0])
    positions = [str(number) for number in range(len(first))]  # names that are unique, which a header's may not be
    ragged_rows = 0

    def leave_out(row: object) -> str:
        nonlocal ragged_rows
        ragged_rows += 1
        return "skip"

    def read(kind: pyarrow.DataType) -> pyarrow.Table:
        nonlocal ragged_rows
        ragged_rows = 0
        return pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(column_names=positions, skip_rows=int(has_header)),
            parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=leave_out),
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(positions, kind)),
        )

    try:
        table = read(pyarrow.float64())
    except pyarrow.ArrowInvalid:
        try:
            table = read(pyarrow.binary())  # some cell is no number: keep the rest, count those
        except pyarrow.ArrowInvalid:
            return nothing  # no CSV at all
    names = tuple(first) if has_header else None
    return _of_arrow(table.rename_columns(first if has_header else [str(number + 1) for number in range(len(first))]),
                     names is not None, ragged_rows, first_line=1 + has_header)


def _of_arrow(table: pyarrow.Table, named: bool, ragged_rows: int = 0, first_line: int = 1) -> Table:
    """``first_line``: the line, or row, that the first row of ``table`` is in its file."""
    kept = [(name, column) for name, column in zip(table.column_names, table.columns, strict=True)
            if not _PANDAS_INDEX.fullmatch(name)]
    columns = tuple(_column(name, column, first_line) for name, column in kept)
    return Table(tuple(name for name, _ in kept) if named else None, columns, table.num_rows, ragged_rows)


def _column(name: str, cells: Any, first_line: int) -> Column:
    if pyarrow.types.is_integer(cells.type) or pyarrow.types.is_floating(cells.type) \
            or pyarrow.types.is_boolean(cells.type) or pyarrow.types.is_decimal(cells.type):
        return Column(np.asarray(cells.to_numpy(), dtype=np.float64))
    texts = [cell.decode(errors="replace").strip() if isinstance(cell, bytes) else "" if cell is None else str(cell)
             for cell in cells.to_pylist()]
    values = np.array([float(text) if is_number(text) else np.nan for text in texts])
    wrong = [row for row, text in enumerate(texts) if text and not is_number(text)]
    first = f"{texts[wrong[0]][:40]!r} in row {first_line + wrong[0]} of column {name}" if wrong else ""
    return Column(values, len(wrong), first)
