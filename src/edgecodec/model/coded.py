"""A quantizer for packets of variable length: coordinates in fine or coarse steps, so that bits follow the window.

Fixed-length indices must spend all their bits on every window. An entropy coder need not: where a regime's principal
directions leave the energy in few coordinates, one step for all of them is next to the optimum (reverse water-filling),
and calm windows cost few bits. :mod:`edgecodec.packets.scalar` defines the quantizer; here it is fitted to latents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.optimize
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgecodec.model.regimes import PacketQuantizer, RegimeQuantizer
from edgecodec.packets.entropy import quantize_frequencies
from edgecodec.packets.indices import Indices
from edgecodec.packets.payloads import CodedPayloads
from edgecodec.packets.scalar import COSTS_OF_A_BIT, LARGEST_REACH, SHIFTS, Scalars, costs_of

CLASSES = 40  # with that of the coordinates that are not sent
CLASSES_TO_OCTAVE = 2  # of the mean magnitude of an index
LEAST_MAGNITUDE = 2.0**-9  # of a mean index, for a coordinate to be sent
REACH_OF_MEAN = 8  # times the largest mean of a class: beyond is one index in 4096 (exp -8), which a table cannot tell
BIT_PRICE = 0.14  # of one bit, in squared steps: what a bit buys by a finer step (measured: the best of .10 to .18)
PRIOR_SHARE = 0.02  # weight of a smooth prior in a table, as a share of what was counted
SHIFT_PRIOR = 5  # counts' worth of belief that a point is in the middle of its cell
STARTING_ROUNDING = 0.38
LEAST_PRICE = -30.0  # of a bit, its logarithm
CODER_BITS = 4.0  # per window, that a coder of whole bytes adds
ROUNDS = 5  # tables follow indices follow tables, steps follow bits, regimes follow prices
FINER, FARTHEST = 0.9, 6.0  # a step tried, and how far a step may go at once, in such steps
TABLED_REACH = 128  # the widest that a table tells to the last bit: finer, neighbours are next to equally likely
LEAST_APART = 0.3  # of two points, in steps
ROUNDINGS = (0.2, 0.5)
WORTH = np.array([COSTS_OF_A_BIT / BIT_PRICE], np.float32)
Floats = NDArray[np.float32]


def _reaches() -> NDArray[np.uint16]:
    """Of every class: by its number alone, so that codecs of one layout have tables of one size."""
    largest_mean = LEAST_MAGNITUDE * 2 ** (np.arange(CLASSES) / CLASSES_TO_OCTAVE)
    reach = np.minimum(LARGEST_REACH, np.ceil(REACH_OF_MEAN * largest_mean) + 1)
    reach[0] = 0
    return np.asarray(reach, np.uint16)


REACH = _reaches()
FINE_BITS = np.maximum(0, np.ceil(np.log2(np.maximum(1, REACH) / TABLED_REACH))).astype(np.uint16)
LENGTHS = (2 * REACH.astype(np.int64) >> FINE_BITS) + 1


class CodedQuantizer(PacketQuantizer):
    """Steps and classes for every regime of ``shared``, in its coordinates."""

    steps: Tensor  # [rates, regimes]
    classes: Tensor  # [rates, regimes, dimension]
    zero: Tensor  # [classes]
    rounding: Tensor  # [classes]
    shifts: Tensor  # [classes, SHIFTS]
    frequencies: Tensor  # of the words of all classes
    regime_frequencies: Tensor  # [regimes]

    def __init__(self, shared: RegimeQuantizer, rates: int) -> None:
        super().__init__()
        self._shared = (shared,)  # in a tuple: no part of this module, whose state it would become
        self.dimension = shared.dimension
        self.stages_of_rate = tuple(range(1, rates + 1))
        start = _start(np.ones((rates, len(shared.regimes))), self.dimension)
        for name, values in _buffers(start).items():
            self.register_buffer(name, torch.from_numpy(values))

    @property
    def scalars(self) -> Scalars:
        """The quantizer as packets know it."""
        frequencies = self.frequencies.numpy().astype(np.uint16)
        steps, regimes = self.steps.numpy(), self.regime_frequencies.numpy().astype(np.uint16)
        return Scalars(
            steps, inverses(steps), WORTH, self.classes.numpy().astype(np.uint16), self.zero.numpy(),
            self.rounding.numpy(),
            self.shifts.numpy(), REACH, FINE_BITS, frequencies, costs_of(frequencies), regimes, costs_of(regimes))

    def into(self, regime: int, latent: Tensor) -> Tensor:
        return self._shared[0].into(regime, latent)

    def out_of(self, regime: int, rotated: Tensor) -> Tensor:
        return self._shared[0].out_of(regime, rotated)

    def payloads(self, tokens: int) -> CodedPayloads:
        return CodedPayloads(self.stages_of_rate, self.dimension, self.scalars)

    @torch.no_grad()
    def encode(self, latent: Tensor) -> Indices:
        scalars = self.scalars
        in_regimes = [self.into(regime, latent)[:, 0].numpy() for regime in range(scalars.regimes)]
        chosen = choose(scalars, in_regimes)
        words = np.zeros((len(latent), scalars.rates, self.dimension), np.uint16)
        for regime, coordinates in enumerate(in_regimes):
            mine = chosen == regime
            for rate in self.stages_of_rate:
                words[mine, rate - 1] = scalars.quantize(coordinates[mine], regime, rate).words
        return Indices(chosen.astype(np.uint16), words)

    @torch.no_grad()
    def decode(self, indices: Indices) -> Tensor:
        rate = indices.words.shape[1]
        restored = torch.from_numpy(self.scalars.restore(indices.words[:, -1], indices.regime, rate))[:, None]
        latent = torch.zeros_like(restored)
        for regime in range(len(self.regime_frequencies)):
            mine = torch.from_numpy(indices.regime == regime)
            latent[mine] = self.out_of(regime, restored[mine])
        return latent

    def fit(self, latents: Sequence[Floats], regime: NDArray[np.int64], errors: Sequence[float],
            bits_of_rate: Sequence[float], watch: Callable[[range], Iterable[int]] = iter) -> None:
        """Set everything from windows.

        Args:
            latents: of all windows, in the coordinates of every regime: [n, dimension] each.
            regime: [n] that windows are in at first. Prices tell better.
            errors: of every regime's windows, beside the mean. A regime's squared step goes with it: where the metric
                is not squared, a squared error adds less to it where errors are large anyway.
            bits_of_rate: mean bits that a window's packet is meant to have, one per rate.
        """
        own = [latent[regime == number] for number, latent in enumerate(latents)]
        steps = np.stack([np.sqrt(common_price(own, errors, bits) * np.asarray(errors) / BIT_PRICE)
                          for bits in bits_of_rate])
        fitted = _start(steps, self.dimension)
        for _ in watch(range(ROUNDS)):
            fitted = _tabulated(_classified(fitted, own), own)
            fitted = _tabulated(_with_bits(fitted, own, bits_of_rate), own)
            regime = choose(fitted, latents)
            own = [latent[regime == number] for number, latent in enumerate(latents)]
        for name, values in _buffers(fitted).items():
            self.get_buffer(name).copy_(torch.from_numpy(values))


def choose(scalars: Scalars, latents: Sequence[Floats]) -> NDArray[np.int64]:
    """The regime [n] with the lowest price, given ``latents`` [n, coordinates] in the coordinates of every regime."""
    tried = [scalars.quantize(own, regime, scalars.deciding_rate) for regime, own in enumerate(latents)]
    prices = scalars.prices(np.stack([each.missed for each in tried], axis=1),
                            np.stack([each.cost for each in tried], axis=1))
    return np.asarray(prices.argmin(axis=1))


def _start(steps: NDArray[np.float64], coordinates: int) -> Scalars:
    """Of one class for all: what a fit begins with, for ``steps`` [rates, regimes]."""
    zero = np.full(CLASSES, 1 - STARTING_ROUNDING, np.float32)
    zero[0] = np.finfo(np.float32).max
    frequencies = np.concatenate([quantize_frequencies(np.ones(length)) for length in LENGTHS.tolist()])
    regimes = quantize_frequencies(np.ones(steps.shape[1]))
    single = steps.astype(np.float32)
    return Scalars(single, inverses(single), WORTH, np.ones((*steps.shape, coordinates), np.uint16), zero,
                   np.full(CLASSES, STARTING_ROUNDING, np.float32), np.zeros((CLASSES, SHIFTS), np.float32), REACH,
                   FINE_BITS, frequencies, costs_of(frequencies), regimes, costs_of(regimes))


def _buffers(scalars: Scalars) -> dict[str, NDArray[Any]]:
    """What a quantizer keeps of ``scalars``, by name."""
    kept = {name: getattr(scalars, name) for name in ("steps", "zero", "rounding", "shifts")}
    return kept | {name: getattr(scalars, name).astype(np.int32)
                   for name in ("classes", "frequencies", "regime_frequencies")}


def inverses(steps: Floats) -> Floats:
    return (np.float32(1) / steps).astype(np.float32)


def common_price(latents: Sequence[Floats], errors: Sequence[float], bits: float) -> float:
    """What a bit is worth in squared latent, per unit of error, if windows are to have ``bits`` on average.

    It is 2 ln 2 times the water level (reverse water-filling). A small latent may have no use for so many; then a bit
    is worth next to nothing.

    Args:
        latents: of every regime, in its principal directions.
        errors: by which each regime's price is multiplied.
    """
    variances = [own.var(axis=0).astype(np.float64) if len(own) else np.zeros(own.shape[1]) for own in latents]
    shares = np.array([len(own) for own in latents]) / sum(map(len, latents))

    def mean_bits(logarithm: float) -> float:
        levels = math.exp(logarithm) * np.asarray(errors) / (2 * math.log(2))
        return float(sum(share * np.log2(np.maximum(variance / level, 1)).sum() / 2
                         for variance, level, share in zip(variances, levels, shares, strict=True)))

    if mean_bits(LEAST_PRICE) < bits:
        return math.exp(LEAST_PRICE)
    return math.exp(scipy.optimize.brentq(lambda logarithm: mean_bits(logarithm) - bits, LEAST_PRICE, 60, xtol=1e-4))


def _classified(scalars: Scalars, own: Sequence[Floats]) -> Scalars:
    """With the classes that the mean indices of the latents ``own`` of every regime ask for."""
    classes = scalars.classes.copy()
    for rate, regime in np.ndindex(*scalars.steps.shape):
        if len(own[regime]):
            index = np.abs(own[regime]) * scalars.inverse_steps[rate, regime] + np.float32(STARTING_ROUNDING)
            octaves = np.log2(np.maximum(np.floor(index).mean(axis=0), 1e-9) / LEAST_MAGNITUDE)
            classes[rate, regime] = np.clip(1 + np.floor(CLASSES_TO_OCTAVE * octaves), 0, CLASSES - 1)
    return replace(scalars, classes=classes)


def _with_bits(scalars: Scalars, own: Sequence[Floats], bits_of_rate: Sequence[float]) -> Scalars:
    """With steps that bring the mean bits of every rate nearer to ``bits_of_rate``: along the secant."""
    finer = _scaled(scalars, np.full(scalars.rates, FINER))
    gained = mean_bits(finer, own) - (now := mean_bits(scalars, own))
    wanted = np.asarray(bits_of_rate) - CODER_BITS - now
    exponent = np.clip(wanted / np.maximum(gained, 1e-3), -FARTHEST, FARTHEST)
    return _scaled(scalars, FINER**exponent)


def _scaled(scalars: Scalars, factors: NDArray[np.float64]) -> Scalars:
    """With steps that are multiplied by the ``factors`` [rates]."""
    steps = (scalars.steps * factors[:, np.newaxis]).astype(np.float32)
    return replace(scalars, steps=steps, inverse_steps=inverses(steps))


def mean_bits(scalars: Scalars, own: Sequence[Floats]) -> NDArray[np.float64]:
    """Of a window's words and of its regime, by rate."""
    return np.array([np.concatenate([
        scalars.quantize(of_regime, regime, rate).cost + int(scalars.regime_costs[regime])
        for regime, of_regime in enumerate(own)]).mean() / COSTS_OF_A_BIT for rate in range(1, scalars.rates + 1)])


