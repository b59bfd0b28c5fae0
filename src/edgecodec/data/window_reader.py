"""The one reader of windows that a user brings: it finds channels by name, and holds a file against the checks of the
pipeline and against what the codec was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.checks import channel_checks, faults, recording_checks, value_checks
from edgecodec.data.profile import profile
from edgecodec.data.readers.kinds import kind_of, read_table
from edgecodec.data.recordings import TIME_COLUMN, Recording, RecordingList
from edgecodec.data.table import Samples, Table, columns_named
from edgecodec.data.time_base import find_time
from edgecodec.data.windows import groups_of
from edgecodec.errors import EdgeCodecError, naming
from edgecodec.params import ValidateParams

Floats = NDArray[np.float32]
# Windows' distance from the training windows' means, in the spread of all of these: at most about 1 in training.
FOREIGN = 8.0  # typical distance of values in another unit, or about another zero
UNLIKE = 1.5  # typical distance that is worth a word
UNLIKE_CHANNEL = 4.0  # the same of one channel
STILL = 0.01  # spread about its own means that a typical window should exceed
TOGETHER = 256  # windows that are looked at at a time


class WindowShape(Protocol):
    """What windows must look like: a trained codec's ``window`` says it, or an exported codec."""

    @property
    def channel_names(self) -> tuple[str, ...]: ...

    @property
    def samples(self) -> int: ...

    @property
    def sample_rate_hz(self) -> float: ...


@dataclass(frozen=True, eq=False)
class Trained:
    """What the codec was trained on: its windows' shape, and the normalisation that it took from them."""

    shape: WindowShape
    offset: Floats  # [channels], means
    scale: Floats  # [channels], which gives the windows less their means an even spread, 1 in all

    @property
    def is_normalized(self) -> bool:
        """Whether there was a normalisation; without one, nothing is known of unit and range."""
        return bool(np.any(self.offset != 0) or np.any(self.scale != 1))


@dataclass(frozen=True)
class LabelledWindows:
    windows: Floats  # [n, channels, samples], unfiltered, in the unit the codec was trained in
    groups: NDArray[np.str_] | None  # [n] by the label, "" where unknown; None where the file does not say
    remarks: tuple[str, ...] = ()  # what the user should know of them


def read_windows(path: Path, trained: Trained, params: ValidateParams, label: str | None = None) -> LabelledWindows:
    """Read windows from an ``.npz`` (``x`` [n, channels, samples] float32 and, optionally, ``channels``, their names,
    and, under the name of ``label``, its values [n]) or ``.npy`` (x alone), or cut a recording (CSV, Parquet, npy: the
    codec's channels in its unit, by name if they have any, and ``time`` in seconds) into windows, end to end.

    Raises:
        EdgeCodecError: the file is absent, one of its fields is not as it must be, a check of the pipeline fails, or
            the values are in another unit than those that the codec was trained on.
    """
    match kind_of(path).name:
        case "npz":
            read = _of_npz(path, trained.shape, params, label)
        case "npy" if (x := _array(path)).ndim == 3:
            read = LabelledWindows(_checked(path, x, trained.shape, params), groups=None)
        case _:
            read = _of_recording(path, trained.shape, params)
    return LabelledWindows(read.windows, read.groups, (*read.remarks, *_remarks_on_values(path, read.windows, trained)))


def _array(path: Path) -> NDArray[np.generic]:
    with naming(path, "not a readable npy array of numbers", "write it again by numpy.save"):
        return np.asarray(np.load(path, allow_pickle=False, mmap_mode="r"))


def _of_npz(path: Path, shape: WindowShape, params: ValidateParams, label: str | None) -> LabelledWindows:
    with naming(path, "not a readable .npz without Python objects", "write it with numpy.savez"), \
            np.load(path, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in ("x", "channels", label) if name in arrays}
    if "x" not in found:
        raise EdgeCodecError(f"{path}: x: absent; save the windows under this name")
    x, values = found["x"], None if label is None else found.get(label)
    if "channels" in found and x.ndim == 3:
        names = tuple(map(str, found["channels"].ravel()))
        if len(names) != x.shape[1]:
            raise EdgeCodecError(f"{path}: channels: {len(names)} names for the {x.shape[1]} channels of x; correct "
                                 "them")
        x = x[:, columns_named(path, names, shape.channel_names, "this codec takes it")]
    x = _checked(path, x, shape, params)
    return LabelledWindows(x, None if label is None or values is None else _groups(path, label, values, len(x)))


def _groups(path: Path, label: str, values: NDArray[np.generic], n: int) -> NDArray[np.str_]:
    """What the file says of ``label``. Wind used to be given in whole m/s, 0 where unknown; it still may."""
    if values.dtype.kind not in "iuU" or values.shape != (n,):
        raise EdgeCodecError(f"{path}: {label}: {values.dtype} {list(values.shape)}; give one text or integer per "
                             "window, or leave it out")
    texts = [str(value) for value in values]
    if label == "wind" and values.dtype.kind != "U":
        texts = ["" if text == "0" else f"{text}m/s" for text in texts]
    return groups_of(label, texts)


