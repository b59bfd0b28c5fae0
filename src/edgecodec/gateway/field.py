"""Windows that nodes sent whole, out of a gateway's files, become recordings that ``data.source: field`` reads.

Windows of a node that follow each other are one recording, as long as they begin within the same hour (UTC): recordings
train or validate by the hour.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from numpy.typing import NDArray

from edgecodec.data.field import HOUR, LABELS
from edgecodec.data.labels import KEY
from edgecodec.data.recordings import TIME_COLUMN, channels_told
from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.sequences import TURN
from edgecodec.gateway.tables import channels_of, windows_of
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.packet import read_header
from edgecodec.storage import replacing_directory

COLUMNS = ("node", "start", "version", "sequence", "sample_rate_hz", "channels", "packet", "window")


@dataclass(frozen=True)
class Array:
    """What the windows of one training have in common."""

    channels: tuple[str, ...]
    sample_rate_hz: float


@dataclass(frozen=True, eq=False)
class WholeWindow:
    node: str
    start: datetime
    version: str  # of the registered model that its node ran
    sequence: int
    array: Array
    packet: bytes
    values: NDArray[np.float32]  # [channels, samples]

    @property
    def hour(self) -> str:
        return f"{self.start:%Y-%m-%dT%H}"

    @property
    def kind(self) -> PacketKind:
        return PacketKind(read_header(self.packet).kind)

    def is_followed_by(self, other: WholeWindow) -> bool:
        """Whether the first sample of ``other`` comes right behind the last one, as far as numbers and times tell."""
        seconds = self.values.shape[1] / self.array.sample_rate_hz
        late = (other.start - self.start).total_seconds() - seconds
        return ((self.node, self.version, self.kind, self.hour) == (other.node, other.version, other.kind, other.hour)
                and other.sequence == (self.sequence + 1) % TURN and abs(late) < seconds / 2)


@dataclass(frozen=True, eq=False)
class FieldRecording:
    windows: tuple[WholeWindow, ...]  # one behind the other

    @property
    def name(self) -> str:
        """Names sort in time."""
        first = self.windows[0]
        return f"{first.start:%Y%m%dT%H%M%S%f}Z_{quote(first.node, safe='')}"

    @property
    def labels(self) -> Mapping[str, str]:
        first = self.windows[0]
        return {"node": first.node, HOUR: first.hour, "start": first.start.isoformat(), "version": first.version,
                "sent": first.kind.label, "windows": str(len(self.windows)),
                "packets": sha256(b"".join(each.packet for each in self.windows)).hexdigest()[:16]}

    def table(self) -> pyarrow.Table:
        values = np.concatenate([each.values for each in self.windows], axis=1)
        array = self.windows[0].array
        return pyarrow.table([np.arange(values.shape[1]) / array.sample_rate_hz, *values],
                             names=[TIME_COLUMN, *array.channels])


@dataclass(frozen=True)
class FieldSummary:
    recordings: int
    windows: int
    nodes: int
    with_faulty_channels: int  # windows that were left out


def write_recordings(folder: Path, output: Path, nodes: Collection[str] = ()) -> FieldSummary:
    """Fill ``output`` with recordings of what is in ``folder``; its old content is replaced. Equal windows give equal
    bytes, in whatever files they are.

    Args:
        nodes: whose windows are taken; none: those of all.

    Raises:
        EdgeCodecError: there are no such windows, they are not all of the same channels and rate, or ``output`` holds
            something else.
    """
    if output.exists() and any(output.iterdir()) and not (output / LABELS).is_file():
        raise EdgeCodecError(f"{output}: holds something else than recordings from the field; give another folder")
    found = [each for each in read_whole(folder) if not nodes or each.node in nodes]
    sound = [each for each in found if np.isfinite(each.values).all()]
    if not sound:
        raise EdgeCodecError(f"{folder}: holds no window that a node sent whole; have the gateway ask for some (ask in "
                             "the table of nodes)")
    _check_same_array(sound)
    recordings = recordings_of(sound)
    with replacing_directory(output) as temporary:
        for recording in recordings:
            pyarrow.parquet.write_table(recording.table(), temporary / f"{recording.name}.parquet")
        _write_labels(recordings, temporary / LABELS)
    return FieldSummary(len(recordings), sum(len(each.windows) for each in recordings),
                        len({each.node for each in sound}), len(found) - len(sound))


def recordings_of(windows: Iterable[WholeWindow]) -> list[FieldRecording]:
    """In the order of their names. A packet that came twice is one window."""
    by_node = sorted({(each.node, each.packet): each for each in windows}.values(),
                     key=lambda each: (each.node, each.start, each.sequence, each.packet))
    groups: list[list[WholeWindow]] = []
    for window in by_node:
        if groups and groups[-1][-1].is_followed_by(window):
            groups[-1].append(window)
        else:
            groups.append([window])
    return sorted((FieldRecording(tuple(group)) for group in groups), key=lambda each: each.name)


def read_whole(folder: Path) -> Iterator[WholeWindow]:
    """All windows in the folder of one or several gateways that a node of its table sent whole, and of which is known
    when they began.

    Raises:
        EdgeCodecError: there are no windows.
    """
    field = pyarrow.dataset.field
    wanted = (field("rate") == 0) & field("node").is_valid() & field("start").is_valid()
    windows = windows_of(folder)
    for file in windows.get_fragments(wanted):
        by_version = channels_of(Path(file.path))
        for batch in file.to_batches(windows.schema, columns=[*COLUMNS], filter=wanted):
            values = batch.column("window")
            for number, row in enumerate(batch.drop_columns(["window"]).to_pylist()):
                channels = row["channels"] or by_version[row["version"]]
                yield _window(row, values[number].values.to_numpy(), tuple(channels))


def _window(row: Mapping[str, Any], values: NDArray[np.float32], channels: tuple[str, ...]) -> WholeWindow:
    return WholeWindow(row["node"], row["start"], row["version"], row["sequence"],
                       Array(channels, row["sample_rate_hz"]), row["packet"], values.reshape(len(channels), -1))


def _check_same_array(windows: Sequence[WholeWindow]) -> None:
    """
    Raises:
        EdgeCodecError: they are of several arrays; the text names one that is not as most are.
    """
    counts: dict[Array, int] = {}
    for each in windows:
        counts[each.array] = counts.get(each.array, 0) + 1
    usual = max(counts, key=lambda array: counts[array])
    for each in windows:
        if each.array != usual:
            raise EdgeCodecError(f"node {each.node}, version {each.version}: sent {_told(each.array)}, but others "
                                 f"{_told(usual)}; one training takes one array: say by --node whose windows it is for")


def _told(array: Array) -> str:
    return f"{channels_told(array.channels)} at {array.sample_rate_hz:g} Hz"


def _write_labels(recordings: Sequence[FieldRecording], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [KEY, *recordings[0].labels], lineterminator="\n")
        writer.writeheader()
        writer.writerows({KEY: each.name, **each.labels} for each in recordings)
