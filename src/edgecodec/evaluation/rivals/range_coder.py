"""Rows of integers to bytes and back: a range coder with a fixed table per entry, and exceptions for what it lacks.

The coder itself is that of PyPI's constriction (Bamler, arXiv 2201.01741).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from edgecodec.evaluation.rivals.rival import Floats

Integers = NDArray[np.int32]
Bernoulli = constriction.stream.model.Bernoulli
Uniform = constriction.stream.model.Uniform
TABLES = constriction.stream.model.Categorical(perfect=False)
RangeEncoder = constriction.stream.queue.RangeEncoder
RangeDecoder = constriction.stream.queue.RangeDecoder
WORD_BYTES = 4  # of constriction
STATE_BYTES = 8


@dataclass(frozen=True)
class _Group:
    """Entries whose tables are of one size: a value's symbol is value + reach."""

    entries: NDArray[np.int64]  # [entries of the group]
    reach: int
    probabilities: Floats  # [entries of the group, 2 * reach + 1]


@dataclass(frozen=True)
class RangeCoder:
    """Static tables for some entries of a row; any value of any entry can be sent.

    An entry without a table counts as a table that holds 0 alone. A value beyond its entry's table is sent as the
    nearest value inside, and the difference follows as an exception, with the number of its entry.
    """

    entries: int  # of a row
    coded: NDArray[np.int64]  # [coded], numbers of the entries with a table
    reach: NDArray[np.int64]  # [coded], the largest magnitude in an entry's table
    probabilities: Floats  # [coded, 2 * largest reach + 1] of the values -reach .. reach, centred; zero beyond
    exception_probability: float  # that one more exception follows

    @cached_property
    def _groups(self) -> list[_Group]:
        middle = self.probabilities.shape[1] // 2
        groups = []
        sizes = np.array([int(reach).bit_length() for reach in self.reach])  # few sizes, so few calls of the coder
        for size in np.unique(sizes):
            members = np.flatnonzero(sizes == size)
            reach = int(self.reach[members].max())
            table = self.probabilities[members, middle - reach : middle + reach + 1]
            groups.append(_Group(self.coded[members], reach, np.ascontiguousarray(table)))
        return groups

    @cached_property
    def _row_reach(self) -> Integers:
        reach = np.zeros(self.entries, np.int32)
        reach[self.coded] = self.reach
        return reach

    @cached_property
    def _place(self) -> Any:
        """Of an exception. constriction wants two at least."""
        return Uniform(max(2, self.entries))

    def exceptions(self, rows: Integers) -> Integers:
        """What ``rows`` [..., entries] have beyond their tables; 0 where nothing."""
        return rows - np.clip(rows, -self._row_reach, self._row_reach)

    def encode(self, row: Integers) -> bytes:
        """The fewest bytes that decode to ``row`` [entries]."""
        exceptions = self.exceptions(row)
        inside = row - exceptions
        encoder = RangeEncoder()
        for group in self._groups:
            encoder.encode(inside[group.entries] + np.int32(group.reach), TABLES, group.probabilities)
        more = Bernoulli(self.exception_probability, perfect=False)
        for entry in np.flatnonzero(exceptions):
            encoder.encode(1, more)
            encoder.encode(int(entry), self._place)
            _encode_signed(encoder, int(exceptions[entry]))
        encoder.encode(0, more)
        return self._shortest(encoder.get_compressed(), row)

    def decode(self, data: bytes) -> Integers:
        """The row [entries] that :meth:`encode` made ``data`` of."""
        padded = data + bytes(-len(data) % WORD_BYTES + STATE_BYTES)
        decoder = RangeDecoder(np.frombuffer(padded, ">u4").astype(np.uint32))
        row = np.zeros(self.entries, np.int32)
        for group in self._groups:
            row[group.entries] = decoder.decode(TABLES, group.probabilities) - group.reach
        more = Bernoulli(self.exception_probability, perfect=False)
        while decoder.decode(more):
            entry = decoder.decode(self._place)
            row[entry] += _decode_signed(decoder)
        return row

    def _shortest(self, words: NDArray[np.uint32], row: Integers) -> bytes:
        """Cut the end off that the decoder does not need: it reads zeros there.

        constriction writes whole words, and a point of the final interval after which anything may follow. The first
        bytes of that point, rounded up or down, are the shortest number inside the interval.
        """
        whole = words.astype(">u4").tobytes()
        point = int.from_bytes(whole, "big")

        def cut(length: int) -> bytes | None:
            unit = 1 << 8 * (len(whole) - length)
            for number in (point // unit, -(-point // unit)):
                if number < 1 << 8 * length and self._decodes_to(number.to_bytes(length, "big"), row):
                    return number.to_bytes(length, "big")
            return None

        lengths = range(max(0, len(whole) - STATE_BYTES), len(whole))
        where = bisect_left(lengths, True, key=lambda length: cut(length) is not None)
        return whole if where == len(lengths) else cut(lengths[where]) or b""

    def _decodes_to(self, data: bytes, row: Integers) -> bool:
        try:
            return bool(np.array_equal(self.decode(data), row))
        except (AssertionError, IndexError, OverflowError):  # no encoder writes this: constriction, an entry, a size
            return False


def _encode_signed(encoder: Any, value: int) -> None:
    """Sign and exponential Golomb code of a value other than 0."""
    magnitude = abs(value)
    extra = magnitude.bit_length() - 1
    bits = [int(value < 0), *[1] * extra, 0, *[magnitude >> place & 1 for place in reversed(range(extra))]]
    encoder.encode(np.array(bits, np.int32), Uniform(2))


def _decode_signed(decoder: Any) -> int:
    bit = Uniform(2)
    negative = decoder.decode(bit)
    extra = 0
    while decoder.decode(bit):
        extra += 1
    magnitude = 1
    for _ in range(extra):
        magnitude = 2 * magnitude + int(decoder.decode(bit))
    return -magnitude if negative else magnitude
