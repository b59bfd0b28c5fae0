"""Coefficients to integers: one step for all, and by default rounding that weighs error against bits, and centroids."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from typing import Any, cast

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from edgecodec.evaluation.rivals.range_coder import Integers, RangeCoder
from edgecodec.evaluation.rivals.rival import Floats

ITERATIONS = 4  # tables follow indices follow tables; this is where it stands still
LEAST_USE = 5e-4  # share of the rows in which a coefficient must exceed a step to get a table
PRIOR_SHARE = 0.08  # weight of the smooth prior in a table, as a share of the rows counted
SHIFTS = 4  # magnitudes 0, 1, 2, and 3 or more have centroids of their own
SHIFT_PRIOR = 5  # rows' worth of belief that a centroid is in the middle
EXCEPTION_BITS = 24.0  # about what one exception costs
LARGEST_REACH = 1023  # of a table; no step is so fine that training rows go beyond it
LARGEST_INDEX = 2**30
RESERVE_BITS = 1.0  # per row, for the end of the range coder's stream and for rows unlike those seen
HELD_OUT = 4  # a step is chosen on every 4th part of the rows, with tables of the others
BRACKET = 0.4  # first guess of how far the next budget's step is away, in nepers
PRECISION = 0.004  # of a chosen step, in nepers


@dataclass(frozen=True)
class QuantizerDesign:
    """How to round and to restore."""

    bit_price: float = 0.14  # of one bit, in squared steps: what a bit buys by a finer step; 0 does not look at bits
    rounding: float = 0.5  # index = floor(|coefficient| / step + rounding); below 0.5 the dead zone is wider
    centroids: bool = True  # restore at the mean of what an index stands for, not at the middle of its cell


TUNED = QuantizerDesign()  # what measured best


@dataclass(frozen=True)
class ScalarQuantizer:
    """Quantizer and range coder for rows of coefficients at one operating point."""

    step: float
    bit_price: float  # of the design
    rounding: float  # of the design
    entries: int  # coefficients of a row
    coded: NDArray[np.int64]  # [coded], numbers of the coefficients that have a table
    reach: NDArray[np.int64]  # [coded], the largest magnitude in a table
    probabilities: Floats  # [coded, 2 * largest reach + 1] of indices, centred
    shifts: Floats  # [coded, SHIFTS], from the middle of a cell to its centroid, by magnitude
    exception_probability: float

    @cached_property
    def coder(self) -> RangeCoder:
        return RangeCoder(self.entries, self.coded, self.reach, self.probabilities, self.exception_probability)

    def quantize(self, coefficients: Floats) -> Integers:
        """Indices [n, entries] of ``coefficients`` [n, entries] with the least error + price x bits."""
        indices = _rounded(coefficients, self.step, self.rounding)
        where = np.nonzero(indices)  # an index that is rounded to 0 stays 0: that is also the cheapest
        indices[where] = self._weighed(where[1], coefficients[where], indices[where])
        return indices

    def restore(self, indices: Integers) -> Floats:
        """Coefficients [n, entries] at the centroids of ``indices`` [n, entries]."""
        coefficients = np.zeros(indices.shape, np.float32)
        where = np.nonzero(indices)
        coefficients[where] = self._points(where[1], indices[where])
        return coefficients

    def ideal_bits(self, indices: Integers) -> NDArray[np.float64]:
        """Bits [n] that an ideal coder writes."""
        bits = np.full(len(indices), self._costs[:, self._middle].sum(dtype=np.float64))
        rows, entries = np.nonzero(indices)
        more = self._bits(entries, indices[rows, entries]) - self._bits(entries, np.zeros(len(entries), np.int32))
        return cast(NDArray[np.float64], bits + np.bincount(rows, weights=more, minlength=len(indices)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> ScalarQuantizer:
        step, bit_price, rounding, entries, exception_probability = (
            arrays[name].item() for name in ("step", "bit_price", "rounding", "entries", "exception_probability"))
        return cls(step, bit_price, rounding, entries, arrays["coded"], arrays["reach"], arrays["probabilities"],
                   arrays["shifts"], exception_probability)

    # -- one coefficient at a time: arrays over the coefficients that are not zero ---------------------------------

    @property
    def _middle(self) -> int:
        return int(self.probabilities.shape[1] // 2)

    @cached_property
    def _table(self) -> NDArray[np.int64]:
        """[entries] row of the tables; the row after the last where there is none."""
        table = np.full(self.entries, len(self.coded))
        table[self.coded] = np.arange(len(self.coded))
        return table

    @cached_property
    def _costs(self) -> Floats:
        """Bits [coded + 1, indices] of every index; the last row is for coefficients without a table."""
        without = np.zeros((1, self.probabilities.shape[1]))
        without[0, self._middle] = 1
        with np.errstate(divide="ignore"):
            bits = -np.log2(np.concatenate([self.probabilities, without]))
        return cast(Floats, np.minimum(bits, EXCEPTION_BITS).astype(np.float32))

    @cached_property
    def _all_shifts(self) -> Floats:
        return np.concatenate([self.shifts, np.zeros((1, SHIFTS), np.float32)])

    def _weighed(self, entries: NDArray[np.int64], values: Floats, rounded: Integers) -> Integers:
        """The best of: the rounded index, the next one towards zero, and zero."""
        candidates = np.stack([rounded, rounded - np.sign(rounded), np.zeros_like(rounded)])
        distortion = np.square(values - self._points(entries, candidates))
        cost = distortion + np.float32(self.bit_price * self.step**2) * self._bits(entries, candidates)
        return cast(Integers, np.take_along_axis(candidates, cost.argmin(axis=0)[None], axis=0)[0])

    def _bits(self, entries: NDArray[np.int64], indices: Integers) -> Floats:
        """Ideal bits of ``indices`` [..., m], whose coefficients are ``entries`` [m]."""
        beyond = np.abs(indices) > self._middle
        column = np.where(beyond, 0, indices) + self._middle
        return np.where(beyond, np.float32(EXCEPTION_BITS), self._costs[self._table[entries], column])

    def _points(self, entries: NDArray[np.int64], indices: Integers) -> Floats:
        """Values at which ``indices`` [..., m] are restored."""
        shift = self._all_shifts[self._table[entries], np.minimum(np.abs(indices), SHIFTS - 1)]
        return cast(Floats, indices * np.float32(self.step) + np.sign(indices) * shift)


def fit_quantizers(
    coefficients: Floats, budgets: tuple[int, ...], design: QuantizerDesign = TUNED
) -> tuple[ScalarQuantizer, ...]:
    """For ``coefficients`` [n, entries] one quantizer per budget: bits per row, on average, on rows it has not seen.

    A step is chosen on held-out rows; tables and centroids then come from all rows. Where a budget is more than the
    finest step can spend, bits are left over; where it is less than the coarsest step needs, more are used.
    """
    boundary = len(coefficients) - len(coefficients) // HELD_OUT
    seen = coefficients[:boundary]
    unseen = coefficients[boundary:] if boundary < len(coefficients) else seen
    largest = float(np.abs(coefficients).max()) or 1.0
    finest = math.log(largest / LARGEST_REACH)
    coarse = math.log(largest)

    @cache
    def bits(log_step: float) -> float:
        quantizer = fit_at_step(seen, math.exp(log_step), design)
        ideal = quantizer.ideal_bits(quantizer.quantize(unseen))
        return float(np.mean(8 * np.ceil((ideal + RESERVE_BITS) / 8)))

    quantizers = {}
    for budget in sorted(budgets):
        fine = max(finest, coarse - BRACKET)
        while bits(fine) < budget and fine > finest:
            coarse, fine = fine, max(finest, fine - BRACKET)
        if bits(coarse) < budget < bits(fine):
            coarse = scipy.optimize.brentq(lambda x, budget=budget: bits(x) - budget, fine, coarse, xtol=PRECISION)
        elif bits(fine) <= budget:
            coarse = fine
        quantizers[budget] = fit_at_step(coefficients, math.exp(coarse), design)
    return tuple(quantizers[budget] for budget in budgets)


def fit_at_step(coefficients: Floats, step: float, design: QuantizerDesign = TUNED) -> ScalarQuantizer:
    """Tables and centroids for ``coefficients`` [n, entries] at ``step``."""
    n, width = coefficients.shape
    rounded = _rounded(coefficients, step, design.rounding)
    where = np.nonzero(rounded)
    sample = _Sample(n, where[1], coefficients[where], rounded[where])
    uses = np.bincount(sample.entries[np.abs(sample.values) > step], minlength=width)
    coded = np.flatnonzero(uses >= LEAST_USE * n)
    indices = sample.rounded
    for _ in range(ITERATIONS):
        quantizer = _tabulate(step, design, width, coded, sample, indices)
        indices = quantizer._weighed(sample.entries, sample.values, sample.rounded)
    used = np.bincount(sample.entries, weights=indices != 0, minlength=width) > 0
    quantizer = _tabulate(step, design, width, coded[used[coded]], sample, indices)
    indices = quantizer._weighed(sample.entries, sample.values, sample.rounded)
    exceptions = int(np.count_nonzero(indices[quantizer._table[sample.entries] == len(quantizer.coded)]))
    return replace(quantizer, exception_probability=(exceptions + 1) / (exceptions + n + 2))


@dataclass(frozen=True)
class _Sample:
    """The coefficients of training rows whose rounded index is not 0, row by row."""

    rows: int
    entries: NDArray[np.int64]  # [m]
    values: Floats  # [m]
    rounded: Integers  # [m]


def _rounded(coefficients: Floats, step: float, rounding: float) -> Integers:
    magnitude = np.minimum(np.floor(np.abs(coefficients) / step + np.float32(rounding)), LARGEST_INDEX)
    return cast(Integers, (np.sign(coefficients) * magnitude).astype(np.int32))


def _tabulate(
    step: float, design: QuantizerDesign, width: int, coded: NDArray[np.int64], sample: _Sample, indices: Integers
) -> ScalarQuantizer:
    """Count ``indices`` [m] of the sample and average its values, for the entries ``coded``."""
    table = np.full(width, -1)
    table[coded] = np.arange(len(coded))
    counted = (table[sample.entries] >= 0) & (indices != 0)
    table, values, indices = table[sample.entries[counted]], sample.values[counted], indices[counted]
    magnitudes = np.abs(indices)
    reach = np.ones(len(coded), np.int64)
    np.maximum.at(reach, table, np.minimum(magnitudes + 1, LARGEST_REACH))
    beyond = values * np.sign(indices) - magnitudes * np.float32(step)
    return ScalarQuantizer(
        step=step, bit_price=design.bit_price, rounding=design.rounding, entries=width, coded=coded, reach=reach,
        probabilities=_probabilities(sample.rows, table, indices, reach),
        shifts=_shifts(len(coded), table, magnitudes, beyond if design.centroids else np.zeros_like(beyond)),
        exception_probability=0.01,
    )


def _probabilities(rows: int, table: NDArray[np.int64], indices: Integers, reach: NDArray[np.int64]) -> Floats:
    """Histograms of ``indices`` [m], smoothed by a two-sided geometric distribution of the same mean magnitude.

    The prior matters: windows of one recording have nearly the same means, so a histogram of them is full of holes.
    """
    tables = len(reach)
    largest = int(reach.max(initial=0))
    width = 2 * largest + 1
    histogram = np.bincount(table * width + indices + largest, minlength=tables * width).reshape(tables, width)
    histogram[:, largest] = rows - histogram.sum(axis=1)
    magnitude = np.bincount(table, weights=np.abs(indices), minlength=tables) / rows
    values = np.abs(np.arange(-largest, largest + 1))
    prior = (magnitude / (1 + magnitude))[:, None] ** values
    prior[values > reach[:, None]] = 0
    prior /= prior.sum(axis=1, keepdims=True)
    probabilities = (histogram + PRIOR_SHARE * rows * prior) / (rows * (1 + PRIOR_SHARE))
    return cast(Floats, probabilities.astype(np.float32))


def _shifts(tables: int, table: NDArray[np.int64], magnitudes: Integers, beyond: Floats) -> Floats:
    """How far the centroid of a magnitude lies outside the middle of its cell, [tables, SHIFTS]."""
    cell = table * SHIFTS + np.minimum(magnitudes, SHIFTS - 1)
    total = np.bincount(cell, weights=beyond, minlength=tables * SHIFTS)
    count = np.bincount(cell, minlength=tables * SHIFTS)
    return (total / (count + SHIFT_PRIOR)).reshape(tables, SHIFTS).astype(np.float32)
