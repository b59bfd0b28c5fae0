"""The kinds of packets: what a payload holds of a window."""

from __future__ import annotations

from enum import IntEnum


class PacketKind(IntEnum):
    """The value is on air."""

    FIXED_LENGTH = 1
    CODED = 2
    ESCAPE = 3  # all the window's cosine bins, within a bound
    EXACT = 4  # the converter's counts, without loss

    @property
    def has_rate(self) -> bool:
        """Whether it holds what a quantizer gave. The other kinds hold the window whole."""
        return self in (PacketKind.FIXED_LENGTH, PacketKind.CODED)

    @property
    def label(self) -> str:
        """The kind's name in files and messages."""
        return self.name.lower()

    def prefix(self, separator: str) -> str:
        """What names of the kind's parts begin with. Those of fixed-length packets, the first kind, have nothing."""
        return "" if self is PacketKind.FIXED_LENGTH else self.label + separator
