"""How windows are scaled before they are encoded: errors of all channels count as they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.windows import WindowBatch
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import BY_RELATIVE, ERROR_METRICS, RELATIVE, Measure

LARGEST_OFFSET = 16.0  # spreads of a signal that channels may lie apart: a float16 still has all its digits


@dataclass(frozen=True)
class Normalization:
    """Of every channel [channels]: what is subtracted, what the rest is multiplied with, and what counts as one."""

    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    unit: NDArray[np.float64]  # of a deviation, in the metric


def normalization(drawn: WindowBatch, channel_names: Sequence[str], measure: Measure = BY_RELATIVE) -> Normalization:
    """From training windows, for the error that the project goes by.

    Raises:
        EdgeCodecError: a channel is constant.
    """
    unit = _unit(drawn.targets, measure)
    noise = (drawn.inputs - drawn.targets).std(axis=(0, 2), dtype=np.float64)  # [channels]
    constant = np.flatnonzero(~((unit > 0) & (noise > 0)))
    if len(constant):
        raise EdgeCodecError(f"artifacts/windows: channel {channel_names[constant[0]]} is constant in "
                             "the training windows; leave it out of the preset or of data.array.channels")
    # Squared errors of such normalised channels add up to the error that is measured: where it averages squares
    # itself as they are, else to first order about the noise floor, which the codec's own error comes near to.
    weight = 1 / np.sqrt(unit * (noise if measure.metric.power == 1 else unit))
    spread = _spread(drawn.targets * weight[:, None], measure)
    return Normalization(drawn.targets.mean(axis=(0, 2), dtype=np.float64), weight / spread, unit)


def _unit(targets: NDArray[np.float32], measure: Measure) -> NDArray[np.float64]:
    """What counts as one in each channel [channels]. A tolerance is taken for a share of the signal: it weighs
    channels against each other, not the loss against its other parts."""
    unit = measure.metric.unit_of_channels(targets, measure.tolerance)
    if measure.metric == ERROR_METRICS["absolute"]:
        unit *= float(np.mean(targets.std(axis=(0, 2), dtype=np.float64) / unit))
    return unit


def _spread(weighted: NDArray[np.floating[Any]], measure: Measure) -> float:
    """What weighted targets [n, channels, samples] are divided by, to be about 1 and safe in float16.

    By the metric relative that is their spread about one mean for all: a zero that means something counts channels
    that lie apart. Where that is an offset, and no signal, the signal would vanish beside it.
    """
    own = float(np.sqrt(weighted.var(axis=(0, 2), dtype=np.float64).mean()))  # about each channel's mean
    if measure.metric != RELATIVE:
        return own
    return min(float(weighted.std(dtype=np.float64)), LARGEST_OFFSET * own)
