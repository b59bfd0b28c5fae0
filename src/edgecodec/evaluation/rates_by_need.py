"""Rates by need: every window at the lowest rate that keeps a bound, as nodes choose it by their estimate.

Beside one rate for all windows, and beside a rival, at the same mean bits. The rival has one budget for all windows, or
chooses among its budgets by need as well: by the true error, which no node knows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.evaluation.rate_distortion import Curve, RatePoint, at_equal_bits
from edgecodec.evaluation.remarks import Remarked, bound_json, estimate_json, open_escapes, rates_within
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.metrics import Measure, errors, errors_of_windows
from edgecodec.packets.network import ExportedCodec
from edgecodec.progress import progress
from edgecodec.storage import rounded

Floats = NDArray[np.float32]
BETWEEN = (1 / 8, 1 / 4, 1 / 2, 3 / 4)  # of the way from the mean bits of the lowest rate to those of the highest
CURVE_BOUNDS = 33  # that a rival's curve runs through


@dataclass(frozen=True, eq=False)
class Chosen:
    """Rates for n windows."""

    rate: NDArray[np.int64]  # [n], from 0
    held: NDArray[np.bool_]  # [n], whether it keeps the bound
    bits: NDArray[np.float64]  # [n]
    rebuilt: Floats  # [n, channels, samples]


@dataclass(frozen=True, eq=False)
class EveryRate:
    """What n windows take at every rate of a sender, and what comes back."""

    rebuilt: Sequence[Floats]  # by rate: [n, channels, samples]
    bits: NDArray[np.float64]  # [n, rates]
    bounds: NDArray[np.floating[Any]]  # [n, rates], per cent: the lowest that each rate keeps, as the sender knows it

    @classmethod
    def of_node(cls, found: Remarked) -> EveryRate:
        return cls(found.rebuilt, found.bits.astype(np.float64), found.bounds)

    @classmethod
    def of_rival(cls, rival: Rival, targets: Floats) -> EveryRate:
        """Its budgets are rates. It knows the true errors of windows [n, channels, samples]."""
        windows = [tuple(rival.compress(target[np.newaxis])) for target in progress(targets, rival.name)]
        rebuilt = [np.concatenate([each.reconstruction for each in of_budget])
                   for of_budget in zip(*windows, strict=True)]
        everything = np.ones(targets.shape[:2], bool)
        return cls(rebuilt, np.array([[each.bits_per_window for each in window] for window in windows]),
                   np.stack([errors_of_windows(each, targets, everything) for each in rebuilt], axis=1))

    def within(self, bound_percent: float) -> Chosen:
        """The lowest rates that keep a bound; where none does, the highest."""
        rates, held = rates_within(self.bounds, bound_percent)
        return Chosen(rates, held, self.bits[np.arange(len(rates)), rates],
                      np.stack([self.rebuilt[rate][window] for window, rate in enumerate(rates)]))

    def mean_bits(self, bound_percent: float) -> float:
        rates, _ = rates_within(self.bounds, bound_percent)
        return float(self.bits[np.arange(len(rates)), rates].mean())

    def bound_at(self, mean_bits: float) -> float:
        """The lowest bound that takes no more than ``mean_bits``, which the lowest rate must not exceed."""
        bounds = np.unique(self.bounds)
        return float(bounds[bisect_left(bounds, -mean_bits, key=lambda bound: -self.mean_bits(bound))])

    def at_one_rate(self, targets: Floats, measure: Measure) -> Curve:
        """All windows at the same rate."""
        return Curve(tuple(_point(bits, rebuilt, targets, measure)
                           for bits, rebuilt in zip(self.bits.T, self.rebuilt, strict=True)), measure.metric)

    def by_need(self, targets: Floats, measure: Measure) -> Curve:
        """All windows within the same bound."""
        bounds = np.quantile(self.bounds, np.linspace(0, 1, CURVE_BOUNDS))
        chosen = (self.within(bound) for bound in progress(bounds, "by need"))
        return Curve(tuple(_point(each.bits, each.rebuilt, targets, measure) for each in chosen), measure.metric)


def references(rival: Rival, targets: Floats, measure: Measure) -> dict[str, Curve]:
    """The curves of a rival on windows [n, channels, samples], by name."""
    every = EveryRate.of_rival(rival, targets)
    return {rival.name: every.at_one_rate(targets, measure), f"{rival.name}_by_need": every.by_need(targets, measure)}


def need_json(found: Remarked, targets: Floats, bound_percent: float, beside: Mapping[str, Curve], measure: Measure,
              exported: ExportedCodec, escape: Callable[[int], bytes]) -> dict[str, Any]:
    """What one kind of packets says of windows [n, channels, samples], and what choosing by that brings.

    Args:
        beside: the rival's curves.
        escape: of a window by its number, within ``bound_percent``.
    """
    every = EveryRate.of_node(found)
    beside = {"one_rate": every.at_one_rate(targets, measure), **beside}
    lowest, highest = found.bits[:, 0].mean(), found.bits[:, -1].mean()
    bounds = [every.bound_at(lowest + share * (highest - lowest)) for share in BETWEEN]
    return {
        "called_unlike": rounded(float((found.remarks.unlike > 1).mean())),
        "estimates": estimate_json(found),
        "within": {
            **_choice_json(found, every, bound_percent, targets, beside, measure),
            "with_escapes": _escapes_json(found, every.within(bound_percent), targets, measure, exported, escape),
        },
        "at_mean_bits": [_choice_json(found, every, bound, targets, beside, measure) for bound in bounds],
    }


def _choice_json(found: Remarked, every: EveryRate, bound_percent: float, targets: Floats,
                 beside: Mapping[str, Curve], measure: Measure) -> dict[str, Any]:
    chosen = every.within(bound_percent)
    point = _point(chosen.bits, chosen.rebuilt, targets, measure)
    equal = {name: at_equal_bits(point, curve) for name, curve in beside.items()}
    return {
        **bound_json(found, bound_percent),
        measure.metric.field: rounded(measure.metric.of(point.errors)),
        "over_at_lowest_rate": rounded(float((found.error_percent[:, 0] > bound_percent).mean())),
        "largest_error_percent": rounded(float(found.error_percent[np.arange(len(targets)), chosen.rate].max())),
        "at_equal_bits": {name: one.to_json() for name, one in equal.items() if one is not None},
    }


def _escapes_json(found: Remarked, chosen: Chosen, targets: Floats, measure: Measure, exported: ExportedCodec,
                  escape: Callable[[int], bytes]) -> dict[str, Any]:
    """The same with an escape for every window that no rate holds."""
    over = np.flatnonzero(~chosen.held)
    bits, rebuilt = chosen.bits.copy(), chosen.rebuilt.copy()
    bits[over], rebuilt[over] = open_escapes(exported, [escape(window) for window in over.tolist()])
    return {
        "mean_bits": rounded(float(bits.mean())),
        "mean_bits_of_escapes": rounded(float(bits[over].mean())) if over.size else None,
        measure.metric.field: rounded(measure.metric.of(_point(bits, rebuilt, targets, measure).errors)),
        "largest_error_percent": rounded(float(errors_of_windows(rebuilt, targets, ~found.remarks.faulty).max())),
    }


def _point(bits: NDArray[np.float64], rebuilt: Floats, targets: Floats, measure: Measure) -> RatePoint:
    return RatePoint(None, float(bits.mean()), errors(rebuilt, targets, tolerance=measure.tolerance), "")
