"""A series: coded windows in a row as one payload. What stays about the same from window to window costs little.

Nothing is trained for it. What is sent of a window is a row of numbers, each with a table of its own: that of coded
packets (:mod:`.scalar`), or an even one. To the table come two guesses: that the number is near the mean of those of
the windows before, and that it is very near. A guess falls by a factor with every step from the mean::

    share of a distance d = (1 - f) / (1 + f) * f ** |d|,    f = 1/4, near; f = 1/32, very near

A number's chance is the weighted mean of the three. Once the number is known, each weight is multiplied by the chance
that its table or guess gave (Bayes' rule). So numbers that stay are soon coded by a guess, and others by their table:
windows that have nothing in common cost what they cost alone.

In integers: table and guesses say of ``x`` how many 65536ths belong to smaller numbers, rounded down. Weights are 256
together, each at least 1. Of the weighted sum, in 256ths rounded down, a share is kept for the ``n`` possible numbers,
so that none has a chance of 0::

    below(x) = (sum // 256 * (65536 - n) >> 16) + x,    below(n) = 65536

The rows go through one range coder (:mod:`.range_coder`): first the rate, then window by window

- of models that make remarks: the code of the estimated error; whether the window is unlike the training; whether there
  are faulty channels: none, those told last, or others, which then follow, a bit for each;
- the regime, and a word per coordinate. In another regime than the window before, coordinates begin anew.

A payload that decodes is the very one that encodes what it decodes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.entropy import PRECISION_BITS, SLOTS, cumulative_frequencies
from edgecodec.packets.range_coder import RangeReader, RangeWriter
from edgecodec.packets.scalar import Scalars

WINDOWS_MAX = 16
_WHOLE_BITS = 16
_WHOLE = 1 << _WHOLE_BITS
_WEIGHTS = 256
_GUESSES = ((2, 16), (5, 32))  # each step from the mean is worth so many bits; weight at first
_LARGEST_SHIFT = _WHOLE_BITS + 1
_ERROR_BITS = 6
_RATE_BITS = 4
_NONE, _LAST, _OTHERS = range(3)  # which channels are faulty


@dataclass(frozen=True)
class _Alphabet:
    """How likely the numbers of one place of the row are."""

    numbers: int
    cumulative: tuple[int, ...]  # of 4096
    fine_bits: int = 0  # of a number, that the table does not tell

    @classmethod
    def even(cls, bits: int) -> _Alphabet:
        return cls(1 << bits, (0, SLOTS), bits)

    @classmethod
    def of(cls, frequencies: NDArray[np.uint16]) -> _Alphabet:
        return cls(len(frequencies), tuple(cumulative_frequencies(frequencies).tolist()))

    def below(self, number: int) -> int:
        """In 65536ths, as the next function."""
        entry, fine = number >> self.fine_bits, number & (1 << self.fine_bits) - 1
        first, end = self.cumulative[entry : entry + 2]
        return (first << _WHOLE_BITS - PRECISION_BITS) + ((end - first << _WHOLE_BITS - PRECISION_BITS) * fine
                                                          >> self.fine_bits)


def _below(bits: int, distance: int) -> int:
    """Of a guess: the share of distances below ``distance``."""
    tail = (_WHOLE << bits) // ((1 << bits) + 1)
    if distance > 0:
        return _WHOLE - (tail >> min(bits * distance, _LARGEST_SHIFT))
    return tail >> min(bits * (1 - distance), _LARGEST_SHIFT)


_ERROR, _EVEN_BIT, _RATE = _Alphabet.even(_ERROR_BITS), _Alphabet.even(1), _Alphabet.even(_RATE_BITS)
_UNLIKE = _Alphabet(2, (0, 3968, SLOTS))
_FAULTY = _Alphabet(3, (0, 3968, 4032, SLOTS))


class _Place:
    """What the windows so far tell about one number of the row."""

    __slots__ = ("_alphabet", "_mean", "_seen", "_sum", "_weights")

    def __init__(self, alphabet: _Alphabet) -> None:
        self._alphabet = alphabet
        self._sum = self._seen = self._mean = 0
        self._weights = [_WEIGHTS, *(0 for _ in _GUESSES)]

    @property
    def numbers(self) -> int:
        return self._alphabet.numbers

    def below(self, number: int) -> int:
        if number == self.numbers:
            return _WHOLE
        if number == 0:
            return 0
        together = sum(weight * each for weight, each in zip(self._weights, self._each_below(number), strict=True))
        return (together // _WEIGHTS * (_WHOLE - self.numbers) >> _WHOLE_BITS) + number

    def learn(self, number: int) -> None:
        if self._seen == 0:
            guesses = [weight for _, weight in _GUESSES]
        else:
            likely = [weight * (end - first) for weight, first, end in zip(
                self._weights, self._each_below(number), self._each_below(number + 1), strict=True)]
            left, total = _WEIGHTS - len(likely), max(sum(likely), 1)
            guesses = [1 + left * each // total for each in likely[1:]]
        self._weights = [_WEIGHTS - sum(guesses), *guesses]
        self._sum += number
        self._seen += 1
        self._mean = (2 * self._sum + self._seen) // (2 * self._seen)

    def _each_below(self, number: int) -> list[int]:
        """By the table, and by every guess."""
        if number == self.numbers:
            return [_WHOLE] * (1 + len(_GUESSES))
        if number == 0:
            return [0] * (1 + len(_GUESSES))
        return [self._alphabet.below(number), *(_below(bits, number - self._mean) for bits, _ in _GUESSES)]


class _Coder(Protocol):
    """Both directions look alike: what is coded goes in, what was coded comes out."""

    def code(self, place: _Place, number: int) -> int: ...


class _Writer:
    def __init__(self) -> None:
        self._range = RangeWriter()

    def code(self, place: _Place, number: int) -> int:
        first, unit = place.below(number), self._range.width >> _WHOLE_BITS
        self._range.narrow(unit * first, unit * (place.below(number + 1) - first))
        return number

    def finish(self) -> bytes:
        return self._range.finish()


class _Reader:
    def __init__(self, payload: bytes) -> None:
        self._range = RangeReader(payload)

    def code(self, place: _Place, number: int) -> int:
        unit = self._range.width >> _WHOLE_BITS
        slot = min(self._range.above // unit, _WHOLE - 1)
        number, end = 0, place.numbers  # below(number) <= slot < below(end)
        while end - number > 1:
            middle = (number + end) // 2
            number, end = (number, middle) if place.below(middle) > slot else (middle, end)
        first = place.below(number)
        self._range.narrow(unit * first, unit * (place.below(number + 1) - first))
        return number


@dataclass(frozen=True, eq=False)
class SeriesWindow:
    """What is sent of a window."""

    regime: int
    words: Sequence[int]  # [coordinates], of the rate
    error_code: int = 0  # of the remarks, as the next two
    unlike: bool = False
    faulty: tuple[bool, ...] | None = None  # [channels]; None: no channel is


@dataclass(frozen=True, eq=False)
class SeriesFormat:
    """What a series of one model looks like."""

    scalars: Scalars
    channels: int
    makes_remarks: bool

    def encode(self, rate: int, windows: Sequence[SeriesWindow]) -> bytes:
        """The payload of 1 to 16 windows."""
        coder = _Writer()
        coder.code(_Place(_RATE), rate - 1)
        rows = _Rows(self, rate, coder)
        for window in windows:
            rows.code(window)
        return coder.finish()

    def decode(self, payload: bytes, count: int) -> tuple[int, list[SeriesWindow]]:
        """The rate, and ``count`` windows.

        Raises:
            EdgeCodecError: no windows have this payload.
        """
        coder = _Reader(payload)
        rate = 1 + coder.code(_Place(_RATE), 0)
        if rate > self.scalars.rates:
            raise EdgeCodecError(f"series: of rate {rate}, but the model has 1 to {self.scalars.rates}; the sender is "
                                 "faulty")
        rows, nothing = _Rows(self, rate, coder), SeriesWindow(0, [0] * self.scalars.coordinates)
        windows = [rows.code(nothing) for _ in range(count)]
        if self.encode(rate, windows) != payload or any(each.faulty and not any(each.faulty) for each in windows):
            raise EdgeCodecError(f"series: no {count} windows have these {len(payload)} bytes; the sender is faulty")
        return rate, windows

    @cached_property
    def of_class(self) -> tuple[_Alphabet, ...]:
        """The words' alphabets."""
        scalars = self.scalars
        return tuple(
            _Alphabet(2 * int(reach) + 1, tuple(cumulative_frequencies(table).tolist()), int(bits))
            for table, reach, bits in zip(scalars.tables, scalars.reach, scalars.fine_bits, strict=True))

    @cached_property
    def of_regimes(self) -> _Alphabet:
        return _Alphabet.of(self.scalars.regime_frequencies)


