"""The kinds of packets: what a payload holds of a window."""

from __future__ import annotations

from enum import IntEnum


class PacketKind(IntEnum):
    """The value is on air."""

    FIXED_LENGTH = 1
    CODED = 2
    ESCAPE = 3  # has no quantizer, and no rate: all the window's cosine bins, within a bound

    @property
    def label(self) -> str:
        """The kind's name in files and messages."""
        return self.name.lower()

    def prefix(self, separator: str) -> str:
        """What names of the kind's parts begin with. Those of fixed-length packets, the first kind, have nothing."""
        return "" if self is PacketKind.FIXED_LENGTH else self.label + separator
