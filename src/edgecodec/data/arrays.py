"""Recordings of any sensor array: a folder of Parquet, CSV or npy files, rewritten as Parquet with a time column."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from edgecodec.data.recordings import TIME_COLUMN, Recording, RecordingList, first_row, is_number
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
        frame = _select(path, _read(path), params)
        found = tuple(frame.columns[1:])
        channels = channels or found
        if found != channels:
            raise EdgeCodecError(f"{path}: its channels differ from those of {paths[0].name}; name them in "
                                 "data.array.channels")
        file = f"{path.stem}.parquet"
        table = pyarrow.table([frame[name].to_numpy() for name in frame.columns], names=list(frame.columns))
        pyarrow.parquet.write_table(table, folder / file)
        split: Literal["both", "validation", "train"] = "train"
        if len(paths) == 1:
            split = "both"
        elif number > len(paths) - validating:
            split = "validation"
        recordings.append(Recording(name=path.stem, path=file, kind="signal", series="array", number=number, wind=0,
                                    condition="signal", split=split, divisor=1.0))
    return RecordingList(
        sample_rate_hz=params.sample_rate_hz, channels=channels, presets={}, scale=1.0, integers=False, plausible=None,
        validation_fraction=params.validation_fraction, recordings=tuple(recordings),
    )


def _read(path: Path) -> pd.DataFrame:
    """Columns of a recording: ``time`` if it has one, and channels, called C0, C1, ... where they have no names."""
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".npy":
            return _named(_read_npy(path))
        first = first_row(path)
        if first and all(is_number(field) for field in first):
            return _named(pd.read_csv(path, header=None))
        return pd.read_csv(path, skipinitialspace=True)
    except (pyarrow.ArrowException, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise EdgeCodecError(f"{path}: not a readable recording: {error}") from None


def _read_npy(path: Path) -> pd.DataFrame:
    try:
        values = np.load(path, allow_pickle=False, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise EdgeCodecError(f"{path}: not a readable npy array of numbers: {error}") from None
    if values.ndim != 2:
        raise EdgeCodecError(f"{path}: has shape {values.shape}; expected [samples, channels]")
    if values.shape[0] < values.shape[1]:
        raise EdgeCodecError(f"{path}: shape {values.shape} looks like [channels, samples]; expected "
                             "[samples, channels]: transpose it")
    return pd.DataFrame(values)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis([f"C{index}" for index in range(frame.shape[1])], axis=1)


def _select(path: Path, frame: pd.DataFrame, params: ArrayParams) -> pd.DataFrame:
    """Time (float64) and the channels named in ``params`` (float32)."""
    available = [name for name in frame.columns if name != TIME_COLUMN]
    if isinstance(params.channels, int):
        names = available[params.first_channel:params.first_channel + params.channels]
        if len(names) < params.channels:
            raise EdgeCodecError(f"{path}: has {len(available)} channels; data.array asks for {params.channels} from "
                                 f"channel {params.first_channel} on")
    else:
        names = list(params.channels)
        absent = [name for name in names if name not in available]
        if absent:
            raise EdgeCodecError(f"{path}: has no channel {absent[0]}; correct data.array.channels "
                                 f"(it has {', '.join(map(str, available[:6]))}, ...)")
    for name in [*names, *({TIME_COLUMN} & set(frame.columns))]:
        if not pd.api.types.is_numeric_dtype(frame[name]) or pd.api.types.is_complex_dtype(frame[name]):
            raise EdgeCodecError(f"{path}: column {name} holds something other than numbers; correct the file")
    if TIME_COLUMN in frame.columns:
        time = frame[TIME_COLUMN].to_numpy(np.float64)
    else:
        time = np.arange(len(frame)) / params.sample_rate_hz
    selected = frame[names].astype(np.float32)
    selected.insert(0, TIME_COLUMN, time)
    return selected
