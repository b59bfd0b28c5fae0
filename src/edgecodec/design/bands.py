"""Which spatial modes of which cosine bins are worth a coefficient.

The gain of a mode of a bin is the distortion that sending it could save at the highest rate: in every regime, its
variance above the water level. Few bands with as many modes in all their bins take the place of a number for every bin:
the bands that gain most, less a price for every coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edgecodec.design.estimate import EFFICIENCY, Estimator
from edgecodec.model.karhunen_loeve import karhunen_loeve
from edgecodec.model.mixture import water_level
from edgecodec.params import Band

Array = NDArray[np.float64]

BANDS_MAX = 4
GROUPS = 48  # of neighbouring bins, that are told apart
MODES_MAX = 32
STRUCTURED_MAX = 1500  # coefficients that water levels are found from
BELOW_LEVEL = 0.01  # worth of variance under the water level: it may be part of a component that is above


@dataclass(frozen=True, eq=False)
class Gains:
    """Of the modes of groups of bins."""

    edges: NDArray[np.int64]  # [groups + 1] first bin of every group, and the end
    gain: Array  # [groups, modes] per bin

    def bands(self, price: float) -> tuple[Band, ...]:
        """The bands that gain most, if a coefficient costs ``price``; () if nothing is worth it.

        Modes are even in number where that is no more than there are: the firmware pads them to it.
        """
        groups, modes = self.gain.shape
        widths = np.diff(self.edges)
        counts = [count for count in range(1, modes + 1) if count % 2 == 0 or count == modes]
        worth = np.cumsum(self.gain, axis=1)[:, [count - 1 for count in counts]] - price * np.array(counts)
        sums = np.concatenate((np.zeros((1, len(counts))), np.cumsum(worth * widths[:, None], axis=0)))
        best = np.full((BANDS_MAX + 1, groups + 1), -np.inf)
        best[:, 0] = 0
        origin = np.zeros((BANDS_MAX + 1, groups + 1), np.int64)
        for number in range(1, BANDS_MAX + 1):
            for end in range(1, groups + 1):
                values = best[number - 1, :end] + (sums[end] - sums[:end]).max(axis=1)
                origin[number, end] = values.argmax()
                best[number, end] = values.max()
        number, end = map(int, np.unravel_index(best.argmax(), best.shape))
        bands: list[Band] = []
        while end > 0:
            start = int(origin[number, end])
            count = counts[int((sums[end] - sums[start]).argmax())]
            bands.insert(0, (int(self.edges[start]), int(self.edges[end]), count))
            number, end = number - 1, start
        return tuple(bands)

    def alternatives(self, sizes: list[int]) -> list[tuple[Band, ...]]:
        """Bands of about so many coefficients each, without those that are the same."""
        found = []
        for size in sizes:
            low, high = -40.0, 10.0  # log2 of the price
            for _ in range(24):
                price = (low + high) / 2
                low, high = (price, high) if coefficients_of(self.bands(2**price)) > size else (low, price)
            found.append(self.bands(2**high))
        return [bands for bands in dict.fromkeys(found) if bands]


def coefficients_of(bands: tuple[Band, ...]) -> int:
    return sum((end - first) * modes for first, end, modes in bands)


def gains(estimator: Estimator) -> Gains:
    """From the variances of every bin's modes in every regime, against the regimes' water levels."""
    evidence = estimator.evidence
    moving = evidence.bins - 1
    edges = 1 + np.unique(np.linspace(0, moving, min(GROUPS, moving) + 1).round().astype(np.int64))
    modes = min(evidence.channels, MODES_MAX)
    variance = np.zeros((evidence.regimes, len(edges) - 1, modes))
    for group, (first, end) in enumerate(pairwise(edges)):
        band = evidence.moving[:, first - 1 : end - 1]  # [n, bins, channels]
        basis = karhunen_loeve(band.reshape(-1, band.shape[2]).astype(np.float64))[:, :modes]
        energy = np.square(band @ basis.astype(np.float32)).mean(axis=1)  # [n, modes]
        for regime in range(evidence.regimes):
            variance[regime, group] = energy[evidence.regime == regime].mean(axis=0)
    gain = np.zeros(variance.shape[1:])
    for regime, (level, error) in enumerate(_levels(estimator)):
        above = np.maximum(variance[regime] - level, BELOW_LEVEL * variance[regime])
        gain += evidence.share(regime) * above / error
    return Gains(edges, -np.sort(-gain, axis=1) / gain.max())


def _levels(estimator: Estimator) -> list[tuple[float, float]]:
    """Water level at the highest rate, and root of the distortion, of every regime."""
    evidence = estimator.evidence
    modes = max(1, min(8, evidence.channels, STRUCTURED_MAX // (evidence.bins - 1)))
    rotated, energy = estimator.structured(((1, evidence.bins, modes),))
    found = []
    for regime in range(evidence.regimes):
        own = evidence.regime == regime
        sent = rotated[own][:, : max(1, int(own.sum()) // 4)]
        latents = np.concatenate((evidence.means[own], sent), axis=1)
        variance = np.linalg.eigvalsh(np.cov(latents, rowvar=False))
        level = water_level(variance, EFFICIENCY * estimator.bits[-1])
        missing = energy[own].mean() - np.square(sent).sum(axis=1).mean()
        found.append((level, float(np.sqrt(np.minimum(variance, level).sum() + missing))))
    return found
