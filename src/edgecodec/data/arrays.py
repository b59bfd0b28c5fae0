"""Recordings of any sensor array: a folder of files of many kinds, rewritten as Parquet with a time column."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow
import pyarrow.parquet

from edgecodec.data.copies import Fingerprint, shared
from edgecodec.data.folders import find_recordings
from edgecodec.data.labels import LabelSource, remarks_on
from edgecodec.data.long_tables import wide_tables
from edgecodec.data.readers.kinds import read_table
from edgecodec.data.recordings import TIME_COLUMN, Recording, RecordingList, Split
from edgecodec.data.resampling import to_even_times, to_rate
from edgecodec.data.splits import splits_of
from edgecodec.data.table import Samples, Table, columns_named
from edgecodec.data.time_base import TimeBase, find_time
from edgecodec.errors import EdgeCodecError
from edgecodec.params import ArrayParams
from edgecodec.progress import progress

ROWS = 1 << 20  # of a recording that are written at a time: a row group of Parquet
UNPRINTED = ("Cc", "Cs", "Zl", "Zp")  # Unicode's control characters, halves of characters, ends of lines, paragraphs


@dataclass(frozen=True, eq=False)
class Selected:
    """What is taken of a recording."""

    name: str
    channels: tuple[str, ...]
    units: tuple[str, ...]  # of the channels, "" where unknown
    samples: Samples
    time: Literal["recorded", "invented"]
    told: tuple[str, ...]  # what was understood of its columns


def acquire_array(source: Path, params: ArrayParams, folder: Path) -> RecordingList:
    """Rewrite the recordings in ``source`` under ``folder`` and list them.

    With several recordings the last ones validate, or those of the last values of ``split_by``; with one its end does.
    ``validation_fraction`` says how much.

    Raises:
        EdgeCodecError: no recordings, a channel is absent or not numeric, the recordings' channels differ, labels are
            not as ``params`` say, or training and validation share samples.
    """
    found = find_recordings(source, params.labels.file)
    labels = LabelSource.open(source, params.labels)
    remarks = [f"{path.relative_to(source)}: no reader takes such a file; left out" for path in found.others]
    told: defaultdict[str, list[str]] = defaultdict(list)
    channels: tuple[str, ...] = ()
    recordings: list[Recording] = []
    fingerprints = []
    for selected in select_all(progress(found.recordings.items(), "Reading recordings"), params):
        channels = selected.channels
        _write(selected, folder)
        fingerprints.append(Fingerprint.of(selected.name, selected.samples.values))
        for text in selected.told:
            told[text].append(selected.name)
        recordings.append(Recording(
            name=selected.name, path=f"{selected.name}.parquet", kind="signal", series="array",
            number=len(recordings) + 1, wind=0, condition="signal", labels=labels.of(selected.name), split="both",
            divisor=1.0, time=selected.time))
    labelled = [recording.labels for recording in recordings]
    splits = splits_of([recording.name for recording in recordings], labelled, params)
    remarks += remarks_on(labelled)
    remarks += [_for_all(text, names, len(recordings)) for text, names in told.items()]
    remarks += _refuse_shared(fingerprints, splits, params)
    return RecordingList(
        sample_rate_hz=params.sample_rate_hz, channels=channels, presets={}, scale=1.0, integers=False, plausible=None,
        validation_fraction=params.validation_fraction, gap_seconds=params.gap_seconds, remarks=tuple(remarks),
        recordings=tuple(recording.model_copy(update={"split": split})
                         for recording, split in zip(recordings, splits, strict=True)),
    )


def select_all(files: Iterable[tuple[str, Path]], params: ArrayParams) -> Iterator[Selected]:
    """The recordings in ``files`` one by one, with the channels of the first.

    Raises:
        EdgeCodecError: as :func:`acquire_array`.
    """
    first: Selected | None = None
    for name, path in files:
        table = read_table(path, params.variable)
        for part, wide in wide_tables(path, name, table, params):
            selected = _select(path, part, wide, params, first.channels if first else ())
            first = first or selected
            if selected.channels != first.channels:
                raise EdgeCodecError(f"{path}: its channels differ from those of {first.name} (it has "
                                     f"{', '.join(selected.channels[:6])}); name them in data.array.channels")
            yield selected


def _write(selected: Selected, folder: Path) -> None:
    path = folder / f"{selected.name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = [pyarrow.float64(), *(pyarrow.float32() for _ in selected.channels)]
    schema = pyarrow.schema(list(zip((TIME_COLUMN, *selected.channels), kinds, strict=True)))
    with pyarrow.parquet.ParquetWriter(path, schema) as file:
        for first in range(0, selected.samples.rows, ROWS):
            rows = slice(first, first + ROWS)
            file.write_table(pyarrow.table([selected.samples.time_seconds[rows],
                                            *selected.samples.values[:, rows]], schema=schema))


def _for_all(text: str, names: Sequence[str], count: int) -> str:
    which = "every recording" if len(names) == count else f"{len(names)} of {count} recordings, {names[0]} first"
    return f"{which if count > 1 else names[0]}: {text}"


def _refuse_shared(fingerprints: Sequence[Fingerprint], splits: Sequence[Split], params: ArrayParams) -> list[str]:
    """Remarks on recordings that share samples.

    Raises:
        EdgeCodecError: one of them trains, the other validates.
    """
    split = {each.name: split for each, split in zip(fingerprints, splits, strict=True)}
    found = shared(fingerprints, split)
    for each in found:
        if split[each.first] != split[each.second] and params.copies == "refuse":
            raise EdgeCodecError(f"{each.told(params.sample_rate_hz)}, and one trains while the other validates; "
                                 "take one out (data.array.copies: report lets it pass)")
    return [each.told(params.sample_rate_hz) for each in found]


@dataclass(frozen=True, eq=False)
class Columns:
    """What was understood of a table's columns."""

    base: TimeBase
    names: dict[int, str]  # of those that may be channels, by number
    texts: tuple[int, ...]  # that hold text
    told: tuple[str, ...]


