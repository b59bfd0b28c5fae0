"""Orthonormal bases in which data have their energy in few coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def principal_directions(moments: Array) -> Array:
    """Eigenvectors [d, d] of ``moments`` in columns, most energy first; signs fixed: equal data, equal bits."""
    vectors: Array = np.linalg.eigh(moments).eigenvectors[:, ::-1]
    signs: Array = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    return vectors * signs


def karhunen_loeve(x: Array) -> Array:
    """The basis [d, d] of ``x`` [n, d], about zero."""
    return principal_directions(x.T @ x / len(x))
