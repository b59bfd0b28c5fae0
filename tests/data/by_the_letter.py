"""Files written by the letter of their formats' descriptions, by none of the libraries that the readers use.

All hold the columns of an array [rows, columns] at an even rate.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NOWHERE = 0xFFFFFFFFFFFFFFFF


def write_edf(path: Path, counts: NDArray[np.integer], names: Sequence[str], rate: int) -> None:
    """EDF, or BDF if it is called so: records of a second, 16 or 24 bits per sample."""
    size = 3 if path.suffix == ".bdf" else 2
    columns, seconds = len(names), len(counts) // rate
    lowest, highest = -(1 << (8 * size - 1)), (1 << (8 * size - 1)) - 1
    fields = [(list(names), 16), ([""], 80), (["uV"], 8), ([lowest], 8), ([highest], 8), ([lowest], 8), ([highest], 8),
              ([""], 80), ([rate], 8), ([""], 32)]
    head = [("X", 80), ("X", 80), ("01.02.26", 8), ("03.04.05", 8), (256 * (columns + 1), 8),
            ("24BIT" if size == 3 else "", 44), (seconds, 8), (1, 8), (columns, 4)]
    content = "".join(str(value).ljust(width) for value, width in head)
    content += "".join(str(value).ljust(width) for values, width in fields
                       for value in (values if len(values) == columns else values * columns))
    records = counts.reshape(seconds, rate, columns).transpose(0, 2, 1).astype("<i4")
    samples = np.ascontiguousarray(records).view(np.uint8).reshape(-1, 4)[:, :size]
    path.write_bytes((b"\xffBIOSEMI" if size == 3 else b"0       ") + content.encode("ascii") + samples.tobytes())


def write_flac(path: Path, counts: NDArray[np.integer], rate: int, block: int = 128) -> None:
    """RFC 9639: a stream of 16 bits per sample in subframes of kind VERBATIM."""
    rows, columns = counts.shape
    sizes = rate << 44 | (columns - 1) << 41 | (16 - 1) << 36 | rows
    content = b"fLaC" + bytes([0x80, 0, 0, 34]) + struct.pack(">HH6xQ16x", block, block, sizes)
    for number, start in enumerate(range(0, rows, block)):
        part = counts[start:start + block].astype(">i2")
        frame = struct.pack(">HBBBH", 0xFFF8, 0x70, (columns - 1) << 4 | 0x08, number, len(part) - 1)  # number < 128
        frame += bytes([_remainder(frame, 0x07, 8)])
        frame += b"".join(b"\x02" + column.tobytes() for column in part.T)
        content += frame + _remainder(frame, 0x8005, 16).to_bytes(2, "big")
    path.write_bytes(content)


def _remainder(content: bytes, polynomial: int, bits: int) -> int:
    """Cyclic redundancy check, highest bit first, from 0."""
    found = 0
    for byte in content:
        found ^= byte << (bits - 8)
        for _ in range(8):
            found = (found << 1) ^ ((polynomial | 1 << bits) if found >> (bits - 1) else 0)
    return found


def write_tdms(path: Path, values: NDArray[np.floating], names: Sequence[str], rate: float) -> None:
    """TDMS 2.0: one segment, a group of channels in float64, one behind the other."""
    def text(value: str) -> bytes:
        return struct.pack("<I", len(value.encode())) + value.encode()

    no_data, no_properties, of_text, of_double = 0xFFFFFFFF, 0, 0x20, 10
    objects = [text(place) + struct.pack("<II", no_data, no_properties) for place in ("/", "/'run'")]
    for name in names:
        quoted = name.replace("'", "''")
        objects.append(text(f"/'run'/'{quoted}'") + struct.pack("<IIIQI", 20, of_double, 1, len(values), 2)
                       + text("wf_increment") + struct.pack("<Id", of_double, 1 / rate)
                       + text("unit_string") + struct.pack("<I", of_text) + text("V"))
    metadata = struct.pack("<I", len(objects)) + b"".join(objects)
    raw = values.T.astype("<f8").tobytes()
    has_metadata, has_new_objects, has_raw_data = 1 << 1, 1 << 2, 1 << 3
    path.write_bytes(b"TDSm" + struct.pack("<IIQQ", has_metadata | has_new_objects | has_raw_data, 4713,
                                           len(metadata) + len(raw), len(metadata)) + metadata + raw)


def write_hdf5(path: Path, arrays: Mapping[str, NDArray[np.float64]]) -> None:
    """HDF5 from superblock version 0 on: a root group of links to contiguous arrays in float64."""
    def header(*messages: tuple[int, bytes]) -> bytes:
        padded = [(kind, content + bytes(-len(content) % 8)) for kind, content in messages]
        body = b"".join(struct.pack("<HHB3x", kind, len(content), 0) + content for kind, content in padded)
        return struct.pack("<BxHII4x", 1, len(messages), 1, len(body)) + body

    ieee_double = bytes([0x11, 0x20, 63, 0]) + struct.pack("<IHHBBBBI", 8, 0, 64, 52, 11, 0, 52, 1023)
    body, links = b"", []
    for name, array in arrays.items():
        space = struct.pack("<BBB5x", 1, array.ndim, 0) + struct.pack(f"<{array.ndim}Q", *array.shape)
        data = array.astype("<f8").tobytes()
        data_address = 96 + len(body)
        body += data
        link = struct.pack("<BBB", 1, 0, len(name)) + name.encode("ascii") + struct.pack("<Q", 96 + len(body))
        links.append((6, link))
        body += header((1, space), (3, ieee_double), (5, bytes([2, 2, 0, 0])),
                       (8, struct.pack("<BBQQ", 3, 1, data_address, len(data))))
    root = 96 + len(body)
    body += header((2, struct.pack("<BBQQ", 0, 0, NOWHERE, NOWHERE)), (10, bytes(2)), *links)
    superblock = struct.pack("<5xBBxHHIQQQQ", 8, 8, 4, 16, 0, 0, NOWHERE, 96 + len(body), NOWHERE)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + superblock + struct.pack("<QQI20x", 0, root, 0) + body)


def write_mat(path: Path, arrays: Mapping[str, NDArray[np.float64]]) -> None:
    """MATLAB's level 5: matrices of doubles, column by column."""
    def element(kind: int, content: bytes) -> bytes:
        return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)

    int8, int32, uint32, double, matrix, double_class = 1, 5, 6, 9, 14, 6
    content = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + struct.pack("<H2s", 0x0100, b"IM")
    for name, array in arrays.items():
        content += element(matrix, element(uint32, struct.pack("<II", double_class, 0))
                           + element(int32, struct.pack("<ii", *array.shape)) + element(int8, name.encode("ascii"))
                           + element(double, array.astype("<f8").tobytes(order="F")))
    path.write_bytes(content)


