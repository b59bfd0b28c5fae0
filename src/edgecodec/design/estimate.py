"""The error that a layout would have, from the covariances of what it sends and the energy of what it leaves out.

Of a regime's windows a codec loses what its latent lacks, and what reverse water-filling loses of the latent's
principal components at a rate. The mean error of all windows goes with the regimes' root mean squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgecodec.design.evidence import Evidence
from edgecodec.evaluation.water_filling import reverse_water_filling
from edgecodec.model.karhunen_loeve import karhunen_loeve
from edgecodec.params import Band

Array = NDArray[np.float64]

EFFICIENCY = 0.8  # bits of an ideal quantizer that do what one bit of ours does (metrics/limits.json)


@dataclass(frozen=True, eq=False)
class Estimator:
    """Of layouts for windows like those of ``evidence``, at ``bits`` of every rate."""

    evidence: Evidence
    bits: Sequence[float]
    _of_bands: dict[tuple[Band, ...], tuple[Array, Array]] = field(default_factory=dict)
    _bases: dict[tuple[int, int], Array] = field(default_factory=dict)  # [channels, channels], by a band's bins
    _distortions: dict[tuple[tuple[Band, ...], int], Array] = field(default_factory=dict)

    def structured(self, bands: tuple[Band, ...]) -> tuple[Array, Array]:
        """Coefficients [n, sum of modes * bins] of the bands, strongest direction first; energy [n] of all bins."""
        if bands not in self._of_bands:
            modes = []
            for first, end, count in bands:
                band = self.evidence.moving[:, first - 1 : end - 1]  # [n, bins, channels]
                if (first, end) not in self._bases:
                    self._bases[first, end] = karhunen_loeve(band.reshape(-1, band.shape[2]).astype(np.float64))
                basis = self._bases[first, end][:, :count]
                modes.append((band @ basis.astype(np.float32)).reshape(len(band), -1))
            joined = np.concatenate(modes, axis=1).astype(np.float64)
            joined -= joined.mean(axis=0)
            energy = np.square(self.evidence.moving).sum(axis=(1, 2), dtype=np.float64) + self.evidence.beyond
            self._of_bands.clear()
            self._of_bands[bands] = joined @ karhunen_loeve(joined), energy
        return self._of_bands[bands]

    def lost(self, bands: tuple[Band, ...], missed: Array) -> float:
        """Energy per window that bins lack before anything is quantized, of what the bands send.

        Args:
            missed: what lacks of bins [n, bins, channels], the mean among them.
        """
        self.structured(bands)
        energy = float(np.square(missed[:, 0]).sum())
        for first, end, count in bands:
            energy += float(np.square(missed[:, first:end] @ self._bases[first, end][:, :count]).sum())
        return energy / len(missed)

    def errors(self, bands: tuple[Band, ...], coefficients: int, lost: float = 0.0) -> Array:
        """Estimated error of every rate, in the unit of normalised windows; ``lost`` as :meth:`lost` has it."""
        if (bands, coefficients) not in self._distortions:
            self._distortions[bands, coefficients] = self._distortion(bands, coefficients)
        shares = np.array([self.evidence.share(regime) for regime in range(self.evidence.regimes)])
        roots = np.sqrt(np.maximum(self._distortions[bands, coefficients] + lost, 0))  # [regimes, rates]
        return np.asarray(shares @ roots / np.sqrt(self.evidence.channels * self.evidence.samples))

    def _distortion(self, bands: tuple[Band, ...], coefficients: int) -> Array:
        """Energy [regimes, rates] that a window loses in the latent and in what the latent lacks."""
        rotated, energy = self.structured(bands)
        latents = np.concatenate((self.evidence.means, rotated[:, :coefficients]), axis=1)
        missing = energy - np.square(rotated[:, :coefficients]).sum(axis=1)
        found = []
        for regime in range(self.evidence.regimes):
            own = self.evidence.regime == regime
            variance = np.maximum(np.linalg.eigvalsh(np.atleast_2d(np.cov(latents[own], rowvar=False))), 0)
            found.append([reverse_water_filling(variance, EFFICIENCY * bits).sum() + missing[own].mean()
                          for bits in self.bits])
        return np.array(found)
