"""Windows: cut from continuous, memory-mapped recordings at the moment they are asked for.

A set of windows is a folder: ``inputs.f32`` and ``targets.f32`` (little-endian float32 [total samples, channels], one
recording after the other), ``set.json`` (what they are) and ``windows.parquet`` (where each window starts).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator
from scipy import signal

from edgecodec.aerosense import labels_of
from edgecodec.data import mapped
from edgecodec.data.recordings import Recording, RecordingList, channels_told, is_beside, read_samples
from edgecodec.data.spectrum import lowpass_of
from edgecodec.errors import EdgeCodecError, naming
from edgecodec.params import WindowParams
from edgecodec.progress import progress
from edgecodec.storage import read_json, replacing_directory, rounded, write_json

FILTER_ORDER = 4
ROWS = 1 << 14  # of a recording that are turned from channels to rows at a time
Split = Literal["train", "validation"]
NO_GROUP = "no group"  # recordings that lack the label
SPLITS: tuple[Split, ...] = ("train", "validation")
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


def lowpass(values: NDArray[Any], sample_rate_hz: float, cutoff_hz: float) -> NDArray[Any]:
    """``values`` through a 4th-order Butterworth along the last axis, both ways: no phase. Keeps the dtype."""
    sections = signal.butter(FILTER_ORDER, cutoff_hz, fs=sample_rate_hz, output="sos")
    return signal.sosfiltfilt(sections, values.astype(np.float64), axis=-1).astype(values.dtype)


class Segment(BaseModel):
    """The part of a set's samples that comes from one recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recording: str
    condition: str
    wind: int
    labels: dict[str, str]
    first_row: int
    rows: int

    @model_validator(mode="before")
    @classmethod
    def _of_older_sets(cls, content: dict[str, Any]) -> dict[str, Any]:
        """They have no labels, but the conditions of AeroSense, which name them."""
        return {"labels": labels_of(content["condition"]), **content}