class _Rows:
    """Codes window after window."""

    def __init__(self, form: SeriesFormat, rate: int, coder: _Coder) -> None:
        self._form, self._rate, self._coder = form, rate, coder
        self._error, self._unlike, self._are_faulty = _Place(_ERROR), _Place(_UNLIKE), _Place(_FAULTY)
        self._faulty: tuple[bool, ...] | None = None  # told last
        self._regime_place, self._regime = _Place(form.of_regimes), -1
        self._coordinates: list[_Place] = []

    def code(self, window: SeriesWindow) -> SeriesWindow:
        error, unlike, faulty = self._code_remarks(window) if self._form.makes_remarks else (0, False, None)
        regime = self._code(self._regime_place, window.regime)
        if regime != self._regime:
            self._regime = regime
            classes = self._form.scalars.classes[self._rate - 1, regime].tolist()
            self._coordinates = [_Place(self._form.of_class[number]) for number in classes]
        words = [self._code(place, word) for place, word in zip(self._coordinates, window.words, strict=True)]
        return SeriesWindow(regime, words, error, unlike, faulty)

    def _code_remarks(self, window: SeriesWindow) -> tuple[int, bool, tuple[bool, ...] | None]:
        error = self._code(self._error, window.error_code)
        unlike = bool(self._code(self._unlike, window.unlike))
        which = _NONE if window.faulty is None else _LAST if window.faulty == self._faulty else _OTHERS
        which = self._code(self._are_faulty, which)
        if which == _OTHERS:
            told = window.faulty or (False,) * self._form.channels
            self._faulty = tuple(bool(self._coder.code(_Place(_EVEN_BIT), each)) for each in told)
        return error, unlike, None if which == _NONE else self._faulty

    def _code(self, place: _Place, number: int) -> int:
        if place.numbers == 1:
            return 0
        coded = self._coder.code(place, number)
        place.learn(coded)
        return coded
