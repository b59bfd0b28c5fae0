"""What brings frames (:mod:`edgecodec.packets.frame`)."""

from __future__ import annotations

from enum import StrEnum

CHECKSUM_BYTES = 2


class Link(StrEnum):
    RADIO = "radio"  # bytes, maybe damaged: frames have a number and a checksum of their own
    CHECKED = "checked"  # sound frames, whose numbers it knows: LoRaWAN, BLE with a MIC, IEEE 802.15.4

    @property
    def overhead_bytes(self) -> int:
        """Of the checksum."""
        return CHECKSUM_BYTES if self is Link.RADIO else 0
