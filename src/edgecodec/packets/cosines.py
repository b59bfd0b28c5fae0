"""Cosine bins back to samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecodec.packets.network import ExportedCodec


def cosines(bins: int, samples: int) -> NDArray[np.float32]:
    """The first ``bins`` orthonormal cosines of a window: [bins, samples]."""
    angles = np.pi / samples * np.outer(np.arange(bins), np.arange(samples) + 0.5)
    rows = np.sqrt(2 / samples) * np.cos(angles)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, np.float32)


def samples_of(codec: ExportedCodec, bins: NDArray[np.float32], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """The window [channels, samples] that has these ``bins`` [channels, bins].

    One window by itself: a product of several may add up in another order.

    Args:
        basis: :func:`cosines` of as many bins and of the codec's samples.
    """
    offset, scale = (of_channels[:, np.newaxis] for of_channels in codec.normalization)
    window: NDArray[np.float32] = (bins @ basis) / scale + offset
    return window
