"""A range coder that carries (G. N. N. Martin, "Range encoding", 1979), one symbol at a time.

What is coded shrinks an interval of numbers in [0, 1), whose digits of base 256 are the payload's bytes. The coder
holds the last 32 bits of where it begins, and its width. The payload is the shortest string of bytes that names a
number of the interval once zeros stand behind it.
"""

from __future__ import annotations

_WIDTH = 0xFFFFFFFF
_LEAST_WIDTH = 1 << 24


class RangeWriter:
    def __init__(self) -> None:
        self._payload = bytearray()
        self._low, self.width = 0, _WIDTH
        self._held, self._full = 0, 0  # a byte that a carry may still raise, and the bytes 0xff behind it

    def narrow(self, start: int, width: int) -> None:
        """Leave of the interval ``width``, from ``start`` on."""
        self._low += start
        self.width = width
        while self.width < _LEAST_WIDTH:
            self.width <<= 8
            self._shift()

    def finish(self) -> bytes:
        """The number of the interval with the most zero bytes at its end, without those."""
        whole = -self._low & 0xFFFFFFFF
        self._low += whole if whole < self.width else -self._low & 0xFFFFFF
        for _ in range(5):
            self._shift()
        return bytes(self._payload[1:]).rstrip(b"\0")  # the first byte is the digit before the point

    def _shift(self) -> None:
        carry, top = self._low >> 32, self._low >> 24 & 0xFF
        if carry or top != 0xFF:
            self._payload.append(self._held + carry)
            self._payload.extend([0xFF + carry & 0xFF] * self._full)
            self._held, self._full = top, 0
        else:
            self._full += 1
        self._low = (self._low & 0xFFFFFF) << 8


class RangeReader:
    def __init__(self, payload: bytes) -> None:
        self._bytes = iter(payload)
        self.width = _WIDTH
        self.above = 0  # how far the number lies above the interval's beginning
        for _ in range(4):
            self._next_byte()

    def narrow(self, start: int, width: int) -> None:
        """As the writer did."""
        self.above -= start
        self.width = width
        while self.width < _LEAST_WIDTH:
            self.width <<= 8
            self._next_byte()

    def _next_byte(self) -> None:
        self.above = self.above << 8 & 0xFFFFFFFF | next(self._bytes, 0)
