"""A journal becomes files: the windows that were decoded, and the packets that could not be.

    00000007.windows.parquet      topic, time, retained, repeated, version, rate, sequence, estimated_error,
                                  unlike_training, faulty, window, packet
    00000007.undecoded.parquet    topic, time, retained, repeated, reason, packet

Either file is whole or absent, and the journal goes last. A packet of a model that is registered later can be decoded
from its file, by ``edgecodec decode`` or in Spark: the column ``packet`` is what they read.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.decoders import RegisteredDecoder, RegisteredDecoders
from edgecodec.gateway.journal import Received, read_journal, replacing_durably
from edgecodec.packets.packet import read_header

TOGETHER = 256  # packets that are decoded and written at a time
RECEIVED = [("topic", pyarrow.string()), ("time", pyarrow.timestamp("us", tz="UTC")), ("retained", pyarrow.bool_()),
            ("repeated", pyarrow.bool_())]
WINDOWS = pyarrow.schema([
    *RECEIVED, ("version", pyarrow.string()), ("rate", pyarrow.int32()), ("sequence", pyarrow.int64()),
    ("estimated_error", pyarrow.float32()), ("unlike_training", pyarrow.bool_()),
    ("faulty", pyarrow.list_(pyarrow.int32())), ("window", pyarrow.list_(pyarrow.float32())),
    ("packet", pyarrow.binary())])
UNDECODED = pyarrow.schema([*RECEIVED, ("reason", pyarrow.string()), ("packet", pyarrow.binary())])


@dataclass(frozen=True, eq=False)
class Decoded:
    received: Received
    version: str  # of the registered model
    rate: int
    sequence: int
    estimated_error: float  # per cent, at most; NaN where the node did not say
    unlike_training: bool  # as the node said
    faulty: NDArray[np.int32]  # channels, as the node said; they are NaN in the window
    window: NDArray[np.float32]  # flat, channel by channel


@dataclass(frozen=True)
class Undecoded:
    """A packet that is kept as it came."""

    received: Received
    reason: str


@dataclass(frozen=True)
class Conversion:
    """What became of one journal."""

    windows: int
    undecoded: tuple[Undecoded, ...]


def convert(journal: Path, decoders: RegisteredDecoders,
            show: Callable[[Decoded], None] = lambda decoded: None) -> Conversion:
    """Turn ``journal`` into its files and remove it. Done twice, it is as if done once.

    Args:
        show: is called for every window.

    Raises:
        EdgeCodecError: the registry cannot be reached; the journal stays as it is.
    """
    decoders.refresh()
    undecoded: list[Undecoded] = []
    tables = _decoded_tables(journal, decoders, show, undecoded)
    name = journal.stem
    windows = _write(journal.with_name(f"{name}.windows.parquet"), WINDOWS, tables)
    _write(journal.with_name(f"{name}.undecoded.parquet"), UNDECODED,
           iter([_table(undecoded, UNDECODED)] if undecoded else []))
    journal.unlink()
    return Conversion(windows, tuple(undecoded))


def _decoded_tables(journal: Path, decoders: RegisteredDecoders, show: Callable[[Decoded], None],
                    undecoded: list[Undecoded]) -> Iterator[pyarrow.Table]:
    remaining = read_journal(journal)
    while some := list(islice(remaining, TOGETHER)):
        decoded = []
        for result in decode(some, decoders):
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


def _write(path: Path, schema: pyarrow.Schema, tables: Iterator[pyarrow.Table]) -> int:
    """Write ``tables`` unless there are none; their rows."""
    first = next(tables, None)
    if first is None:
        return 0
    rows = 0
    with replacing_durably(path) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema) as file:
        for table in chain([first], tables):
            file.write_table(table)
            rows += len(table)
    return rows


def decode(packets: Sequence[Received], decoders: RegisteredDecoders) -> list[Decoded | Undecoded]:
    """What became of each of ``packets``, in their order.

    Raises:
        EdgeCodecError: the registry cannot be reached.
    """
    results: dict[int, Decoded | Undecoded] = {}
    by_model: defaultdict[bytes, list[int]] = defaultdict(list)
    for number, received in enumerate(packets):
        try:
            by_model[read_header(received.packet).model_id].append(number)
        except EdgeCodecError as error:
            results[number] = Undecoded(received, str(error))
    for model_id, numbers in by_model.items():
        decoder = decoders.of(model_id)
        of_model = [packets[number] for number in numbers]
        found = [Undecoded(received, decoder) for received in of_model] if isinstance(decoder, str) else \
            _by_version(decoder, of_model)
        results.update(zip(numbers, found, strict=True))
    return [results[number] for number in range(len(packets))]


def _by_version(decoder: RegisteredDecoder, packets: Sequence[Received]) -> list[Decoded | Undecoded]:
    """All at once; one by one if a packet among them is refused."""
    try:
        table = decoder.model.predict(pd.DataFrame({"packet": [received.packet for received in packets]}))
    except EdgeCodecError as error:
        if len(packets) == 1:
            return [Undecoded(packets[0], str(error))]
        return [result for received in packets for result in _by_version(decoder, [received])]
    unsaid = {"estimated_error": math.nan, "unlike_training": False, "faulty": np.zeros(0, np.int32)}  # by old versions
    columns = [table[name].tolist() if name in table else [unsaid[name]] * len(packets)
               for name in ("rate", "sequence", *unsaid, "window")]
    return [Decoded(received, decoder.version, *row)
            for received, row in zip(packets, zip(*columns, strict=True), strict=True)]