@dataclass(frozen=True, eq=False)
class _Counts:
    """Of what has an index in a class."""

    windows: NDArray[np.float64]  # [classes, 1 + largest reach]
    beyond: NDArray[np.float64]  # [classes, 1 + SHIFTS], how far magnitudes lie beyond their index, together


def _counted(scalars: Scalars, own: Sequence[Floats]) -> _Counts:
    windows = np.zeros((CLASSES, 1 + int(REACH.max())))
    beyond = np.zeros((CLASSES, 1 + SHIFTS))
    for rate in range(1, scalars.rates + 1):
        for regime, of_regime in enumerate(own):
            index, over = scalars.indices(of_regime, regime, rate)
            of_class = np.broadcast_to(scalars.classes[rate - 1, regime].astype(np.int64), index.shape)
            windows += np.bincount((of_class * windows.shape[1] + index).ravel(),
                                   minlength=windows.size).reshape(windows.shape)
            cell = of_class * beyond.shape[1] + np.minimum(index, SHIFTS)
            beyond += np.bincount(cell.ravel(), weights=over.ravel(), minlength=beyond.size).reshape(beyond.shape)
    return _Counts(windows, beyond)


def _tabulated(scalars: Scalars, own: Sequence[Floats]) -> Scalars:
    """Tables, points and thresholds from what ``scalars`` make of the latents ``own`` of every regime."""
    counts = _counted(scalars, own)
    of_index = counts.windows[:, 1:]
    shifts = np.zeros((CLASSES, SHIFTS))
    for shift in range(SHIFTS):
        cell = of_index[:, shift] if shift < SHIFTS - 1 else of_index[:, shift:].sum(axis=1)
        shifts[:, shift] = counts.beyond[:, 1 + shift] / (cell + SHIFT_PRIOR)
    tables = [_table(windows, int(reach), int(bits))
              for windows, reach, bits in zip(counts.windows, REACH, FINE_BITS, strict=True)]
    zero, rounding = scalars.zero.copy(), scalars.rounding.copy()
    for number in range(1, CLASSES):
        zero[number], rounding[number] = _thresholds(
            counts.windows[number], tables[number], int(REACH[number]), int(FINE_BITS[number]), shifts[number])
    frequencies = np.concatenate(tables)
    regimes = quantize_frequencies(np.array([len(of_regime) for of_regime in own]) + 1.0)
    return replace(scalars, zero=zero, rounding=rounding, shifts=shifts.astype(np.float32),
                   frequencies=frequencies, costs=costs_of(frequencies), regime_frequencies=regimes,
                   regime_costs=costs_of(regimes))


