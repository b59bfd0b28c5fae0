"""A sequential test for drift (CUSUM, Page 1954), and the level at which it gives few false alarms.

What an observation has above the allowance is summed up. While nothing drifts, the sum falls; when it has risen by the
level since its lowest point, the drift began there. When it has fallen by the level since its highest point, the drift
ended there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALLOWANCE = 0.25  # standard deviations: a lasting shift of twice as many is found soonest
YEARS = 400  # that are drawn to find a level
ROUNDED = 0.001  # more than what percentiles lose by it: values on a bound stay below it
MINUTES_OF_YEAR = 365.25 * 24 * 60


@dataclass(frozen=True)
class Drift:
    """Numbers of observations."""

    start: int
    found: int  # when the test gave the alarm
    end: int | None  # the first one behind it; None: it goes on


def drifts(observations: Floats, level: float) -> Iterator[Drift]:
    """Of ``observations`` [n], standardized, one behind the other."""
    total = lowest = highest = 0.0
    start = end = 0
    found: int | None = None
    for number, step in enumerate((observations - ALLOWANCE).tolist()):
        total += step
        if found is None:
            if total <= lowest:
                lowest, start = total, number + 1
            elif total - lowest > level:
                found, highest, end = number, total, number + 1
        elif total >= highest:
            highest, end = total, number + 1
        elif highest - total > level:
            yield Drift(start, found, end)
            found, lowest, start = None, total, number + 1
    if found is not None:
        yield Drift(start, found, None)


def alarm_level(drawn: Callable[[np.random.Generator, int], Floats], period_minutes: float,
                false_alarms_per_year: float) -> float:
    """The level for so few false alarms, by years of undisturbed observations, one per period.

    Args:
        drawn: so many such observations, of one node.
    """
    generator = np.random.default_rng(0)
    highest = np.empty(YEARS)
    for year in range(YEARS):
        course = np.cumsum(drawn(generator, round(MINUTES_OF_YEAR / period_minutes)) - ALLOWANCE)
        highest[year] = (course - np.minimum.accumulate(np.minimum(course, 0))).max()
    return float(np.quantile(highest, np.exp(-false_alarms_per_year)))  # so many years have none


def stability_index(percentiles: Sequence[float], observations: Floats) -> float:
    """How far ``observations`` [n] are spread otherwise than they should be (population stability index).

    Over the tenths of the undisturbed distribution; customary limits are 0.1 and 0.25.
    """
    inner = np.unique(percentiles[10:100:10]) + ROUNDED  # packets tell few values: a tenth may end where it begins

    def share(values: Floats) -> Floats:
        counts = np.bincount(np.searchsorted(inner, values), minlength=len(inner) + 1)
        return np.asarray((counts + 0.5) / (counts + 0.5).sum())  # an empty tenth is not infinitely rare

    found, usual = share(observations), share(np.asarray(percentiles))
    return float(((found - usual) * np.log(found / usual)).sum())
