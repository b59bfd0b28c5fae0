"""Where a packet stands in its node's count. Sequence numbers begin anew after 65535; here they go on."""

from __future__ import annotations

from dataclasses import dataclass, field

TURN = 65536
HALF = TURN // 2  # numbers ahead; as many are behind (serial number arithmetic, RFC 1982)
BEHIND = 48  # a frame has eight bits of its number: among three of the longest series up to the newest, or 208 ahead


@dataclass(frozen=True)
class Place:
    number: int  # of the window, since the node began to count
    missing: int = 0  # numbers that it passed over
    is_late: bool = False  # it was missing
    is_restart: bool = False  # the node began to count anew


@dataclass
class Sequence:
    """The count of one node, as far as its packets have come."""

    newest: int | None = None
    absent: list[int] = field(default_factory=list)  # of the HALF numbers before the newest

    @property
    def least_of_frames(self) -> int:
        """The least sequence number that the next frame can have."""
        return 0 if self.newest is None else max(self.newest + 1 - BEHIND, 0) % TURN

    def follow(self, sequence: int) -> Place:
        """Count a packet.

        A node counts from 0: a 0 that is neither next nor late tells that it started anew.
        """
        if self.newest is None:
            self.newest = sequence
            return Place(sequence)
        ahead = (sequence - self.newest + HALF) % TURN - HALF
        number = self.newest + ahead
        if sequence == 0 and ahead != 1 and ahead != 0 and number not in self.absent:
            self.newest, self.absent = 0, []
            return Place(0, is_restart=True)
        if ahead > 0:
            passed = range(self.newest + 1, number)
            self.newest = number
            self.absent = [each for each in (*self.absent, *passed) if each > number - HALF]
            return Place(number, missing=len(passed))
        if number in self.absent:
            self.absent.remove(number)
            return Place(number, is_late=True)
        return Place(number)
