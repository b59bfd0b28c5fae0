"""Recordings of a sensor array on disk, with the list that says what each of them is.

``artifacts/raw/recordings.json`` (:class:`RecordingList`) is all that later stages know about a source: AeroSense,
its twin and any other array look alike from here on.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import read_json, write_json

LIST_NAME = "recordings.json"
TIME_COLUMN = "time"
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
        path = folder / LIST_NAME
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            field = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise EdgeCodecError(f"{path}: {field}: not as expected; run the stage acquire again") from None

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
class Samples:
    """Content of a recording, faults included: whether it is sound is for the validation to say."""

    time_seconds: NDArray[np.float64]  # [samples]
    values: NDArray[np.float32]  # [channels, samples]; NaN where there is no number
    columns: int  # found in the file, time included
    ragged_rows: int  # rows with another number of columns, left out
    text_cells: int  # cells that are neither number nor empty

    @property
    def rows(self) -> int:
        return len(self.time_seconds)


def read_samples(path: Path) -> Samples:
    """Read a CSV (time, then channels; with or without a header row) or Parquet recording.

    A CSV is read as far as it goes: one that is no table at all has 0 columns.

    Raises:
        EdgeCodecError: the file is absent, or no Parquet file though it is called one.
    """
    if not path.is_file():
        raise EdgeCodecError(f"{path}: recording not found; run the stage acquire again")
    if path.suffix == ".parquet":
        try:
            return _samples(pyarrow.parquet.read_table(path), ragged_rows=0)
        except pyarrow.ArrowException as error:
            raise EdgeCodecError(f"{path}: not a readable Parquet file: {error}") from None
    return _read_csv(path)


def first_row(path: Path) -> list[str]:
    """Fields of a CSV's first row; none if the file is empty or no CSV."""
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            return next(csv.reader(file), [])
    except csv.Error:
        return []


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_csv(path: Path) -> Samples:
    first = first_row(path)
    names = [f"column{index}" for index in range(len(first))]
    has_header = bool(first) and not is_number(first[0])
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
            read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=int(has_header)),
            parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=leave_out),
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, kind)),
        )

    nothing = Samples(np.empty(0), np.empty((0, 0), np.float32), columns=0, ragged_rows=0, text_cells=0)
    if not first:
        return nothing
    try:
        table = read(pyarrow.float64())
    except pyarrow.ArrowInvalid:
        try:
            table = read(pyarrow.binary())  # some cell is no number: keep the rest, count those
        except pyarrow.ArrowInvalid:
            return nothing  # no CSV at all
    return _samples(table, ragged_rows)


def _samples(table: pyarrow.Table, ragged_rows: int) -> Samples:
    text_cells = 0
    columns = []
    for column in table.columns:
        if pyarrow.types.is_binary(column.type):
            texts = [cell.decode(errors="replace") for cell in column.to_pylist()]
            text_cells += sum(bool(text) and not is_number(text) for text in texts)
            columns.append(np.array([float(text) if is_number(text) else np.nan for text in texts]))
        else:
            columns.append(np.asarray(column, dtype=np.float64))
    values = np.empty((len(columns) - 1, table.num_rows), np.float32)
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which no check lets pass
        for channel, column in enumerate(columns[1:]):
            values[channel] = column
    return Samples(columns[0], values, len(columns), ragged_rows, text_cells)
