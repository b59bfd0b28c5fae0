"""Packets in a file, for `edgecodec encode` and `decode`, and to carry what a gateway has received.

::

    bytes 0..3    "ECP1"
    per packet    its length in two bytes, little-endian, and its bytes as they go on air

A packet's length is written down, although a sound packet tells it: damaged and foreign packets pass through as well.
A Parquet file with a column ``packet`` of bytes (its name ends in .parquet) is read just as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import replacing_file

MAGIC = b"ECP1"
_PREFIX = 2  # bytes that tell a packet's length


def write_packets(path: Path, packets: Iterable[bytes]) -> None:
    """Write ``packets`` (at most 65535 bytes each) to ``path``, all of them or none."""
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        file.write(MAGIC)
        for packet in packets:
            file.write(len(packet).to_bytes(_PREFIX, "little") + packet)


def read_packets(path: Path) -> list[bytes]:
    """The packets in ``path``, unopened. Errors as of :func:`packets_in`."""
    return list(packets_in(path))


def packets_in(path: Path) -> Iterator[bytes]:
    """The packets in ``path``, unopened, one after the other.

    Raises:
        EdgeCodecError: the file is absent, is no packet file, or ends within a packet.
    """
    if not path.is_file():
        raise EdgeCodecError(f"{path}: not found; write packets with edgecodec encode")
    yield from _in_parquet(path) if path.suffix == ".parquet" else _in_packet_file(path)


def _in_packet_file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise EdgeCodecError(f"{path}: not a packet file (it does not begin with {MAGIC.decode()}); write one with "
                                 "edgecodec encode")
        number = 0
        while prefix := file.read(_PREFIX):
            length = int.from_bytes(prefix, "little")
            packet = file.read(length)
            if len(prefix) < _PREFIX or len(packet) < length:
                raise EdgeCodecError(f"{path}: cut short within packet {number}; copy the file again")
            yield packet
            number += 1


def _in_parquet(path: Path) -> Iterator[bytes]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024, columns=["packet"]):
                yield from batch.column(0).cast(pyarrow.binary()).to_pylist()
    except (pyarrow.ArrowException, IndexError):
        raise EdgeCodecError(f"{path}: not a Parquet file with a column packet of bytes; write one, or use "
                             "edgecodec encode") from None
