"""Decoded windows in files, written while they are decoded: memory does not grow with their number."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from edgecodec.packets.decoder import DecodedWindows
from edgecodec.storage import kind_by_name, replacing_file

SCHEMA = pyarrow.schema([
    ("window", pyarrow.list_(pyarrow.float32())), ("rate", pyarrow.int32()), ("sequence", pyarrow.int64()),
    ("estimated_error", pyarrow.float32()), ("unlike_training", pyarrow.bool_()),
    ("faulty", pyarrow.list_(pyarrow.int32()))])  # as the registered model returns them


def kind_of_windows(path: Path) -> Literal["npz", "parquet"]:
    """What decoded windows are written to ``path`` as.

    Raises:
        EdgeCodecError: its name says that it is something else.
    """
    kinds: dict[str, Literal["npz", "parquet"]] = {".npz": "npz", ".parquet": "parquet"}
    return kind_by_name(path, kinds, "decoded windows")


def write_parquet(path: Path, decoded: Iterable[DecodedWindows], channel_names: tuple[str, ...]) -> int:
    """Write a row per window (flat, channel by channel) to ``path``, all of them or none; their number.

    The file's metadata ``channels`` are the channels' names in order, a list in JSON.
    """
    schema = SCHEMA.with_metadata({"channels": json.dumps(channel_names)})  # names may hold blanks
    count = 0
    with replacing_file(path) as temporary, pyarrow.parquet.ParquetWriter(temporary, schema) as file:
        for some in decoded:
            file.write_table(table_of(some).cast(schema))
            count += len(some.rate)
    return count


def table_of(decoded: DecodedWindows) -> pyarrow.Table:
    """Decoded windows as a table of :data:`SCHEMA`."""
    n, values = len(decoded.windows), decoded.windows[0].size if len(decoded.windows) else 0
    flat = pyarrow.ListArray.from_arrays(np.arange(n + 1, dtype=np.int32) * values, decoded.windows.ravel())
    faulty = [np.flatnonzero(channels).astype(np.int32) for channels in decoded.faulty]
    return pyarrow.table([flat, decoded.rate, decoded.sequence, decoded.estimated_error, decoded.unlike_training,
                          pyarrow.array(faulty, SCHEMA.field("faulty").type)], schema=SCHEMA)


def write_npz(path: Path, decoded: Iterable[DecodedWindows], channel_names: tuple[str, ...], count: int,
              samples: int) -> int:
    """Write ``count`` windows as NumPy arrays; their number.

    They are x [n, channels, samples], channels, and rate, sequence, and what the nodes said: estimated_error and
    unlike_training [n], faulty [n, channels].
    """
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, len(channel_names), samples)}
    columns: dict[str, list[NDArray[Any]]] = {
        "rate": [np.zeros(0, np.int32)], "sequence": [np.zeros(0, np.int64)],
        "estimated_error": [np.zeros(0, np.float32)], "unlike_training": [np.zeros(0, bool)],
        "faulty": [np.zeros((0, len(channel_names)), bool)]}
    with replacing_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("x.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_2_0(file, header)
            for some in decoded:
                file.write(some.windows.astype("<f4", copy=False).data)
                for name, parts in columns.items():
                    parts.append(getattr(some, name))
        others = {name: np.concatenate(parts) for name, parts in columns.items()}
        others["channels"] = np.array(channel_names)
        for name, array in others.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return count
