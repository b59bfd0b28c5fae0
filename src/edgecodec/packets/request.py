"""Requests: what a node is sent, so that it sends its next windows whole. Five bytes::

    byte 0        version of this layout, 1 (high four bits); kind of packets that are wanted (low four): 3 escapes,
                  4 exact ones
    byte 1        windows, 1 to 255: so many from the next one on that the node encodes
    byte 2        escapes: the error that they may have, in tenths of a per cent, 1 to 255; exact packets: 0
    bytes 3, 4    CRC-16 (polynomial 0x1021, from 0xFFFF on, binascii.crc_hqx) of everything before, little-endian

A request replaces the one before. So one that comes twice, or is sent again since nobody knows whether it came, does
no harm. Nothing in it belongs to a model: a node may have been updated meanwhile.
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind

VERSION = 1
WINDOWS_MAX = 255
_CONTENT = struct.Struct("<BBB")
_CHECKSUM = struct.Struct("<H")
REQUEST_BYTES = _CONTENT.size + _CHECKSUM.size


@dataclass(frozen=True)
class WindowRequest:
    """The next windows of a node are wanted whole.

    Raises:
        EdgeCodecError: no message can say this.
    """

    kind: PacketKind
    windows: int
    bound_percent: float = 0.0  # of escapes, in tenths; 0 of exact packets

    def __post_init__(self) -> None:
        if self.kind.has_rate:
            raise EdgeCodecError(f"request: of {self.kind.label} packets; escapes and exact ones can be asked for")
        if not 1 <= self.windows <= WINDOWS_MAX:
            raise EdgeCodecError(f"request: of {self.windows} windows; ask for 1 to {WINDOWS_MAX}")
        least, most = (1, 0xFF) if self.kind is PacketKind.ESCAPE else (0, 0)
        if not least <= self._tenths <= most:
            raise EdgeCodecError(f"request: {self.kind.label} packets within {self.bound_percent} per cent; escapes "
                                 "take 0.1 to 25.5, exact ones 0")

    def to_bytes(self) -> bytes:
        content = _CONTENT.pack(VERSION << 4 | self.kind, self.windows, self._tenths)
        return content + _CHECKSUM.pack(_checksum(content))

    @classmethod
    def from_bytes(cls, message: bytes) -> WindowRequest:
        """
        Raises:
            EdgeCodecError: it is damaged, of another version, or asks for what there is not.
        """
        content = message[: _CONTENT.size]
        if len(message) != REQUEST_BYTES or _checksum(content) != _CHECKSUM.unpack(message[_CONTENT.size :])[0]:
            raise EdgeCodecError("request: damaged; leave it out")
        first, windows, tenths = _CONTENT.unpack(content)
        if first >> 4 != VERSION:
            raise EdgeCodecError(f"request: of version {first >> 4}; this program reads version {VERSION}")
        if first & 15 not in list(PacketKind):
            raise EdgeCodecError(f"request: of packets of kind {first & 15}, which is not known")
        return cls(PacketKind(first & 15), windows, tenths / 10)

    @property
    def _tenths(self) -> int:
        return round(10 * self.bound_percent)


def _checksum(content: bytes) -> int:
    return binascii.crc_hqx(content, 0xFFFF)