class Description(BaseModel):
    """``set.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[str, ...]
    sample_rate_hz: float
    samples: int
    lowpass_hz: float
    field_share: float | None = None  # of windows drawn at random, from the segments of the field, which come last
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class WindowBatch:
    """Windows [n, channels, samples], their low-passed targets, and what they were cut from."""

    inputs: Floats
    targets: Floats
    wind: Integers  # [n] m/s, 0 where unknown
    starts: Integers  # [n] first row of each window


@dataclass(frozen=True, eq=False)
class WindowSet:
    """The windows of one split, and the recordings to draw others from. Arrays are memory-mapped."""

    description: Description
    input_rows: Floats  # [total samples, channels]
    target_rows: Floats
    starts: Integers  # [n] first row of each window
    wind: Integers  # [n] m/s, 0 where unknown
    condition: NDArray[np.str_]  # [n]
    recording: NDArray[np.str_]  # [n]

    @classmethod
    def open(cls, folder: Path) -> WindowSet:
        """Open what the stage ``window`` wrote to ``folder``.

        Raises:
            EdgeCodecError: the folder is absent or its files do not belong together.
        """
        with naming(folder, "no readable set of windows", "run the stage window again"):
            description = Description.model_validate(read_json(folder / "set.json"))
            index = pyarrow.parquet.read_table(folder / "windows.parquet").to_pandas()
            shape = (-1, len(description.channels))
            inputs, targets = (np.memmap(folder / name, dtype="<f4", mode="r").reshape(shape)
                               for name in ("inputs.f32", "targets.f32"))
        if not len(inputs) == len(targets) == sum(segment.rows for segment in description.segments):
            raise EdgeCodecError(f"{folder}: files are of different lengths; run the stage window again")
        return cls(
            description, inputs, targets, index["start"].to_numpy(np.int64), index["wind"].to_numpy(np.int64),
            index["condition"].to_numpy(np.str_), index["recording"].to_numpy(np.str_),
        )

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def channel_names(self) -> tuple[str, ...]:
        return self.description.channels

    @property
    def channels(self) -> int:
        return len(self.description.channels)

    @property
    def samples(self) -> int:
        return self.description.samples

    @property
    def sample_rate_hz(self) -> float:
        return self.description.sample_rate_hz

    @property
    def lowpass_hz(self) -> float:
        return self.description.lowpass_hz

    @property
    def segment_numbers(self) -> Integers:
        """The number of each window's segment: [n]."""
        return self._segments_at(self.starts)

    def groups(self, label: str | None, starts: Integers | None = None) -> NDArray[np.str_] | None:
        """The group of each window by ``label``, such as ``wind 10m/s``: [n]; "" where its recording lacks the label.

        Args:
            starts: first rows of other windows of the set.

        Returns:
            None if no window has the label, or it is None.
        """
        if label is None:
            return None
        values = self.values(label, starts)
        return groups_of(label, values) if np.any(values != "") else None

    def values(self, label: str, starts: Integers | None = None) -> NDArray[np.str_]:
        """The value of each window's ``label`` [n], "" where its recording lacks it; ``starts`` as above."""
        values = np.array([segment.labels.get(label, "") for segment in self.description.segments], np.str_)
        return values[self._segments_at(self.starts if starts is None else starts)]

    def _segments_at(self, starts: Integers) -> Integers:
        first_rows = [segment.first_row for segment in self.description.segments]
        return np.searchsorted(first_rows, starts, side="right") - 1

    def inputs(self, which: slice | Integers = slice(None)) -> Floats:
        """Unfiltered windows [n, channels, samples]."""
        return self._gather(self.input_rows, self.starts[which])

    def targets(self, which: slice | Integers = slice(None)) -> Floats:
        """Low-passed windows [n, channels, samples]."""
        return self._gather(self.target_rows, self.starts[which])

    def digest(self) -> str:
        """sha256, in hex, of inputs, targets and the windows' starts."""
        digest = sha256()
        for segment in self.description.segments:
            rows = slice(segment.first_row, segment.first_row + segment.rows)
            digest.update(self.input_rows[rows].data)
            digest.update(self.target_rows[rows].data)
        digest.update(self.starts.data)
        return digest.hexdigest()

    def draw(self, generator: np.random.Generator, n: int) -> WindowBatch:
        """``n`` windows at random offsets, each offset of each recording equally likely.

        Where the field has a share of its own, that holds for its recordings and for the others apart.
        """
        segments = self.description.segments
        ends = np.cumsum([segment.rows - self.samples + 1 for segment in segments])
        others = sum(not is_beside(segment.recording) for segment in segments)
        if self.description.field_share is None or others in (0, len(segments)):
            offsets = generator.integers(ends[-1], size=n)
        else:
            from_field = generator.random(n) < self.description.field_share
            bound = ends[others - 1]
            offsets = generator.integers(np.where(from_field, bound, 0), np.where(from_field, ends[-1], bound))
        which = np.searchsorted(ends, offsets, side="right")
        first_rows = np.array([segment.first_row for segment in segments])
        starts = first_rows[which] + offsets - np.concatenate([[0], ends])[which]
        wind = np.array([segment.wind for segment in segments])[which]
        return WindowBatch(self._gather(self.input_rows, starts), self._gather(self.target_rows, starts), wind, starts)

    def _gather(self, rows: Floats, starts: Integers) -> Floats:
        windows = sliding_window_view(rows, self.samples, axis=0)  # a view: [starts, channels, samples]
        return np.ascontiguousarray(windows[starts])


def groups_of(label: str, values: Iterable[str]) -> NDArray[np.str_]:
    """What windows with such values of ``label`` are called as a group; "" stays "": unknown."""
    return np.array([f"{label} {value}" if value else "" for value in values], np.str_)


@dataclass(frozen=True)
class GroupSummary:
    """Figures of all samples of one group, in the units of the windows (Cp for AeroSense)."""

    recordings: int
    windows: int
    samples: int
    mean_magnitude: float  # mean of |target|
    dynamic_rms: float  # of the targets about their mean in each recording and channel
    noise_rms: float  # of inputs minus targets: what the low-pass removes


@dataclass(frozen=True)
class SplitSummary:
    recordings: int
    windows: int
    digest: str  # of the windows: what errors are measured on
    by_group: dict[str, GroupSummary]