def understand(path: Path, table: Table, params: ArrayParams, sample_rate_hz: float | None,
               explicit: tuple[str, ...] = ()) -> Columns:
    """Tell time, counters, text and channels of ``table`` apart.

    Args:
        sample_rate_hz: what is known of the rate.
        explicit: names that are channels whatever they look like.

    Raises:
        EdgeCodecError: the file is no recording, or has no such column as ``params`` names.
    """
    if not table.rows or not table.columns:
        torn = f"; rows with another number of columns: {table.ragged_rows}" if table.ragged_rows else ""
        raise EdgeCodecError(f"{path}: not a readable recording: it has no row{torn}; leave it out")
    try:
        base = find_time(table, params.time, params.time_unit, sample_rate_hz, explicit)
    except EdgeCodecError as error:
        raise EdgeCodecError(f"{path}: {error}") from None
    available = [number for number in range(len(table.columns)) if number not in base.no_channels]
    texts = [number for number in available if 2 * table.columns[number].text_cells > table.rows]
    indices = [number for number in table.index if number in available]
    told = (*base.told, *(f"column {table.name_of(number)} holds text and is left out" for number in texts),
            *(f"column {table.name_of(number)} is an index and is left out" for number in indices
              if number not in texts))
    named = _names(table, available)
    for name in named.values():
        if any(unicodedata.category(letter) in UNPRINTED for letter in name):
            raise EdgeCodecError(f"{path}: the channel name {name!r} has a line break or control character; rename it")
    return Columns(base, {number: name for number, name in named.items() if number not in (*texts, *indices)},
                   tuple(texts), told)


def _select(path: Path, name: str, table: Table, params: ArrayParams, like: tuple[str, ...]) -> Selected:
    """The channels that ``params`` names, else those of the recording before; without names they are C0, C1, ...

    Raises:
        EdgeCodecError: the file is no recording, or lacks a channel, or has text or torn rows where numbers should be.
    """
    explicit = () if isinstance(params.channels, int) else params.channels
    columns = understand(path, table, params, params.sample_rate_hz, explicit)
    base, names, told = columns.base, columns.names, list(columns.told)
    try:
        chosen = _chosen(path, names, params, like)
    except EdgeCodecError as error:
        left_out = "; ".join(["", *(f"text: {table.columns[number].first_text}" for number in columns.texts[:1])])
        raise EdgeCodecError(f"{error}{left_out}") from None
    left = [name for number, name in names.items() if number not in chosen]
    if left:
        told.append(f"no channels: {', '.join(left[:8])}{', ...' if len(left) > 8 else ''}")
    seconds = base.seconds
    if seconds is None and table.sample_rate_hz is not None:
        seconds = np.arange(table.rows) / table.sample_rate_hz
        told.append(f"the file says its rate, {table.sample_rate_hz:g} Hz")
    elif seconds is None:
        told.append(f"no time found; taken as {params.sample_rate_hz:g} Hz (data.array.sample_rate_hz) without gaps")
    samples = table.samples(base.column, chosen, params.sample_rate_hz, seconds)
    if samples.text_cells:
        raise EdgeCodecError(f"{path}: holds something other than numbers: {samples.first_text}, and "
                             f"{samples.text_cells - 1} more cells; correct the file")
    if samples.ragged_rows:
        raise EdgeCodecError(f"{path}: rows with another number of columns: {samples.ragged_rows}; correct the file")
    units = tuple(table.units[number] if table.units else "" for number in chosen)
    return Selected(name, tuple(names[number] for number in chosen), units, _prepared(samples, params),
                    "invented" if seconds is None else "recorded", tuple(told))


def _names(table: Table, available: Sequence[int]) -> dict[int, str]:
    """Names of the columns that may be channels: the file's, or C and a number."""
    return {number: table.names[number].strip() if table.names and table.names[number].strip() else f"C{place}"
            for place, number in enumerate(available)}


def _chosen(path: Path, names: dict[int, str], params: ArrayParams, like: tuple[str, ...]) -> list[int]:
    available, shown = list(names), tuple(names.values())
    if not isinstance(params.channels, int):
        return [available[number]
                for number in columns_named(path, shown, params.channels, "correct data.array.channels")]
    if like and set(like) <= set(shown):
        return [available[number] for number in columns_named(path, shown, like, "name them in data.array.channels")]
    chosen = available[params.first_channel:params.first_channel + params.channels]
    if len(chosen) < params.channels:
        raise EdgeCodecError(f"{path}: has {len(available)} channels; data.array asks for {params.channels} from "
                             f"channel {params.first_channel} on")
    columns_named(path, shown, [names[number] for number in chosen], "give each its own name")
    return list(chosen)


def _prepared(samples: Samples, params: ArrayParams) -> Samples:
    """``samples`` without what stands for a missing one, at the rate that ``params`` asks for."""
    if params.missing:
        for channel in samples.values:
            channel[np.isin(channel, np.asarray(params.missing, np.float32))] = np.nan
    if params.resample == "stamps":
        samples = to_even_times(samples)
    if params.resample != "never":
        samples = to_rate(samples, params.sample_rate_hz)
    return samples
