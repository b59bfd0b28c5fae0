"""What became of a node's packets on their way: read off their sequence numbers, which count modulo 65536."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

REMEMBERED = 65536  # packets by which a repetition is recognised

Key = tuple[str, bytes]  # topic and packet


@dataclass
class Traffic:
    """Figures since the gateway started."""

    packets: int = 0
    repeated: int = 0  # came again: a broker may deliver twice
    missing: int = 0  # sequence numbers that have not come
    late: int = 0  # came behind a packet that was sent after them
    undecoded: int = 0  # kept as they are

    def __str__(self) -> str:
        return (f"{self.packets} packets, {self.repeated} repeated, {self.missing} missing, {self.late} late, "
                f"{self.undecoded} not decoded")


@dataclass
class Sequences:
    """Follows the sequence numbers of every topic."""

    traffic: Traffic = field(default_factory=Traffic)
    _seen: OrderedDict[Key, None] = field(default_factory=OrderedDict)
    _newest: dict[str, int] = field(default_factory=dict)

    def is_repeated(self, topic: str, packet: bytes) -> bool:
        """Whether this very packet came before on this topic; remembers it."""
        repeated = (topic, packet) in self._seen
        self.traffic.repeated += repeated
        self.remember(topic, packet)
        return repeated

    def remember(self, topic: str, packet: bytes) -> None:
        """Recognise this packet when it comes again."""
        self._seen[topic, packet] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def follow(self, topic: str, sequence: int) -> None:
        """Count what is missing or late by serial number arithmetic (RFC 1982)."""
        newest = self._newest.get(topic)
        ahead = 1 if newest is None else (sequence - newest) % 65536
        if 0 < ahead < 32768:
            self.traffic.missing += ahead - 1
            self._newest[topic] = sequence
        else:
            self.traffic.late += 1
            self.traffic.missing = max(0, self.traffic.missing - 1)