def write_windows(
    lists: Mapping[Path, RecordingList], excluded: frozenset[str], params: WindowParams, folder: Path,
    label: str | None = None,
) -> dict[Split, SplitSummary]:
    """Cut the sound recordings into ``folder/train`` and ``folder/validation``; summarize each split.

    Recordings pass through one by one, and their channels, so memory is bounded by the rows of the longest.

    Args:
        lists: of recordings, by the folder that they are in. The first says which channels windows have, at what rate.
        label: that groups recordings in the summary.

    Raises:
        EdgeCodecError: a wind run has no zeroing run, a recording is too short, a split stays empty, or lists are of
            other channels than the first.
    """
    lists = _of_same_channels(lists, params.preset)
    listed, *others = lists.values()
    share = next((other.share for other in others), None)
    sound = [(raw, recording) for raw, each in lists.items() for recording in each.recordings
             if recording.kind in ("wind", "signal") and recording.name not in excluded]
    with replacing_directory(folder) as temporary:
        with ExitStack() as files:
            calibrations = {raw: Calibration(raw, each, excluded, params) for raw, each in lists.items()}

            def parts(raw: Path, recording: Recording) -> Iterator[tuple[Split, NDArray[np.float64]]]:
                recorded = read_samples(raw / recording.path, lists[raw].channels).values
                return _parts(recording, calibrations[raw].apply(recording, recorded), lists[raw])

            # Not left to the stage design: targets are cut with it, and design reads targets.
            lowpass_hz = params.lowpass_hz or lowpass_of(
                (part for each in progress(sound, "Looking at spectra") for split, part in parts(*each)
                 if split == "train"), listed.sample_rate_hz, params.samples)
            writers = {split: _SetWriter(temporary / split, listed, params, lowpass_hz, share, split, files)
                       for split in SPLITS}
            for raw, recording in progress(sound, "Cutting windows"):
                for split, part in parts(raw, recording):
                    writers[split].append(recording, part)
        return {split: writer.finish(label) for split, writer in writers.items()}


def _of_same_channels(lists: Mapping[Path, RecordingList], preset: str) -> dict[Path, RecordingList]:
    """``lists``, all with the channels of the first, in its order."""
    first = next(iter(lists.values()))
    channels = first.preset(preset)
    for raw, listed in lists.items():
        if set(listed.preset(preset)) != set(channels):
            raise EdgeCodecError(f"{raw}: its recordings have {channels_told(listed.preset(preset))}, but windows have "
                                 f"{channels_told(channels)}; take recordings of the same array")
    return {raw: listed if listed is first else listed.model_copy(update={"presets": {preset: channels}})
            for raw, listed in lists.items()}


def _parts(
    recording: Recording, values: NDArray[np.float64], listed: RecordingList
) -> Iterator[tuple[Split, NDArray[np.float64]]]:
    if recording.split == "both":
        boundary = round(values.shape[1] * (1 - listed.validation_fraction))
        yield "train", values[:, :max(0, boundary - math.ceil(listed.gap_seconds * listed.sample_rate_hz))]
        yield "validation", values[:, boundary:]
    else:
        yield recording.split, values


class Calibration:
    """From what was recorded to what windows are cut from: channels, scale, zeroing, dynamic pressure, ends."""

    def __init__(self, raw: Path, listed: RecordingList, excluded: frozenset[str], params: WindowParams) -> None:
        self._raw = raw
        self._listed = listed
        self._excluded = excluded
        self._params = params
        self._which = [listed.channels.index(channel) for channel in listed.preset(params.preset)]
        self._zero: dict[str, NDArray[np.float64]] = {}

    def apply(self, recording: Recording, recorded: NDArray[Any]) -> NDArray[np.float64]:
        """Values [channels of the preset, samples less the skipped ends] of ``recorded`` [all channels, samples].

        Those of a long recording are mapped: :mod:`edgecodec.data.mapped`.

        Raises:
            EdgeCodecError: a wind run has no zeroing run.
        """
        values = self._scaled(recorded)
        if recording.kind == "wind":
            values -= self._zero_of(recording)[:, None]
        values /= recording.divisor
        first, last = self._listed.skipped_rows(self._params)
        return values[:, first:values.shape[1] - last]

    def _zero_of(self, recording: Recording) -> NDArray[np.float64]:
        references = self._listed.zeroing_references(recording, self._excluded)
        if not references:
            raise EdgeCodecError(f"{recording.name}: no zeroing run before or after it in the labbook; add one")
        for reference in references:
            if reference.name not in self._zero:
                recorded = read_samples(self._raw / reference.path, self._listed.channels).values
                self._zero[reference.name] = self._scaled(recorded).mean(axis=1)
        return np.asarray(np.mean([self._zero[reference.name] for reference in references], axis=0))

    def _scaled(self, recorded: NDArray[Any]) -> NDArray[np.float64]:
        values = mapped.empty((len(self._which), recorded.shape[1]), np.float64)
        for scaled, number in zip(values, self._which, strict=True):
            scaled[:] = recorded[number]
        values *= self._listed.scale
        return values


def _energy(values: NDArray[np.float64]) -> float:
    """The sum of squares, which take the place of ``values``."""
    return float(np.square(values, out=values).sum())


