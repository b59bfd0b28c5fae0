"""A journal becomes files: the windows that were decoded, and the packets that could not be.

    00000007.windows.parquet      topic, time, retained, repeated, node, start, start_from, version, rate, sequence,
                                  estimated_error, unlike_training, faulty, sample_rate_hz, window, packet
    00000007.undecoded.parquet    topic, time, retained, repeated, reason, packet

Either file is whole or absent, and the journal goes last. A packet of a model that is registered later can be decoded
from its file, by ``edgecodec decode`` or in Spark: the column ``packet`` is what they read. Of a frame it is the packet
that the frame stands for; a frame that could not be decoded is there as it came.

The metadata of a file of windows are its schema's version, and the channels of every version of the model in it.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.decoders import RegisteredDecoders
from edgecodec.gateway.followed import Followed
from edgecodec.gateway.journal import Received, read_journal, replacing_durably
from edgecodec.gateway.nodes import NO_NODES, NodeTable
from edgecodec.gateway.opening import Opened, Opening, StartFrom, Undecoded
from edgecodec.gateway.sequences import Place

TOGETHER = 256  # packets that are decoded and written at a time
SCHEMA_VERSION = 2  # of the files; 1 had no node, start, start_from and sample_rate_hz
RECEIVED = [("topic", pyarrow.string()), ("time", pyarrow.timestamp("us", tz="UTC")), ("retained", pyarrow.bool_()),
            ("repeated", pyarrow.bool_())]
WINDOWS = pyarrow.schema([
    *RECEIVED, ("node", pyarrow.string()), ("start", pyarrow.timestamp("us", tz="UTC")),
    ("start_from", pyarrow.string()), ("version", pyarrow.string()), ("rate", pyarrow.int32()),
    ("sequence", pyarrow.int64()), ("estimated_error", pyarrow.float32()), ("unlike_training", pyarrow.bool_()),
    ("faulty", pyarrow.list_(pyarrow.int32())), ("sample_rate_hz", pyarrow.float64()),
    ("window", pyarrow.list_(pyarrow.float32())), ("packet", pyarrow.binary())])
UNDECODED = pyarrow.schema([*RECEIVED, ("reason", pyarrow.string()), ("packet", pyarrow.binary())])


@dataclass(frozen=True, eq=False)
class Decoded:
    received: Received
    node: str | None  # None: the table of nodes does not have the topic
    start: datetime | None  # of the window; None: nothing tells
    start_from: StartFrom | None  # what tells: its arrival alone, or those around it, too
    packet: bytes
    version: str  # of the registered model
    sample_rate_hz: float
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


def convert(journal: Path, decoders: RegisteredDecoders, table: NodeTable = NO_NODES,
            show: Callable[[Decoded], None] = lambda decoded: None) -> Conversion:
    """Turn ``journal`` into its files and remove it. Done twice, it is as if done once.

    Args:
        show: is called for every window.

    Raises:
        EdgeCodecError: the registry cannot be reached; the journal stays as it is.
    """
    decoders.refresh()
    opening = Opening(decoders, table, Followed(journal))
    undecoded: list[Undecoded] = []
    name = journal.stem
    windows = _write(journal.with_name(f"{name}.windows.parquet"), WINDOWS,
                     _decoded_tables(journal, opening, show, undecoded),
                     lambda: {"schema_version": str(SCHEMA_VERSION), "channels": json.dumps(opening.channels)})
    _write(journal.with_name(f"{name}.undecoded.parquet"), UNDECODED,
           iter([_table(undecoded, UNDECODED)] if undecoded else []), dict)
    opening.followed.save()
    journal.unlink()
    return Conversion(windows, tuple(undecoded), tuple(opening.places), frozenset(opening.unexpected))


def _decoded_tables(journal: Path, opening: Opening, show: Callable[[Decoded], None],
                    undecoded: list[Undecoded]) -> Iterator[pyarrow.Table]:
    remaining = read_journal(journal)
    while some := list(islice(remaining, TOGETHER)):
        decoded = []
        for result in decode(some, opening):
            if isinstance(result, Undecoded):
                undecoded.append(result)
            else:
                show(result)
                decoded.append(result)
        if decoded:
            yield _table(decoded, WINDOWS)


def _table(results: Sequence[Decoded | Undecoded], schema: pyarrow.Schema) -> pyarrow.Table:
    """A row per result; the columns are those of its fields that ``schema`` names."""
    return pyarrow.Table.from_pylist([vars(each.received) | vars(each) for each in results], schema=schema)


def _write(path: Path, schema: pyarrow.Schema, tables: Iterator[pyarrow.Table],
           metadata: Callable[[], Mapping[str, str]]) -> int:
    """Write ``tables`` unless there are none; their rows. The metadata are asked for when all is written."""
    first = next(tables, None)
    if first is None:
        return 0
    rows = 0
    texts = [each.name for each in schema if each.type == pyarrow.string()]  # equal floats are not worth a search
    with replacing_durably(path) as temporary, \
            pyarrow.parquet.ParquetWriter(temporary, schema, use_dictionary=texts) as file:
        for table in chain([first], tables):
            file.write_table(table)
            rows += len(table)
        file.add_key_value_metadata(metadata())
    return rows


def decode(messages: Sequence[Received], opening: Opening) -> list[Decoded | Undecoded]:
    """What became of each of ``messages``, in their order.

    Raises:
        EdgeCodecError: the registry cannot be reached.
    """
    results: dict[int, Decoded | Undecoded] = {}
    by_version: defaultdict[str, dict[int, Opened]] = defaultdict(dict)
    for number, received in enumerate(messages):
        opened = opening.open(received)
        if isinstance(opened, Undecoded):
            results[number] = opened
        else:
            by_version[opened.decoder.version][number] = opened
    for of_version in by_version.values():
        results.update(zip(of_version, _by_version(list(of_version.values())), strict=True))
    return [results[number] for number in range(len(messages))]


def _by_version(opened: Sequence[Opened]) -> list[Decoded | Undecoded]:
    """All at once; one by one if a packet among them is refused."""
    decoder = opened[0].decoder
    try:
        table = decoder.model.predict(pd.DataFrame({"packet": [each.packet for each in opened]}))
    except EdgeCodecError as error:
        if len(opened) == 1:
            return [Undecoded(opened[0].received, str(error))]
        return [result for each in opened for result in _by_version([each])]
    unsaid = {"estimated_error": math.nan, "unlike_training": False, "faulty": np.zeros(0, np.int32)}  # by old versions
    columns = [table[name].tolist() if name in table else [unsaid[name]] * len(opened)
               for name in ("rate", "sequence", *unsaid, "window")]
    return [Decoded(each.received, each.node, each.start, each.start_from, each.packet, decoder.version,
                    decoder.packets.codec.sample_rate_hz, *row)
            for each, row in zip(opened, zip(*columns, strict=True), strict=True)]

