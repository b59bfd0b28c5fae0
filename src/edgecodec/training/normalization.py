"""How windows are scaled before they are encoded: errors of all channels count as they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.windows import WindowBatch
from edgecodec.errors import EdgeCodecError


@dataclass(frozen=True)
class Normalization:
    """Of every channel [channels]: what is subtracted, what the rest is multiplied with, and the mean magnitude."""

    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    magnitude: NDArray[np.float64]


def normalization(drawn: WindowBatch, channel_names: Sequence[str]) -> Normalization:
    """From training windows.

    Raises:
        EdgeCodecError: a channel is constant.
    """
    magnitude = np.abs(drawn.targets).mean(axis=(0, 2), dtype=np.float64)  # [channels]
    noise = (drawn.inputs - drawn.targets).std(axis=(0, 2), dtype=np.float64)  # [channels]
    constant = np.flatnonzero(~((magnitude > 0) & (noise > 0)))
    if len(constant):
        raise EdgeCodecError(f"artifacts/windows: channel {channel_names[constant[0]]} is constant in "
                             "the training windows; leave it out of the preset or of data.array.channels")
    # Squared errors of such normalised channels add up to the relative error that is measured, to first order
    # about the noise floor, which is what the codec's own error comes near to.
    weight = 1 / np.sqrt(magnitude * noise)
    spread = (drawn.targets * weight[:, None]).std(dtype=np.float64)
    return Normalization(drawn.targets.mean(axis=(0, 2), dtype=np.float64), weight / spread, magnitude)
