"""Recordings of any sensor array: a folder of Parquet, CSV or npy files, rewritten as Parquet with a time column."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import pyarrow
import pyarrow.parquet

from edgecodec.data.readers.kinds import read_table
from edgecodec.data.recordings import TIME_COLUMN, Recording, RecordingList
from edgecodec.data.table import Samples, columns_named
from edgecodec.errors import EdgeCodecError
from edgecodec.params import ArrayParams
from edgecodec.progress import progress

SUFFIXES = (".parquet", ".csv", ".npy")


def acquire_array(source: Path, params: ArrayParams, folder: Path) -> RecordingList:
    """Rewrite the recordings in ``source`` under ``folder`` and list them.

    With several recordings the last ones validate, with one its end does; ``validation_fraction`` says how much.

    Raises:
        EdgeCodecError: no recordings, a channel is absent or not numeric, or the recordings' channels differ.
    """
    if not source.is_dir():
        raise EdgeCodecError(f"{source}: data.path is no folder; give one with Parquet, CSV or npy recordings")
    paths = sorted(path for path in source.iterdir() if path.suffix in SUFFIXES)
    if not paths:
        raise EdgeCodecError(f"{source}: holds no recording ({', '.join(SUFFIXES)}); correct data.path")
    twice = {path.stem for path in paths if sum(path.stem == other.stem for other in paths) > 1}
    if twice:
        raise EdgeCodecError(f"{source}: two recordings are called {min(twice)}; rename one")
    validating = min(len(paths) - 1, math.ceil(params.validation_fraction * len(paths)))
    channels: tuple[str, ...] = ()
    recordings = []
    for number, path in enumerate(progress(paths, "Reading recordings"), start=1):
        found, samples = _select(path, params)
        channels = channels or found
        if found != channels:
            raise EdgeCodecError(f"{path}: its channels differ from those of {paths[0].name}; name them in "
                                 "data.array.channels")
        file = f"{path.stem}.parquet"
        table = pyarrow.table([samples.time_seconds, *samples.values], names=[TIME_COLUMN, *found])
        pyarrow.parquet.write_table(table, folder / file)
        split: Literal["both", "validation", "train"] = (
            "both" if len(paths) == 1 else "validation" if number > len(paths) - validating else "train")
        recordings.append(Recording(name=path.stem, path=file, kind="signal", series="array", number=number, wind=0,
                                    condition="signal", split=split, divisor=1.0))
    return RecordingList(
        sample_rate_hz=params.sample_rate_hz, channels=channels, presets={}, scale=1.0, integers=False, plausible=None,
        validation_fraction=params.validation_fraction, recordings=tuple(recordings),
    )


def _select(path: Path, params: ArrayParams) -> tuple[tuple[str, ...], Samples]:
    """The channels that ``params`` names, and their samples; channels without names are called C0, C1, ...

    Raises:
        EdgeCodecError: the file is no recording, or lacks a channel, or has text or torn rows where numbers should be.
    """
    table = read_table(path)
    if not table.rows:
        raise EdgeCodecError(f"{path}: not a readable recording: it has no row; leave it out")
    names = table.names or tuple(f"C{number}" for number in range(len(table.columns)))
    available = [number for number, name in enumerate(names) if name != TIME_COLUMN]
    if isinstance(params.channels, int):
        chosen = available[params.first_channel:params.first_channel + params.channels]
        if len(chosen) < params.channels:
            raise EdgeCodecError(f"{path}: has {len(available)} channels; data.array asks for {params.channels} from "
                                 f"channel {params.first_channel} on")
    else:
        chosen = columns_named(path, names, params.channels, "correct data.array.channels")
    time = names.index(TIME_COLUMN) if TIME_COLUMN in names else None
    samples = table.samples(time, chosen, params.sample_rate_hz)
    if samples.text_cells:
        raise EdgeCodecError(f"{path}: holds something other than numbers: {samples.first_text}, and "
                             f"{samples.text_cells - 1} more cells; correct the file")
    if samples.ragged_rows:
        raise EdgeCodecError(f"{path}: rows with another number of columns: {samples.ragged_rows}; correct the file")
    return tuple(names[number] for number in chosen), samples
