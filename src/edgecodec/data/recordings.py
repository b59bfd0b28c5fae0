"""Recordings of a sensor array on disk, with the list that says what each of them is.

``artifacts/raw/recordings.json`` (:class:`RecordingList`) is all that later stages know about a source: AeroSense,
its twin and any other array look alike from here on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edgecodec.data.readers.kinds import read_table
from edgecodec.data.table import Samples
from edgecodec.errors import naming
from edgecodec.params import WindowParams
from edgecodec.storage import read_json, write_json

LIST_NAME = "recordings.json"
BESIDE = "field"  # the folder, in that of the source's recordings, of those that nodes sent
TIME_COLUMN = "time"
Split = Literal["train", "validation", "both"]
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
    labels: dict[str, str] = Field(default_factory=dict)  # values by name: what it can be told apart by in reports
    split: Split  # both: its end validates
    divisor: float  # dynamic pressure in Pa; 1 for arrays, whose values are taken as they are
    time: Literal["recorded", "invented"] = "recorded"  # invented: rows are taken as evenly spaced


class RecordingList(BaseModel):
    """All recordings of a source, ordered by series and number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_rate_hz: float
    channels: tuple[str, ...]
    presets: dict[str, tuple[str, ...]]  # named selections of channels; none for arrays
    scale: float  # physical unit per recorded unit
    integers: bool  # recorded values are counts
    share: float | None = None  # of the windows that trainings draw; of what nodes sent beside another source
    plausible: tuple[float, float] | None  # range of a live channel, in recorded units
    validation_fraction: float  # of the recordings whose split is "both"
    gap_seconds: float = 0.0  # of them, between training and validation, that neither sees
    remarks: tuple[str, ...] = ()  # what was understood of the files, and what was left over
    recordings: tuple[Recording, ...]

    @classmethod
    def open(cls, folder: Path) -> RecordingList:
        with naming(folder / LIST_NAME, "not as expected", "run the stage acquire again"):
            return cls.model_validate(read_json(folder / LIST_NAME))

    def write(self, folder: Path) -> None:
        write_json(folder / LIST_NAME, self.model_dump(exclude_defaults=True))

    def skipped_rows(self, params: WindowParams) -> tuple[int, int]:
        """Of every recording that becomes windows: rows at its start, and at its end. What nodes sent is windows."""
        return (0, 0) if self.share is not None else (params.skip_first_rows, params.skip_last_rows)

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


def lists_in(folder: Path) -> dict[Path, RecordingList]:
    """What the stage acquire wrote to ``folder``, by where the recordings are: those of the source come first."""
    folders = [folder, *(path for path in (folder / BESIDE,) if path.is_dir())]
    return {each: RecordingList.open(each) for each in folders}


def is_beside(recording: str) -> bool:
    """Whether a recording of this name came from the field, beside another source."""
    return recording.startswith(f"{BESIDE}/")


def channels_told(channels: Sequence[str]) -> str:
    """How many, and the first of them."""
    return f"{len(channels)} channels ({', '.join(channels[:6])}{', ...' if len(channels) > 6 else ''})"


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
        numbers = [table.names.index(channel, 1) for channel in channels]  # one may be called time, too
    return table.samples(0, numbers, sample_rate_hz=1.0)
