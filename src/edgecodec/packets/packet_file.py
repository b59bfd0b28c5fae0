"""Packets in a file, for `edgecodec encode` and `decode`, and to carry what a gateway has received.

::

    bytes 0..3    "ECP1"
    per packet    its length in two bytes, little-endian, and its bytes as they go on air

A packet's length is written down, although a sound packet tells it: damaged and foreign packets pass through as well.
A Parquet file with a column ``packet`` of bytes is written and read just as well, and a folder of such files, as Spark
leaves it, is read. A file is read as what its first bytes say; written as what its name says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from edgecodec.errors import EdgeCodecError, naming
from edgecodec.storage import kind_by_name, replacing_file

MAGIC = b"ECP1"
_PARQUET_MAGIC = b"PAR1"
_PREFIX = 2  # bytes that tell a packet's length


def writer_of(path: Path) -> Callable[[Path, Iterable[bytes]], None]:
    """How packets are written to ``path``.

    Raises:
        EdgeCodecError: its name says that it is something else.
    """
    return kind_by_name(path, {".ecp": _write_packet_file, ".parquet": _write_parquet, "": _write_packet_file},
                        "packets")


def write_packets(path: Path, packets: Iterable[bytes]) -> None:
    """Write ``packets`` (at most 65535 bytes each) to ``path``, all of them or none.

    Raises:
        EdgeCodecError: see :func:`writer_of`.
    """
    writer_of(path)(path, packets)


def _write_packet_file(path: Path, packets: Iterable[bytes]) -> None:
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        file.write(MAGIC)
        for number, packet in enumerate(packets):
            if len(packet) >= 1 << 8 * _PREFIX:
                raise EdgeCodecError(f"{path}: packet {number}: {len(packet)} bytes, and packet files hold up to "
                                     f"{(1 << 8 * _PREFIX) - 1} each; write .parquet")
            file.write(len(packet).to_bytes(_PREFIX, "little") + packet)


def _write_parquet(path: Path, packets: Iterable[bytes]) -> None:
    import pyarrow
    import pyarrow.parquet

    with replacing_file(path) as temporary:
        table = pyarrow.table({"packet": pyarrow.array(list(packets), pyarrow.binary())})
        pyarrow.parquet.write_table(table, temporary)


def packets_in(path: Path) -> Iterator[bytes | None]:
    """The packets in ``path``, unopened, one after the other; None where a table has no packet in its row.

    Raises:
        EdgeCodecError: the file is absent, is no packet file, or ends within a packet.
    """
    if path.is_dir():
        parts = sorted(part for part in path.rglob("*.parquet") if not part.name.startswith((".", "_")))
        if not parts:
            raise EdgeCodecError(f"{path}: a folder without Parquet files; give one that has some, or a packet file")
        for part in parts:
            yield from _in_parquet(part)
        return
    if not path.is_file():
        raise EdgeCodecError(f"{path}: not found; write packets with edgecodec encode")
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC or path.suffix == ".parquet"
    yield from _in_parquet(path) if is_parquet else _in_packet_file(path)


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


def _in_parquet(path: Path) -> Iterator[bytes | None]:
    import pyarrow
    import pyarrow.parquet

    with naming(path, "not a Parquet file with a column packet of bytes", "write one, or use edgecodec encode"), \
            pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1024, columns=["packet"]):
            yield from batch.column("packet").cast(pyarrow.binary()).to_pylist()
