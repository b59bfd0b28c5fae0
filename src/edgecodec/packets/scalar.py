"""The quantizer of coded packets: every coordinate of a latent becomes an integer by itself, and likely ones are short.

At each rate a regime has a step, and each of its coordinates a class. Coordinates of one class are about equally wide
in steps, so they share a table of frequencies, and what was fitted to it. In float32, operation by operation:

    magnitude = |coordinate| * inverse step
    index     = 0 below ``zero``; else the floor of magnitude + ``rounding``, at least 1 and at most ``reach``
    missed    = (magnitude - index) - shift,          shift = 0 for index 0, else ``shifts[min(index, 3) - 1]``
    restored  = (index + shift) * step: about the mean of what has this index

Both thresholds weigh error against bits: a wide dead zone, and rounding towards what is cheaper. The word that is sent
is ``reach + index``, or ``reach - index`` for a negative coordinate. Class 0 sends nothing: reach 0. Of the words of
wide classes the table tells all but the last ``fine_bits``, which follow as they are.

The energy that is missed is the sum of missed * missed, one coordinate after the other, in squared steps. At one rate,
the deciding one, all regimes quantize the window. A regime's price is the energy times ``worth``, plus the cost of its
words and of itself, in 256ths of a bit; the lowest price wins, the lowest regime among equals. Every other rate
quantizes the same latent anew, in that regime: a rate is no prefix of another one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.packets.entropy import PRECISION_BITS, SLOTS, EntropyTables

COSTS_OF_A_BIT = 256
LARGEST_REACH = 2**15 - 1
SHIFTS = 3  # indices 1, 2, and 3 or more
Single = NDArray[np.float32]
Words = NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Quantized:
    """Of n latents, in one regime and at one rate."""

    words: Words  # [n, coordinates]
    missed: Single  # [n], in squared steps
    cost: NDArray[np.int64]  # [n], of the words, in 256ths of a bit


@dataclass(frozen=True, eq=False)
class Scalars:
    """Steps, classes and tables for latents of some coordinates."""

    steps: Single  # [rates, regimes]
    inverse_steps: Single  # [rates, regimes]
    worth: Single  # [1], of a squared step, in 256ths of a bit
    classes: Words  # [rates, regimes, coordinates]
    zero: Single  # [classes]
    rounding: Single  # [classes]
    shifts: Single  # [classes, SHIFTS]
    reach: Words  # [classes]
    fine_bits: Words  # [classes]
    frequencies: Words  # of 4096, the tables of class 0, class 1 ...
    costs: Words  # of the same entries, in 256ths of a bit
    regime_frequencies: Words  # [regimes]
    regime_costs: Words  # [regimes]

    @property
    def rates(self) -> int:
        return len(self.steps)

    @property
    def deciding_rate(self) -> int:
        """The middle one, or the one before."""
        return (self.rates + 1) // 2

    @property
    def regimes(self) -> int:
        return int(self.classes.shape[1])

    @property
    def coordinates(self) -> int:
        return int(self.classes.shape[2])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Entries of every class's table: [classes]."""
        return np.asarray((2 * self.reach.astype(np.int64) >> self.fine_bits) + 1)

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Where in ``frequencies`` and ``costs`` each class begins, and the end: [classes + 1]."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @cached_property
    def tables(self) -> tuple[Words, ...]:
        """The frequencies of every class."""
        return tuple(np.split(self.frequencies, self.first[1:-1]))

    @cached_property
    def entropy_tables(self) -> tuple[EntropyTables, ...]:
        """Of every rate, for :meth:`symbols`."""
        of_class = [(table, np.full(1 << bits, SLOTS >> bits, np.uint16))
                    for table, bits in zip(self.tables, self.fine_bits.tolist(), strict=True)]
        return tuple(EntropyTables(self.regime_frequencies, tuple(
            tuple(table for number in of_regime for table in of_class[number]) for of_regime in of_rate))
            for of_rate in self.classes)

    def symbols(self, regime: Words, words: Words, rate: int) -> NDArray[np.int64]:
        """What the entropy coder writes of n windows, [n, 1 + 2 * coordinates]: ``regime`` [n], and of every one of
        ``words`` [n, coordinates] the table's entry and the fine bits."""
        bits, wide = self.fine_bits[self.classes[rate - 1][regime]], words.astype(np.int64)
        parts = np.stack([wide >> bits, wide & (1 << bits.astype(np.int64)) - 1], axis=2)
        return np.column_stack([regime.astype(np.int64), parts.reshape(len(words), 2 * words.shape[1])])

    def words_of(self, symbols: NDArray[np.integer[Any]], rate: int) -> tuple[Words, Words]:
        """The way back: regime [n] and words [n, coordinates]."""
        regime, parts = symbols[:, 0].astype(np.uint16), symbols[:, 1:].astype(np.int64).reshape(len(symbols), -1, 2)
        bits = self.fine_bits[self.classes[rate - 1][regime]]
        return regime, (parts[..., 0] << bits | parts[..., 1]).astype(np.uint16)

    def largest_words(self, regime: Words, rate: int) -> NDArray[np.int64]:
        """[n, coordinates] that windows of ``regime`` [n] may have."""
        return np.asarray(2 * self.reach[self.classes[rate - 1][regime]].astype(np.int64))

    def payload_bytes(self, rate: int) -> int:
        """That are enough for any window."""
        return self.entropy_tables[rate - 1].size(2 * self.coordinates)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def indices(self, latents: NDArray[np.floating[Any]], regime: int, rate: int) -> tuple[NDArray[np.int64], Single]:
        """The indices [n, coordinates] without sign, and how far the magnitudes lie beyond them."""
        of_class = self.classes[rate - 1, regime]
        magnitude = np.abs(latents.astype(np.float32)) * self.inverse_steps[rate - 1, regime]
        rounded = np.minimum(magnitude + self.rounding[of_class], np.float32(LARGEST_REACH + 1)).astype(np.int64)
        index = np.minimum(np.maximum(rounded, 1), self.reach[of_class].astype(np.int64))
        index = np.where(magnitude < self.zero[of_class], 0, index)
        return index, magnitude - index.astype(np.float32)

    def quantize(self, latents: NDArray[np.floating[Any]], regime: int, rate: int) -> Quantized:
        """``latents`` [n, coordinates] in the coordinates of ``regime``, at ``rate``."""
        of_class = self.classes[rate - 1, regime]
        index, beyond = self.indices(latents, regime, rate)
        missed = beyond - self._shifts(of_class, index)
        words = self.reach[of_class] + np.where(latents < 0, -index, index)
        bits = self.fine_bits[of_class].astype(np.int64)
        costs = self.costs[self.first[of_class] + (words >> bits)] + COSTS_OF_A_BIT * bits
        cost = costs.sum(axis=1, dtype=np.int64)
        return Quantized(words.astype(np.uint16), np.add.accumulate(missed * missed, axis=1)[:, -1], cost)

    def prices(self, missed: Single, cost: NDArray[np.int64]) -> Single:
        """Of n windows [n, regimes], that quantized to these in the regimes."""
        return np.asarray(missed * self.worth + (cost + self.regime_costs).astype(np.float32), np.float32)

    def left(self, missed: Single, regime: NDArray[Any] | int, rate: int) -> Single:
        """The energy that is missed, in squared units of the latent."""
        step = self.steps[rate - 1, regime]
        return np.asarray(missed * (step * step), np.float32)

    def restore(self, words: Words, regime: NDArray[np.uint16], rate: int) -> Single:
        """The latents [n, coordinates] of ``words`` [n, coordinates], each in the coordinates of its ``regime`` [n]."""
        of_class = self.classes[rate - 1][regime]
        index = words.astype(np.int64) - self.reach[of_class]
        magnitude = np.abs(index)
        points = magnitude.astype(np.float32) + self._shifts(of_class, magnitude)
        restored = points * self.steps[rate - 1, regime, np.newaxis]
        return np.asarray(np.where(index < 0, -restored, restored), np.float32)

    def _shifts(self, of_class: Words, index: NDArray[np.int64]) -> Single:
        shift = self.shifts[of_class, np.clip(index, 1, SHIFTS) - 1]
        return np.asarray(np.where(index == 0, np.float32(0), shift), np.float32)


def costs_of(frequencies: NDArray[np.uint16]) -> Words:
    """What words of such frequencies cost, in 256ths of a bit."""
    bits = PRECISION_BITS - np.log2(frequencies.astype(np.float64))
    return np.round(COSTS_OF_A_BIT * bits).astype(np.uint16)
