"""The least error that any quantizer could leave in Gaussian latents at a given number of bits.

Reverse water-filling (Cover and Thomas, Elements of Information Theory, theorem 10.3.3): of independent components of
variance v_i, those above the water level t are sent with log2(v_i / t) / 2 bits each and keep the distortion t; the
others are not sent and keep v_i. The level follows from the bits. Components of a correlated latent are those along the
eigenvectors of its covariance.

Latents of the same covariance that are not Gaussian can do with fewer bits, and a code for single windows needs more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecodec.model.mixture import water_level

Array = NDArray[np.float64]


def reverse_water_filling(variance: Array, bits: float) -> Array:
    """Distortion [d] of components with ``variance`` [d] that share ``bits``."""
    return np.minimum(variance, water_level(variance, bits))


@dataclass(frozen=True)
class GaussianClass:
    """Latents of one class."""

    centre: Array  # [d]
    basis: Array  # [d, d] eigenvectors in columns
    variance: Array  # [d] along them

    @classmethod
    def fit(cls, latents: Array) -> GaussianClass:
        """From ``latents`` [n, d]."""
        centre = latents.mean(axis=0)
        variance, basis = np.linalg.eigh(np.cov(latents - centre, rowvar=False, bias=True))
        return cls(centre, basis, np.maximum(variance, 0))

    def component_bits(self, bits: float) -> Array:
        """Share [d] of each eigenvector in ``bits``."""
        distortion = reverse_water_filling(self.variance, bits)
        return 0.5 * np.log2(np.divide(self.variance, distortion, out=np.ones_like(distortion), where=distortion > 0))

    def coefficient_bits(self, bits: float) -> Array:
        """Share [d] of each latent coefficient in ``bits``: an eigenvector's are split by the energy of its entries."""
        return np.asarray(np.square(self.basis) @ self.component_bits(bits))

    def quantize(self, latents: Array, bits: float, noise: Array) -> Array:
        """What arrives of ``latents`` [n, d] through the best channel for ``bits`` (Cover and Thomas, section 10.3.2).

        A component of variance v and distortion t arrives as (1 - t/v) of itself plus ``noise`` [n, d] (standard
        normal) of variance t (1 - t/v): the mean squared error is t.
        """
        distortion = reverse_water_filling(self.variance, bits)
        kept = 1 - np.divide(distortion, self.variance, out=np.ones_like(distortion), where=self.variance > 0)
        components = (latents - self.centre) @ self.basis
        return np.asarray((kept * components + np.sqrt(distortion * kept) * noise) @ self.basis.T + self.centre)


@dataclass(frozen=True)
class GaussianModel:
    """A class index, sent first, and Gaussian latents given the class."""

    classes: dict[int, GaussianClass]
    shares: dict[int, float]  # of all latents

    @classmethod
    def fit(cls, latents: Array, class_of: NDArray[np.int64]) -> GaussianModel:
        """Args: ``latents`` [n, d]; ``class_of`` [n]."""
        names = [int(name) for name in np.unique(class_of)]
        return cls({name: GaussianClass.fit(latents[class_of == name]) for name in names},
                   {name: float(np.mean(class_of == name)) for name in names})

    @property
    def class_bits(self) -> float:
        """What the class index costs."""
        share = np.array(list(self.shares.values()))
        return abs(float(np.sum(share * np.log2(share))))

    def quantize(self, latents: Array, class_of: NDArray[np.int64], bits: float,
                 generator: np.random.Generator) -> Array:
        """What arrives of ``latents`` [n, d] if every window gets ``bits``, its class index among them."""
        noise = generator.standard_normal(latents.shape)
        arrived = np.empty_like(latents)
        for name, gaussian in self.classes.items():
            own = class_of == name
            arrived[own] = gaussian.quantize(latents[own], bits - self.class_bits, noise[own])
        return arrived

    def coefficient_bits(self, bits: float) -> Array:
        """Mean share [d] of each latent coefficient in ``bits``, the class index left out."""
        return np.asarray(sum(self.shares[name] * gaussian.coefficient_bits(bits - self.class_bits)
                              for name, gaussian in self.classes.items()))

    def components_sent(self, bits: float) -> float:
        """Mean number of components above the water level."""
        return sum(self.shares[name] * np.count_nonzero(gaussian.component_bits(bits - self.class_bits) > 0)
                   for name, gaussian in self.classes.items())
