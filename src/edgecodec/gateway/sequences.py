"""What became of a node's packets on their way: read off their sequence numbers, which count modulo 65536."""

from __future__ import annotations

from dataclasses import dataclass, field

HALF = 32768  # numbers ahead; as many are behind (serial number arithmetic, RFC 1982)


@dataclass
class Traffic:
    """Figures since the gateway started."""

    packets: int = 0
    known: int = 0  # delivered again by the broker, or kept by it; not kept here a second time
    repeated: int = 0  # kept, and marked: equal to a packet before
    missing: int = 0  # sequence numbers that have not come
    late: int = 0  # came behind a packet that was sent after them
    restarts: int = 0  # nodes that began to count anew
    undecoded: int = 0  # kept as they are

    def __str__(self) -> str:
        return ", ".join([f"{self.packets} packets", *(f"{count} {what}" for what, count in (
            ("delivered again", self.known), ("repeated", self.repeated), ("missing", self.missing),
            ("late", self.late), ("restarts", self.restarts), ("not decoded", self.undecoded)) if count)])


@dataclass
class _Node:
    newest: int
    absent: set[int] = field(default_factory=set)  # numbers before the newest that have not come


@dataclass
class Sequences:
    """Follows the sequence numbers of every topic."""

    traffic: Traffic = field(default_factory=Traffic)
    _nodes: dict[str, _Node] = field(default_factory=dict)

    def follow(self, topic: str, sequence: int) -> None:
        """Count what is missing, late, or a node's new start.

        A node counts from 0: a 0 that is neither next nor late tells that it started anew.
        """
        node = self._nodes.get(topic)
        if node is None:
            self._nodes[topic] = _Node(sequence)
            return
        ahead = (sequence - node.newest) % 65536
        if sequence == 0 and ahead > 1 and (ahead < HALF or 0 not in node.absent):
            self.traffic.restarts += 1
            self._nodes[topic] = _Node(0)
        elif 0 < ahead < HALF:
            passed = {(node.newest + step) % 65536 for step in range(1, ahead)}
            self.traffic.missing += len(passed)
            node.absent = (node.absent | passed) - {sequence}
            node.newest = sequence
        elif sequence in node.absent:
            self.traffic.late += 1
            self.traffic.missing -= 1
            node.absent.remove(sequence)