def npy(array: NDArray[np.floating]) -> bytes:
    """NumPy's format 1.0, here in Fortran's order."""
    head = f"{{'descr': '<f4', 'fortran_order': True, 'shape': {array.shape}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode("ascii") + \
        array.astype("<f4").tobytes(order="F")


def write_npz(path: Path, arrays: Mapping[str, NDArray[np.floating]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", npy(array))


class Long(int):
    """What Thrift calls i64."""


def write_parquet(path: Path, columns: Mapping[str, NDArray[np.float64]]) -> None:
    """Parquet: one group of rows, each column a page of plain doubles, none of which may be absent."""
    double, required, plain, levels = 5, 0, 0, 3
    content, chunks, rows = b"PAR1", [], 0
    for name, column in columns.items():
        data, rows = column.astype("<f8").tobytes(), len(column)
        page = _thrift({1: 0, 2: len(data), 3: len(data), 5: {1: rows, 2: plain, 3: levels, 4: levels}}) + data
        start, size = Long(len(content)), Long(len(page))
        chunks.append({2: start, 3: {1: double, 2: [plain], 3: [name], 4: 0, 5: Long(rows), 6: size, 7: size,
                                     9: start}})
        content += page
    schema = [{4: "schema", 5: len(columns)}, *({1: double, 3: required, 4: name} for name in columns)]
    footer = _thrift({1: 1, 2: schema, 3: Long(rows), 4: [{1: chunks, 2: Long(len(content)), 3: Long(rows)}]})
    path.write_bytes(content + footer + struct.pack("<I", len(footer)) + b"PAR1")


def _thrift(value: object) -> bytes:
    """Thrift's compact protocol: structures are dictionaries by the numbers of their fields."""
    match value:
        case dict():
            steps = zip(value.items(), [0, *value], strict=False)
            return b"".join(bytes([(field - before) << 4 | _thrift_kind(item)]) + _thrift(item)
                            for (field, item), before in steps) + b"\x00"
        case list():
            return bytes([len(value) << 4 | _thrift_kind(value[0])]) + b"".join(map(_thrift, value))  # fewer than 15
        case str():
            return _varint(len(value.encode())) + value.encode()
        case int():
            return _varint(value << 1)  # none is negative
    raise TypeError(value)


def _thrift_kind(value: object) -> int:
    return next(number for kind, number in ((Long, 6), (int, 5), (str, 8), (list, 9), (dict, 12))
                if isinstance(value, kind))


def _varint(value: int) -> bytes:
    low, more = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(more) if more else bytes([low])
