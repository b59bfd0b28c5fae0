"""Adaptive coding of an array of integers: no tables, nothing trained.

Values come row by row. What is coded of a value is its distance to a prediction from the two values on its left; the
weights of the two follow the array by steps of 1/64 (sign-sign LMS). A distance is its magnitude's length in bits, in
unary; the bits below the leading one; a sign. So all is binary decisions. These have adaptive chances:

- those on the length, by the mean of the distances about (two on the left, two in the row above);
- the one on the first bit below the leading one, by the length;
- the one on the sign, by the side to which the prediction was rounded.

The other bits cost a bit each. Every chance moves by 1/32 towards what it sees. Those on lengths begin with what the
mean suggests: as much as a magnitude below 2**n is likelier than one from 2**n on when it decays by that mean.

The decisions go through a range coder (:mod:`.range_coder`), whose bytes follow a first one, which is the caller's. A
payload that decodes is the very one that encodes what it decodes to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgecodec.packets.range_coder import RangeReader, RangeWriter

VALUE_BITS = 26  # of the largest magnitude
_LENGTH_MAX = VALUE_BITS + 1  # bits of a distance, as no prediction is beyond 2**22
_CONTEXTS = 16
_UNARY = 12  # decisions on a length with a chance of their own; those on still longer ones share the last
_CHANCE_BITS = 16
_LEARNING_BITS = 5
_WEIGHT_BITS = 6
_WEIGHT_MAX = 2 << _WEIGHT_BITS
_LEFT_MAX = 1 << 20  # what a value on the left counts at most
_DISTANCE_MAX = 0xFFFF  # what a distance about counts at most: the node keeps a row of them
_MEAN_UNIT = 6


class _Chance:
    """That the next bit is 0."""

    __slots__ = ("zero",)

    def __init__(self, zero: int = 1 << _CHANCE_BITS - 1) -> None:
        self.zero = zero

    def learn(self, bit: int) -> None:
        self.zero += -(self.zero >> _LEARNING_BITS) if bit else (1 << _CHANCE_BITS) - self.zero >> _LEARNING_BITS


class _Coder(Protocol):
    """Both directions look alike: what is coded goes in, what was coded comes out."""

    def code(self, bit: int, chance: _Chance | None = None) -> int:
        """A bit; without a chance, both values are equally likely."""
        ...


def _split(width: int, chance: _Chance | None) -> int:
    return width >> 1 if chance is None else (width >> _CHANCE_BITS) * chance.zero


class _Writer:
    def __init__(self) -> None:
        self._range = RangeWriter()

    def code(self, bit: int, chance: _Chance | None = None) -> int:
        split, width = _split(self._range.width, chance), self._range.width
        self._range.narrow(split, width - split) if bit else self._range.narrow(0, split)
        if chance is not None:
            chance.learn(bit)
        return bit

    def finish(self) -> bytes:
        return self._range.finish()


class _Reader:
    def __init__(self, payload: bytes) -> None:
        self._range = RangeReader(payload)

    def code(self, bit: int, chance: _Chance | None = None) -> int:
        split, width = _split(self._range.width, chance), self._range.width
        bit = int(self._range.above >= split)
        self._range.narrow(split, width - split) if bit else self._range.narrow(0, split)
        if chance is not None:
            chance.learn(bit)
        return bit


class _Model:
    """What the values so far tell about the next one."""

    def __init__(self, coder: _Coder, columns: int) -> None:
        self._coder = coder
        self._lengths = [[_Chance(_first_chance(context, length)) for length in range(_UNARY)]
                         for context in range(_CONTEXTS)]
        self._leading = [_Chance() for _ in range(_LENGTH_MAX + 1)]
        self._signs = [_Chance() for _ in range(3)]
        self._weights = [1 << _WEIGHT_BITS - 1, 0]
        self._distances = [0] * columns  # magnitudes: this row's on the left, from the present column on those above

    def code_row(self, row: Iterable[int]) -> Iterator[int]:
        left = [0, 0]
        for column, value in enumerate(row):
            coded = self._code_value(value, left, column)
            left = [max(-_LEFT_MAX, min(coded, _LEFT_MAX)), left[0]]
            yield coded

    def _code_value(self, value: int, left: list[int], column: int) -> int:
        predicted = sum(weight * beside for weight, beside in zip(self._weights, left, strict=True))
        nearest = predicted + (1 << _WEIGHT_BITS - 1) >> _WEIGHT_BITS
        beyond = _sign((nearest << _WEIGHT_BITS) - predicted)
        distance = self._code_distance(value - nearest, self._context(column), 1 + beyond)
        self._distances[column] = min(abs(distance), _DISTANCE_MAX)
        step = _sign(distance) or beyond
        self._weights = [max(-_WEIGHT_MAX, min(weight + step * _sign(beside), _WEIGHT_MAX))
                         for weight, beside in zip(self._weights, left, strict=True)]
        return nearest + distance

    def _context(self, column: int) -> int:
        """Of the mean: itself, then two to an octave."""
        above = self._distances[column]
        right = self._distances[column + 1] if column + 1 < len(self._distances) else above
        first = self._distances[column - 1] if column > 0 else above
        second = self._distances[column - 2] if column > 1 else first
        mean = 2 * first + second + 2 * above + right  # in sixths
        octave = max(mean.bit_length() - 2, 0)
        return min(2 * octave + (mean >> octave), _CONTEXTS - 1)

    def _code_distance(self, distance: int, context: int, side: int) -> int:
        magnitude = abs(distance)
        chances = self._lengths[context]
        length = 0
        while length < _LENGTH_MAX and self._coder.code(magnitude.bit_length() > length,
                                                        chances[min(length, _UNARY - 1)]):
            length += 1
        if length == 0:
            return 0
        coded = 1
        for place in reversed(range(length - 1)):
            chance = self._leading[length] if place == length - 2 else None
            coded = coded << 1 | self._coder.code(magnitude >> place & 1, chance)
        return -coded if self._coder.code(distance < 0, self._signs[side]) else coded


def _first_chance(context: int, length: int) -> int:
    octave = max(context // 2 - 1, 0)
    least_mean = context - 2 * octave << octave
    limit = _MEAN_UNIT << length
    return (limit << _CHANCE_BITS) // (limit + least_mean + 2)


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def encode_integers(first: int, values: NDArray[np.int32]) -> bytes:
    """The payload of ``values`` [rows, columns], magnitudes below 2**26, behind the byte ``first``."""
    coder = _Writer()
    model = _Model(coder, values.shape[1])
    for row in values.tolist():
        for _ in model.code_row(row):
            pass
    return bytes([first]) + coder.finish()


def decode_integers(payload: bytes, rows: int, columns: int) -> NDArray[np.int32] | None:
    """The values [rows, columns] behind the payload's first byte; None if no values have such a payload."""
    model = _Model(_Reader(payload[1:]), columns)
    values = np.array([list(model.code_row([0] * columns)) for _ in range(rows)], np.int64)
    if np.abs(values).max() >= 1 << VALUE_BITS:
        return None
    decoded = values.astype(np.int32)
    return decoded if encode_integers(payload[0], decoded) == payload else None