def _checked(path: Path, x: NDArray[np.generic], shape: WindowShape, params: ValidateParams) -> Floats:
    """``x`` as windows that have no time stamps: only their shape and values can be checked."""
    channels = len(shape.channel_names)
    if x.ndim != 3 or x.shape[1:] != (channels, shape.samples) or len(x) == 0:
        raise EdgeCodecError(f"{path}: x: shape {list(x.shape)}; this codec takes [n, {channels}, {shape.samples}], n "
                             "at least 1")
    if x.dtype != np.float32:
        raise EdgeCodecError(f"{path}: x: {x.dtype}; convert it to float32")
    windows = np.array(x, dtype=np.float32, order="C")  # no view of a file
    finite = np.isfinite(windows).all(axis=(1, 2))
    if not finite.all():
        raise EdgeCodecError(f"{path}: window {int(np.argmin(finite))} holds NaN or Inf; leave it out or fill it")
    rows = windows.transpose(1, 0, 2).reshape(channels, -1)
    samples = Samples(np.arange(rows.shape[1]) / shape.sample_rate_hz, rows, channels + 1, 0, 0)
    _refuse_faults(path, samples, shape, params, has_course=False)
    return windows


def _of_recording(path: Path, shape: WindowShape, params: ValidateParams) -> LabelledWindows:
    samples, remarks = _samples(path, read_table(path), shape)
    lost = _refuse_faults(path, samples, shape, params, has_course=True)
    if lost:
        remarks.append(f"{path}: samples lost: {lost}; windows close up over them")
    n = samples.rows // shape.samples
    windows = samples.values[:, : n * shape.samples].reshape(len(shape.channel_names), n, shape.samples)
    return LabelledWindows(np.ascontiguousarray(windows.transpose(1, 0, 2)), None, tuple(remarks))


def _samples(path: Path, table: Table, shape: WindowShape) -> tuple[Samples, list[str]]:
    """The codec's channels among the columns of ``table``: by name, else by position behind time."""
    channels = len(shape.channel_names)
    names, count = table.names, len(table.columns)
    seconds = None
    remarks = []
    if names is not None:
        chosen = columns_named(path, names, shape.channel_names, "this codec takes it")
        base = find_time(table, sample_rate_hz=shape.sample_rate_hz, channels=shape.channel_names)
        time, seconds = base.column, base.seconds
        if time is not None and names[time] != TIME_COLUMN:
            remarks.append(f"{path}: {base.told[0]}")
    elif count in (channels, channels + 1):
        time = None if count == channels else 0
        chosen = list(range(count - channels, count))
    else:
        raise EdgeCodecError(f"{path}: {count} columns; this codec takes time and its {channels} channels, numbers "
                             "only")
    if names is None:
        remarks.append(f"{path}: names no channels; taken in the codec's order, {shape.channel_names[0]} first")
    if time is None:
        remarks.append(f"{path}: has no column {TIME_COLUMN}; taken as {shape.sample_rate_hz:g} Hz without gaps")
    return table.samples(time, chosen, shape.sample_rate_hz, seconds), remarks


def _refuse_faults(path: Path, samples: Samples, shape: WindowShape, params: ValidateParams, has_course: bool) -> int:
    """Hold what was read against the checks of the pipeline, as a recording of any array. Back come the samples lost.

    ``has_course``: rows follow each other in time, so that time and course may be judged.
    """
    recording = Recording(name=str(path), path=str(path), kind="signal", series="array", number=1, wind=0,
                          condition="signal", split="both", divisor=1.0)
    listed = RecordingList(sample_rate_hz=shape.sample_rate_hz, channels=shape.channel_names, presets={}, scale=1.0,
                           integers=False, plausible=None, validation_fraction=0.0, recordings=(recording,))
    tables = profile([(recording, samples)], listed, params, shape.samples)
    found = [*faults(tables.recordings, recording_checks(listed, params)),
             *faults(tables.channels, channel_checks(listed, params) if has_course else value_checks(listed))]
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise EdgeCodecError(f"{path}: {found[0].text}{more}; mend the file, or cut the part out")
    return int(tables.recordings["lost_samples"].iloc[0])


def _remarks_on_values(path: Path, windows: Floats, trained: Trained) -> Iterator[str]:
    """Whether the values are such as the codec was trained on.

    Raises:
        EdgeCodecError: they cannot be.
    """
    if not trained.is_normalized:
        return
    distance, spread = _normalized_sizes(windows, trained)
    whole = np.sqrt(np.square(distance).mean(axis=1))
    typical, typical_of_channel = float(np.median(whole)), np.median(distance, axis=0)
    farthest = int(typical_of_channel.argmax())
    channel = f"{trained.shape.channel_names[farthest]}: {typical_of_channel[farthest]:.3g} times"
    told = (f"{path}: values lie {typical:.3g} times the training windows' spread away from their means (farthest, "
            f"{channel}); check unit and zero")
    if typical > FOREIGN:
        raise EdgeCodecError(told)
    if typical > UNLIKE or typical_of_channel[farthest] > UNLIKE_CHANNEL:
        yield told
    elif (far := np.flatnonzero(whole > FOREIGN)).size:
        yield f"{path}: {far.size} of {len(windows)} windows are unlike those of the training, first window {far[0]}"
    if float(np.median(spread)) < STILL:
        yield f"{path}: values hardly vary, {np.median(spread):.1g} of the training windows' spread; check the unit"


def _normalized_sizes(windows: Floats, trained: Trained) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Root mean squares of normalised windows: per channel [n, channels], and of all about their means [n]."""
    distances, spreads = [], []
    for start in range(0, len(windows), TOGETHER):
        normalized = windows[start:start + TOGETHER].astype(np.float64)
        normalized = (normalized - trained.offset[:, None]) * trained.scale[:, None]
        distances.append(np.sqrt(np.square(normalized).mean(axis=2)))
        spreads.append(np.sqrt(normalized.var(axis=2).mean(axis=1)))
    return np.concatenate(distances), np.concatenate(spreads)
