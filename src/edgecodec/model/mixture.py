"""What regimes the latents have: a mixture of Gaussians (scikit-learn's), told apart by what could be sent of them.

Variances below the water level of the lowest rate are not worth a bit (reverse water-filling; Cover and Thomas,
Elements of Information Theory, section 10.3.3), so regimes must not differ in them: they are the mixture's floor.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

Array = NDArray[np.float64]
ITERATIONS = 20


def water_level(variance: Array, bits: float) -> float:
    """Distortion of every component that is sent, if components of ``variance`` [d] share ``bits``."""
    logarithms = np.log2(np.sort(variance[variance > 0])[::-1])  # of the strongest first
    counts = np.arange(1, len(logarithms) + 1)
    levels = (np.cumsum(logarithms) - 2 * bits) / counts  # log2 of the level if so many were sent
    sent = np.flatnonzero(levels < logarithms)
    return float(np.exp2(levels[sent[-1]])) if len(sent) else float("inf")


def fit_mixture(latents: Array, regimes: int, bits: float) -> GaussianMixture:
    """A mixture of ``regimes`` Gaussians of ``latents`` [n, d], of which a window's packet has ``bits``.

    The search starts from groups of equally many latents, from those with the least spread to those with the most.
    """
    floor = water_level(np.linalg.eigvalsh(np.cov(latents, rowvar=False)).astype(np.float64), bits)
    spread = np.log(np.square(latents - latents.mean(axis=0)) + floor).mean(axis=1)
    groups = [latents[rows] for rows in np.array_split(np.argsort(spread, kind="stable"), regimes)]
    covariances = [np.cov(group, rowvar=False) + floor * np.eye(latents.shape[1]) for group in groups]
    mixture = GaussianMixture(
        regimes, covariance_type="full", reg_covar=floor, max_iter=ITERATIONS, tol=1e-3, random_state=0,
        weights_init=[len(group) / len(latents) for group in groups],
        means_init=[group.mean(axis=0) for group in groups],
        precisions_init=[np.linalg.inv(covariance) for covariance in covariances],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ITERATIONS bound its time: it is where training starts
        return mixture.fit(latents)
