"""The journal: packets on disk, before the broker is told that they have arrived.

One JSON object per line. A journal keeps its number through to the files that it becomes, so that after a crash it can
become them once more and nothing is there twice.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import replacing_file

SUFFIX = ".journal"
SYNCHRONIZED_TOGETHER = 16  # files: a disk writes many in hardly more time than one


@dataclass(frozen=True)
class Received:
    """A packet as it came in; nothing about it is checked yet."""

    topic: str
    time: datetime  # of its arrival here
    packet: bytes
    retained: bool = False  # the broker had kept it, nobody knows for how long
    repeated: bool = False  # equal to a packet that came before on this topic
    session: str = ""  # with the broker; in it ...
    message: int = 0  # ... the message's id; 0 at QoS 0, where nothing is delivered again
    partition: int | None = None  # of Kafka: session is topic and timestamp then, message the next offset


class Journal:
    """A file that received packets are appended to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened = datetime.now(UTC)
        self.packets = 0
        self._file = path.open("x", encoding="utf-8")
        synchronize(path.parent)

    def append(self, received: Received) -> None:
        """Write ``received``; :meth:`synchronize` makes it lasting.

        Raises:
            OSError: it cannot be written.
        """
        line = asdict(received) | {"time": received.time.isoformat(), "packet": received.packet.hex()}
        self._file.write(json.dumps(line) + "\n")
        self.packets += 1

    def synchronize(self) -> None:
        """When this returns, what was appended survives a loss of power.

        Raises:
            OSError: it cannot be written, or somebody removed the file.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._check_that_it_is_there()

    def close(self) -> None:
        """Nothing follows. A journal without packets is removed.

        Raises:
            OSError: somebody removed the file.
        """
        if self.packets:
            self._check_that_it_is_there()
        self._file.close()
        if not self.packets:
            self.path.unlink(missing_ok=True)

    def _check_that_it_is_there(self) -> None:
        if os.fstat(self._file.fileno()).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "somebody removed the open journal", str(self.path))


def journals(folder: Path) -> list[Path]:
    """All journals in ``folder``, the oldest first."""
    return sorted(folder.glob(f"{'[0-9]' * 8}{SUFFIX}"))


def next_journal(folder: Path, newest: int = 0) -> Journal:
    """A new journal, numbered behind ``newest`` and everything that is in ``folder``."""
    numbers = [number_of(path) for path in folder.iterdir() if path.name.split(".")[0].isdigit()]
    return Journal(folder / f"{max(newest, *numbers, 0) + 1:08d}{SUFFIX}")


def number_of(path: Path) -> int:
    """The number of a journal or of a file that it became."""
    return int(path.name.split(".")[0])


def read_journal(path: Path) -> Iterator[Received]:
    """The packets of a journal. A last line that was cut short is left out: the broker still has that packet.

    Raises:
        EdgeCodecError: a line is not as a gateway writes it.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.endswith("\n"):
                try:
                    entry = json.loads(line)
                    yield Received(**entry | {"time": datetime.fromisoformat(entry["time"]),
                                              "packet": bytes.fromhex(entry["packet"])})
                except (ValueError, TypeError, KeyError):
                    raise EdgeCodecError(f"{path}: line {number} is damaged; move this line to a file elsewhere, then "
                                         "start the gateway again") from None


@contextmanager
def replacing_durably(path: Path) -> Iterator[Path]:
    """As :func:`replacing_file`; when this ends, ``path`` survives a loss of power."""
    with replacing_file(path) as temporary:
        yield temporary
        synchronize(temporary)
    synchronize(path.parent)


def place_durably(source: Path, folder: Path) -> list[Path]:
    """Move the files below ``source`` to the same places below ``folder``, of the same file system.

    Each is whole when it appears; when this returns, all survive a loss of power. Their new paths are returned.
    """
    files = sorted(path for path in source.rglob("*") if path.is_file())
    placed = [folder / path.relative_to(source) for path in files]
    with ThreadPoolExecutor(SYNCHRONIZED_TOGETHER) as threads:
        list(threads.map(synchronize, files))
        for path, new in zip(files, placed, strict=True):
            new.parent.mkdir(parents=True, exist_ok=True)
            path.replace(new)
        list(threads.map(synchronize, {parent for new in placed for parent in new.parents
                                       if parent == folder or folder in parent.parents}))
    return placed


def synchronize(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
