"""Cosine bins back to samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cosines(bins: int, samples: int) -> NDArray[np.float32]:
    """The first ``bins`` orthonormal cosines of a window: [bins, samples]."""
    angles = np.pi / samples * np.outer(np.arange(bins), np.arange(samples) + 0.5)
    rows = np.sqrt(2 / samples) * np.cos(angles)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, np.float32)
