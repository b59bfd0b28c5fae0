"""The kinds of packets: how a payload holds what a window is quantized to."""

from __future__ import annotations

from enum import IntEnum


class PacketKind(IntEnum):
    """The value is on air."""

    FIXED_LENGTH = 1
    CODED = 2

    @property
    def label(self) -> str:
        """The kind's name in files and messages."""
        return self.name.lower()

    def prefix(self, separator: str) -> str:
        """What names of the kind's parts begin with. Those of fixed-length packets, the first kind, have nothing."""
        return "" if self is PacketKind.FIXED_LENGTH else self.label + separator
