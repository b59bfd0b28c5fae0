"""What a folder of recordings holds, measured before anything is set: for ``edgecodec inspect``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.arrays import understand
from edgecodec.data.copies import Fingerprint, Shared, shared
from edgecodec.data.folders import find_recordings
from edgecodec.data.labels import LabelSource, pattern_in, remarks_on
from edgecodec.data.long_tables import wide_tables
from edgecodec.data.profile import channel_figures, sentinels, time_figures
from edgecodec.data.readers.kinds import kind_of, read_table
from edgecodec.data.spectrum import lowpass_of
from edgecodec.data.splits import splits_of
from edgecodec.data.table import Table
from edgecodec.data.time_base import rate_of
from edgecodec.errors import EdgeCodecError
from edgecodec.params import ArrayParams, ValidateParams
from edgecodec.progress import progress

SPECTRUM_ROWS = 1 << 18  # of a recording, that its spectrum is taken from
SPECTRUM_SAMPLES = 2048  # at a time: no window is known yet
FEWEST_ROWS = 16  # that a spectrum is taken from
UNIT_IN_NAME = re.compile(r"[\[(](?P<unit>[^\])]*)[\])]\s*$")
GAP = 1.5  # periods without a sample
NICE = 5e-4  # of a rate, within which it is taken for a rounder one


@dataclass(frozen=True)
class RecordingFacts:
    """One recording as it was found."""

    name: str
    kind: str
    channels: int
    rows: int
    rate_hz: float | None  # None: nothing says it
    time: str  # what column it is, or where else the rate is from
    gaps: int
    largest_gap_seconds: float
    backward_steps: int
    jitter: float  # root mean square of the steps about their median, in periods; gaps apart
    lost_share: float  # of the samples that the time stamps span
    courses: Mapping[str, ChannelCourse]  # by channel


@dataclass(frozen=True)
class ChannelCourse:
    """One channel of one recording, as the stage validate sees it."""

    flat_seconds: float  # the longest
    spike_share: float  # of the samples


@dataclass(frozen=True)
class ChannelFacts:
    """One channel over all recordings that have it."""

    name: str
    unit: str
    recordings: int
    minimum: float
    maximum: float
    mean: float
    spread: float  # root mean square about the mean of each recording
    missing: int
    stands_for_missing: float | None  # a value that seems to
    integers: bool  # whole numbers only
    varies: bool


@dataclass(frozen=True, eq=False)
class Inspection:
    """All that was found, and what cannot be read."""

    folder: Path
    recordings: tuple[RecordingFacts, ...]
    channels: tuple[ChannelFacts, ...]  # in the order of the first recording
    named: bool  # the files name their channels
    shared: tuple[Shared, ...]
    remarks: tuple[str, ...]  # columns and files left out
    problems: tuple[str, ...]  # recordings that cannot be read
    sample_rate_hz: float | None  # of most rows
    lowpass_hz: float | None  # by the spectra of the longest recording; None: it is too short, or has no rate


def inspect(folder: Path, params: ArrayParams, checks: ValidateParams) -> Inspection:
    """Read every recording in ``folder``, one in memory at a time.

    Args:
        params: how to read: time, columns of recordings and channels, variable; its rate where no file says one.

    Raises:
        EdgeCodecError: there is no recording, or none that can be read.
    """
    found = find_recordings(folder, params.labels.file)
    labels = LabelSource.open(folder, params.labels)
    remarks = [f"{path.relative_to(folder)}: no reader takes such a file" for path in found.others]
    told: defaultdict[str, list[str]] = defaultdict(list)
    problems: list[str] = []
    recordings: list[RecordingFacts] = []
    fingerprints: list[Fingerprint] = []
    sums = _ChannelSums()
    longest: tuple[int, NDArray[np.float32], float | None] = (0, np.empty((0, 0), np.float32), None)
    named = False
    for name, path in progress(list(found.recordings.items()), "Reading recordings"):
        try:
            for part, table in wide_tables(path, name, read_table(path, params.variable), params):
                facts, values, texts = _look(path, part, table, params, checks, sums)
                named = named or table.names is not None
                recordings.append(facts)
                fingerprints.append(Fingerprint.of(part, values))
                for text in texts:
                    told[text].append(part)
                if values.shape[1] > longest[0]:
                    longest = (values.shape[1], values[:, :SPECTRUM_ROWS].copy(), facts.rate_hz)
        except EdgeCodecError as error:
            problems.append(str(error))
    if not recordings:
        raise EdgeCodecError(problems[0])
    remarks += [f"{'every recording' if len(names) == len(recordings) else f'{names[0]} and {len(names) - 1} more'}: "
                f"{text}" for text, names in told.items()]
    rate = _usual_rate(recordings)
    names = [each.name for each in fingerprints]
    labelled = [labels.of(name) for name in names]
    remarks += remarks_on(labelled)
    pattern = None if params.labels.pattern else pattern_in(names)
    if pattern:
        remarks.append("names have parts with few values; data.array.labels.pattern makes labels of them: "
                       f"'{pattern}'")
    split = dict(zip(names, splits_of(names, labelled, params), strict=True))
    lowpass = _lowpass(longest[1], longest[2] or rate or params.sample_rate_hz)
    return Inspection(folder, tuple(recordings), tuple(sums.facts()), named, tuple(shared(fingerprints, split)),
                      tuple(remarks), tuple(problems), rate, lowpass)


def _look(path: Path, part: str, table: Table, params: ArrayParams, checks: ValidateParams,
          sums: _ChannelSums) -> tuple[RecordingFacts, NDArray[np.float32], tuple[str, ...]]:
    columns = understand(path, table, params, table.sample_rate_hz)
    chosen = list(columns.names)
    if not chosen:
        raise EdgeCodecError(f"{path}: has no column of numbers besides the time; leave it out")
    seconds = columns.base.seconds
    samples = table.samples(columns.base.column, chosen, 1.0, seconds)
    values = samples.values
    rate = rate_of(seconds) if seconds is not None else table.sample_rate_hz
    texts = list(columns.told)
    courses = {}
    if samples.text_cells or samples.ragged_rows:
        texts.append(f"cells that are not numbers: {samples.text_cells} {samples.first_text}; rows with another number "
                     f"of columns: {samples.ragged_rows}")
    for number, row in zip(chosen, values, strict=True):
        row[np.isin(row, np.asarray(params.missing, np.float32))] = np.nan
        sentinel = sentinels(row, checks.sentinels)["sentinel"]
        row[row == np.float32(sentinel)] = np.nan
        name = columns.names[number]
        in_name = UNIT_IN_NAME.search(name)
        unit = table.units[number] if table.units else in_name["unit"] if in_name else ""
        sums.add(name, unit, row, sentinel)
        figures = channel_figures(row, rate or params.sample_rate_hz, checks.spike_sigmas)
        courses[name] = ChannelCourse(figures["flat_seconds"], figures["spike_share"])
    column = columns.base.column
    time = "none" if rate is None else "the file's rate" if column is None else table.name_of(column)
    facts = RecordingFacts(part, kind_of(path).name, len(chosen), table.rows, rate, time, 0, 0.0, 0, 0.0, 0.0, courses)
    return _with_course(facts, seconds), values, tuple(texts)


def _with_course(facts: RecordingFacts, seconds: NDArray[np.float64] | None) -> RecordingFacts:
    if seconds is None or facts.rate_hz is None or len(seconds) < 2:
        return facts
    steps = np.diff(seconds) * facts.rate_hz
    steps = steps[np.isfinite(steps)]
    usual = steps[(steps > 0) & (steps <= GAP)]
    return replace(facts, gaps=int(np.count_nonzero(steps > GAP)),
                   largest_gap_seconds=float(steps.max() / facts.rate_hz),
                   backward_steps=int(np.count_nonzero(steps <= 0)),
                   jitter=float(np.sqrt(np.mean(np.square(usual - 1)))) if len(usual) else 0.0,
                   lost_share=time_figures(seconds, facts.rate_hz)["lost_share"])


def _usual_rate(recordings: list[RecordingFacts]) -> float | None:
    """The rate that most rows have, rounded where it is almost a round number."""
    rows: defaultdict[float, int] = defaultdict(int)
    for recording in recordings:
        if recording.rate_hz:
            rows[nice(recording.rate_hz)] += recording.rows
    return max(rows, key=lambda rate: rows[rate]) if rows else None


def nice(rate: float) -> float:
    """``rate``, or the number of few digits that it is within measurement of."""
    for digits in (1, 2, 3, 4):
        rounded = float(f"{rate:.{digits - 1}e}")
        if abs(rounded / rate - 1) <= NICE:
            return rounded
    return float(f"{rate:.5e}")


def _lowpass(values: NDArray[np.float32], rate: float) -> float | None:
    rows = values.shape[1]
    if rows < FEWEST_ROWS:
        return None
    live = [_filled(row) for row in values.astype(np.float64) if np.isfinite(row).sum() > rows / 2]
    live = [row for row in live if row.max() > row.min()]
    return lowpass_of([np.array(live)], rate, min(SPECTRUM_SAMPLES, rows)) if live else None


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """``values`` with straight lines over what is missing."""
    present = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(len(values)), present, values[present])


class _ChannelSums:
    """Facts of channels, gathered recording by recording."""

    def __init__(self) -> None:
        self._facts: dict[str, ChannelFacts] = {}
        self._sums: dict[str, tuple[int, float, float]] = {}  # samples, their sum, squares about the recording's mean

    def add(self, name: str, unit: str, values: NDArray[np.float32], sentinel: float) -> None:
        present = values[np.isfinite(values)]
        stands = None if np.isnan(sentinel) else sentinel
        known = self._facts.get(name, ChannelFacts(name, unit, 0, np.inf, -np.inf, 0.0, 0.0, 0, None, True, False))
        count, total, squares = self._sums.get(name, (0, 0.0, 0.0))
        mean = float(present.mean(dtype=np.float64)) if len(present) else 0.0
        self._sums[name] = (count + len(present), total + mean * len(present),
                            squares + float(np.square(present - mean, dtype=np.float64).sum()))
        self._facts[name] = replace(
            known, unit=known.unit or unit, recordings=known.recordings + 1,
            minimum=min(known.minimum, float(present.min(initial=np.inf))),
            maximum=max(known.maximum, float(present.max(initial=-np.inf))),
            missing=known.missing + int(np.count_nonzero(~np.isfinite(values))),
            stands_for_missing=known.stands_for_missing if stands is None else stands,
            integers=known.integers and bool((present == np.rint(present)).all()),
            varies=known.varies or bool(len(present) and present.max() > present.min()))

    def facts(self) -> Iterator[ChannelFacts]:
        for name, facts in self._facts.items():
            count, total, squares = self._sums[name]
            yield replace(facts, mean=total / count if count else np.nan,
                          spread=float(np.sqrt(squares / count)) if count else np.nan,
                          minimum=facts.minimum if count else np.nan, maximum=facts.maximum if count else np.nan)