def _table(windows: NDArray[np.float64], reach: int, fine_bits: int) -> NDArray[np.uint16]:
    """Frequencies of words without their fine bits, alike for both signs, smoothed by a geometric distribution of the
    same mean."""
    index = np.abs(np.arange(-reach, reach + 1))
    total = max(1.0, windows.sum())
    mean = max(LEAST_MAGNITUDE / 4, float(windows @ np.arange(len(windows))) / total)
    prior = (mean / (1 + mean)) ** index
    seen = np.where(index == 0, windows[0], windows[index] / 2)
    each = seen + PRIOR_SHARE * total * prior / prior.sum()
    return quantize_frequencies(np.add.reduceat(each, np.arange(0, len(each), 1 << fine_bits)))


def _thresholds(windows: NDArray[np.float64], table: NDArray[np.uint16], reach: int, fine_bits: int,
                shifts: NDArray[np.float64]) -> tuple[float, float]:
    """From where on an index is 1, and the rounding from there: where an index and the one before cost the same, in
    squared error and bits."""
    bits = costs_of(table)[np.arange(reach, 2 * reach + 1) >> fine_bits] / COSTS_OF_A_BIT
    index = np.arange(1, reach + 1)
    points = np.concatenate([[0.0], index + shifts[np.minimum(index, SHIFTS) - 1]])
    apart = np.maximum(np.diff(points), LEAST_APART)
    edges = (points[1:] + points[:-1]) / 2 + BIT_PRICE * np.diff(bits) / (2 * apart)  # [reach], below index 1, 2 ...
    weights = windows[2 : reach + 1]
    later = np.clip(index[1:] - edges[1:], *ROUNDINGS)
    rounding = float(later @ weights / weights.sum()) if weights.sum() else STARTING_ROUNDING
    return float(max(edges[0], 0.5)), rounding