class _SetWriter:
    """Appends recordings to the files of one split."""

    def __init__(self, folder: Path, listed: RecordingList, params: WindowParams, lowpass_hz: float,
                 field_share: float | None, split: Split, files: ExitStack) -> None:
        folder.mkdir()
        self._inputs, self._targets = (files.enter_context((folder / name).open("wb"))
                                       for name in ("inputs.f32", "targets.f32"))
        self._folder = folder
        self._split = split
        self._description = Description(
            channels=listed.preset(params.preset), sample_rate_hz=listed.sample_rate_hz, samples=params.samples,
            lowpass_hz=lowpass_hz, field_share=field_share, segments=(),
        )
        self._needs = ("it takes two sound repeats of a condition" if listed.presets else
                       "every one that was meant for it was left out: mend one, or give more")
        self._stride = params.train_stride if split == "train" else params.validation_stride
        self._segments: list[Segment] = []
        self._sums: list[dict[str, float]] = []

    def append(self, recording: Recording, values: NDArray[np.float64]) -> None:
        if values.shape[1] < self._description.samples:
            raise EdgeCodecError(
                f"{recording.name}: {values.shape[1]} samples are left for {self._split}, a window needs "
                f"{self._description.samples}; lower window.skip_first_rows or leave the recording out"
            )
        targets = mapped.empty(values.shape, np.float32)
        sums = {"magnitude": 0.0, "dynamic": 0.0, "noise": 0.0}
        for target, channel in zip(targets, values, strict=True):  # one by one: filtering takes several copies
            filtered = lowpass(channel, self._description.sample_rate_hz, self._description.lowpass_hz)
            target[:] = filtered
            sums["magnitude"] += float(np.abs(filtered).sum())
            sums["dynamic"] += _energy(filtered - filtered.mean())
            sums["noise"] += _energy(channel - filtered)
        for file, series in ((self._inputs, values), (self._targets, targets)):
            for first in range(0, values.shape[1], ROWS):
                series[:, first:first + ROWS].T.astype("<f4", order="C").tofile(file)
        first_row = sum(segment.rows for segment in self._segments)
        self._segments.append(Segment(recording=recording.name, condition=recording.condition, wind=recording.wind,
                                      labels=recording.labels, first_row=first_row, rows=values.shape[1]))
        self._sums.append(sums)

    def finish(self, label: str | None) -> SplitSummary:
        """Write index and description; the rows have been written and closed."""
        if not self._segments:
            raise EdgeCodecError(f"no recording is left for {self._split}; {self._needs}, see "
                                 "artifacts/validation/report.html")
        starts = [range(segment.first_row, segment.first_row + segment.rows - self._description.samples + 1,
                        self._stride) for segment in self._segments]
        counts = [len(each) for each in starts]
        start = np.fromiter(chain.from_iterable(starts), np.int64)
        index = pyarrow.table({
            "start": start,
            "wind": np.repeat([segment.wind for segment in self._segments], counts),
            "condition": np.repeat([segment.condition for segment in self._segments], counts),
            "recording": np.repeat([segment.recording for segment in self._segments], counts),
        })
        pyarrow.parquet.write_table(index, self._folder / "windows.parquet")
        description = self._description.model_copy(update={"segments": tuple(self._segments)})
        write_json(self._folder / "set.json", description.model_dump(exclude_defaults=True))
        digest = WindowSet.open(self._folder).digest()
        return SplitSummary(len(self._segments), len(start), digest, self._by_group(label, counts))

    def _by_group(self, label: str | None, counts: list[int]) -> dict[str, GroupSummary]:
        values = (segment.labels.get(label or "", "") for segment in self._segments)
        table = pd.DataFrame(self._sums).assign(
            group=[name or NO_GROUP for name in groups_of(label or "", values)],
            samples=[segment.rows for segment in self._segments],
            windows=counts, recordings=1,
        )
        summaries = {}
        for total in table.groupby("group", as_index=False).sum().to_dict("records"):
            values = total["samples"] * len(self._description.channels)
            summaries[str(total["group"])] = GroupSummary(
                recordings=int(total["recordings"]), windows=int(total["windows"]), samples=int(total["samples"]),
                mean_magnitude=rounded(total["magnitude"] / values),
                dynamic_rms=rounded((total["dynamic"] / values) ** 0.5),
                noise_rms=rounded((total["noise"] / values) ** 0.5),
            )
        return summaries
