"""How sure a measured error is: the interval that it would lie in with other recordings of the same kind.

A bootstrap over recordings. Windows of one recording are alike and overlap, so where there are few recordings it is
over stretches of them, and the interval is still the narrower for it: another day is not among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.metrics import RELATIVE, Measure, central
from edgecodec.storage import rounded

DRAWS = 2000
CONFIDENCE = 0.95
LEAST_RECORDINGS, STRETCHES = 5, 20
WIDE = 0.2  # of the error: an interval that reaches farther from it is worth a warning
SEED = 0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Interval:
    """Of the project's metric on one set of windows."""

    low: float
    high: float
    error: float
    resampled: str  # what was drawn anew: "7 recordings"

    @property
    def is_wide(self) -> bool:
        return max(self.high - self.error, self.error - self.low) > WIDE * abs(self.error)

    def to_json(self) -> dict[str, Any]:
        return {"low": rounded(self.low), "high": rounded(self.high), "confidence": CONFIDENCE,
                "resampled": self.resampled, "is_wide": self.is_wide}


def error_interval(rebuilt: Floats, targets: Floats, recording: NDArray[np.str_], measure: Measure) -> Interval:
    """The interval of ``measure`` on windows [n, channels, samples] of the recordings [n], in order."""
    groups, resampled = _groups(recording)
    sums = _sums(rebuilt, targets, groups)  # [figures, groups, channels]
    generator = np.random.default_rng(SEED)
    count = sums.shape[1]
    times = generator.multinomial(count, np.full(count, 1 / count), size=DRAWS)  # [draws, groups]
    drawn = np.sort(_metric(np.einsum("dg,fgc->fdc", times, sums), measure))
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [outside, 1 - outside])
    return Interval(float(low), float(high), float(_metric(sums.sum(axis=1, keepdims=True), measure)[0]), resampled)


def _groups(recording: NDArray[np.str_]) -> tuple[NDArray[np.int64], str]:
    names, group = np.unique(recording, return_inverse=True)
    if len(names) >= LEAST_RECORDINGS:
        return group, f"{len(names)} recordings"
    count = min(STRETCHES, len(recording))
    return np.arange(len(recording)) * count // len(recording), f"{count} stretches of {len(names)} recordings"


def _sums(rebuilt: Floats, targets: Floats, groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of every group and channel: samples, |deviation|, its square, |target|, target and its square about the mean."""
    inner = central(targets.shape[-1])
    target = targets[..., inner].astype(np.float64)
    deviation = np.abs(rebuilt[..., inner] - target)
    centred = target - target.mean(axis=(0, 2), keepdims=True)
    figures = np.stack([np.ones_like(target).sum(axis=2), *(each.sum(axis=2) for each in (
        deviation, np.square(deviation), np.abs(target), centred, np.square(centred)))])  # [figures, n, channels]
    sums = np.zeros((len(figures), int(groups.max()) + 1, target.shape[1]))
    for figure, of_group in zip(figures, sums, strict=True):
        np.add.at(of_group, groups, figure)
    return sums


def _metric(sums: NDArray[np.float64], measure: Measure) -> NDArray[np.float64]:
    """From the sums [figures, draws, channels]: [draws]."""
    samples, deviation, squared, magnitude, centred, centred_squared = sums
    if measure.metric == RELATIVE:
        alive = magnitude.min(axis=0) > 0
        return np.asarray(100 * (deviation[:, alive] / magnitude[:, alive]).mean(axis=1))
    if measure.metric.power == 1:
        return np.asarray((deviation / samples / np.asarray(measure.tolerance, np.float64)).max(axis=1))
    variance = centred_squared - np.square(centred) / samples
    alive = variance.min(axis=0) > 0
    nmse = (squared[:, alive] / variance[:, alive]).mean(axis=1)
    return np.asarray(-10 * np.log10(nmse) if measure.metric.more_is_better else 100 * nmse)
