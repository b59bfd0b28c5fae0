"""The journal: packets on disk, before the broker is told that they have arrived.

One JSON object per line. A journal keeps its number through to the files that it becomes, so that after a crash it can
become them once more and nothing is there twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SUFFIX = ".journal"


@dataclass(frozen=True)
class Received:
    """A packet as it came in; nothing about it is checked yet."""

    topic: str
    time: datetime
    packet: bytes


class Journal:
    """A file that received packets are appended to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened = datetime.now(UTC)
        self.packets = 0
        self._file = path.open("x", encoding="utf-8")

    def append(self, received: Received) -> None:
        """Write ``received``; when this returns, it survives a loss of power."""
        line = {"topic": received.topic, "time": received.time.isoformat(), "packet": received.packet.hex()}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.packets += 1

    def close(self) -> None:
        """Nothing follows. A journal without packets is removed."""
        self._file.close()
        if not self.packets:
            self.path.unlink()


def journals(folder: Path) -> list[Path]:
    """All journals in ``folder``, the oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def next_journal(folder: Path) -> Journal:
    """A new journal, numbered behind everything that is in ``folder``."""
    numbers = [int(path.name.split(".")[0]) for path in folder.iterdir() if path.name.split(".")[0].isdigit()]
    return Journal(folder / f"{max(numbers, default=0) + 1:08d}{SUFFIX}")


def read_journal(path: Path) -> Iterator[Received]:
    """The packets of a journal. A last line that was cut short is left out: the broker still has that packet."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                entry = json.loads(line)
                yield Received(entry["topic"], datetime.fromisoformat(entry["time"]), bytes.fromhex(entry["packet"]))
