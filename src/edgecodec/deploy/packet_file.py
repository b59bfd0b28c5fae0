"""Packets in a file, for `edgecodec encode` and `decode`, and to carry what a gateway has received.

::

    bytes 0..3    "ECP1"
    per packet    its length in two bytes, little-endian, and its bytes as they go on air

A packet's length is written down, although a sound packet tells it: damaged and foreign packets pass through as well.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import replacing_file

MAGIC = b"ECP1"
_LENGTH = struct.Struct("<H")


def write_packets(path: Path, packets: Iterable[bytes]) -> None:
    """Write ``packets`` (at most 65535 bytes each) to ``path``, all of them or none."""
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        file.write(MAGIC)
        for packet in packets:
            file.write(_LENGTH.pack(len(packet)) + packet)


def read_packets(path: Path) -> list[bytes]:
    """The packets in ``path``, unopened.

    Raises:
        EdgeCodecError: the file is absent, is no packet file, or ends within a packet.
    """
    if not path.is_file():
        raise EdgeCodecError(f"{path}: not found; write packets with edgecodec encode")
    content = path.read_bytes()
    if content[: len(MAGIC)] != MAGIC:
        raise EdgeCodecError(f"{path}: not a packet file (it does not begin with {MAGIC.decode()}); write one with "
                             "edgecodec encode")
    return list(_split(path, content))


def _split(path: Path, content: bytes) -> Iterator[bytes]:
    position, number = len(MAGIC), 0
    while position < len(content):
        start = position + _LENGTH.size
        end = start + _LENGTH.unpack_from(content, position)[0] if start <= len(content) else start
        if end > len(content):
            raise EdgeCodecError(f"{path}: cut short within packet {number}; copy the file again")
        yield content[start:end]
        position, number = end, number + 1
