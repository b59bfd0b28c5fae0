"""A journal becomes files: the windows that were decoded, by day and node, and the packets that could not be.

Every file is whole or absent, and the journal goes last. A packet of a model that is registered later can be decoded
from its file, by ``edgecodec decode`` or in Spark: the column ``packet`` is what they read. Of a frame it is the packet
that the frame stands for; a frame that could not be decoded is there as it came.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby, islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.followed import Followed
from edgecodec.gateway.journal import Received, number_of, place_durably, read_journal
from edgecodec.gateway.nodes import NO_NODES, NodeTable
from edgecodec.gateway.opening import Opened, Opening, StartFrom, Undecoded
from edgecodec.gateway.sequences import Place
from edgecodec.gateway.sinks import ParquetSink, Part, Sink
from edgecodec.gateway.tables import (
    UNDECODED,
    UNDECODED_COLUMNS,
    WINDOW_COLUMNS,
    files_of,
    partition_folder,
    table_writer,
)
from edgecodec.gateway.versions import Decoders
from edgecodec.temporary import temporary_folder

TOGETHER = 256  # packets that are decoded and written at a time
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Decoded:
    received: Received
    node: str | None  # None: the table of nodes does not have the topic
    start: datetime | None  # of the window; None: nothing tells
    start_from: StartFrom | None  # what tells: its arrival alone, or those around it, too
    packet: bytes
    version: str  # of the registered model
    sample_rate_hz: float
    channels: tuple[str, ...]
    rate: int
    sequence: int
    estimated_error: float  # per cent, at most; NaN where the node did not say
    unlike_training: bool  # as the node said
    faulty: NDArray[np.int32]  # channels, as the node said; they are NaN in the window
    window: NDArray[np.float32]  # flat, channel by channel


@dataclass(frozen=True)
class Conversion:
    """What became of one journal."""

    windows: int
    undecoded: tuple[Undecoded, ...]
    places: tuple[Place, ...]  # of the packets whose number could be read
    unexpected: frozenset[tuple[str, str]]  # nodes, and versions that they run although the table has none or another


def convert(journal: Path, decoders: Decoders, table: NodeTable = NO_NODES,
            show: Callable[[Decoded], None] = lambda decoded: None, sink: Sink | None = None) -> Conversion:
    """Turn ``journal`` into its files and remove it. Done twice, it is as if done once.

    Args:
        show: is called for every window.
        sink: None: files of Parquet.

    Raises:
        EdgeCodecError: the registry cannot be reached; the journal stays as it is.
    """
    decoders.refresh()
    opening = Opening(decoders, table, Followed(journal))
    opened = [window for each in read_journal(journal) for window in opening.open(each)]
    sink = sink or ParquetSink(journal.parent)
    parts: list[Part] = []
    undecoded: list[Undecoded] = []
    if not sink.has(number_of(journal)):
        with temporary_folder(journal.parent, journal.stem) as temporary:
            parts = list(_write_windows(temporary, journal, opened, show, undecoded))
            if undecoded:
                _write(temporary / UNDECODED / f"{journal.stem}.parquet", UNDECODED_COLUMNS, undecoded)
            placed = place_durably(temporary, journal.parent)
        for path in set(files_of(journal)) - set(placed):
            path.unlink()  # of an earlier attempt, when the registry had other versions
        sink.commit(number_of(journal), parts)
    opening.followed.save()
    journal.unlink()
    return Conversion(sum(each.rows for each in parts), tuple(undecoded), tuple(opening.places),
                      frozenset(opening.unexpected))


def _write_windows(temporary: Path, journal: Path, opened: Sequence[Opened | Undecoded],
                   show: Callable[[Decoded], None], undecoded: list[Undecoded]) -> Iterator[Part]:
    """A file for each day and node, below ``temporary`` for now; what has no window is added to ``undecoded``."""
    def windows() -> Iterator[Decoded]:
        for some in _batches(sorted(opened, key=_filed)):
            for result in decode(some):
                if isinstance(result, Undecoded):
                    undecoded.append(result)
                else:
                    show(result)
                    yield result

    for (day, node), rows in groupby(windows(), lambda each: (_day(each), each.node)):
        path = partition_folder(day, node) / f"{journal.stem}.parquet"
        yield Part(journal.parent / path, day, node, _write(temporary / path, WINDOW_COLUMNS, rows))


def _day(result: Opened | Decoded) -> date:
    """When the window began, or else arrived."""
    return (result.start or result.received.time).astimezone(UTC).date()


def _filed(result: Opened | Undecoded) -> tuple[date, str]:
    """Brings the windows of a file together."""
    return (date.min, "") if isinstance(result, Undecoded) else (_day(result), result.node or "")


def _batches(results: Iterable[Result]) -> Iterator[list[Result]]:
    remaining = iter(results)
    while some := list(islice(remaining, TOGETHER)):
        yield some


def _write(path: Path, schema: pyarrow.Schema, results: Iterable[Decoded | Undecoded]) -> int:
    """A row for each of ``results``; the columns are those of its fields that ``schema`` names."""
    rows = 0
    path.parent.mkdir(parents=True)
    with table_writer(path, schema) as file:
        for some in _batches(results):
            file.write_table(pyarrow.Table.from_pylist([vars(each.received) | vars(each) for each in some], schema))
            rows += len(some)
    return rows


def decode(opened: Sequence[Opened | Undecoded]) -> list[Decoded | Undecoded]:
    """What became of each of ``opened``, in their order."""
    results: dict[int, Decoded | Undecoded] = {}
    by_version: defaultdict[str, dict[int, Opened]] = defaultdict(dict)
    for number, each in enumerate(opened):
        if isinstance(each, Undecoded):
            results[number] = each
        else:
            by_version[each.decoder.version][number] = each
    for of_version in by_version.values():
        results.update(zip(of_version, _by_version(list(of_version.values())), strict=True))
    return [results[number] for number in range(len(opened))]


def _by_version(opened: Sequence[Opened]) -> list[Decoded | Undecoded]:
    """All at once; one by one if a packet among them is refused."""
    decoder = opened[0].decoder
    codec = decoder.packets.codec
    try:
        table = decoder.decode([each.packet for each in opened])
    except EdgeCodecError as error:
        if len(opened) == 1:
            return [Undecoded(opened[0].received, str(error))]
        return [result for each in opened for result in _by_version([each])]
    unsaid = {"estimated_error": math.nan, "unlike_training": False, "faulty": np.zeros(0, np.int32)}  # by old versions
    columns = [table[name].tolist() if name in table else [unsaid[name]] * len(opened)
               for name in ("rate", "sequence", *unsaid, "window")]
    return [Decoded(each.received, each.node, each.start, each.start_from, each.packet, decoder.version,
                    codec.sample_rate_hz, codec.channel_names, *row)
            for each, row in zip(opened, zip(*columns, strict=True), strict=True)]

