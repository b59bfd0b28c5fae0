"""Recordings of another rate, or with uneven time stamps, brought to even samples at one rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, signal

from edgecodec.data.table import Samples
from edgecodec.data.time_base import rate_of

LARGEST_STEP = 3.0  # periods without a sample: from there on it is a gap, which stays one
LARGEST_FACTOR = 10_000
SAME_RATE = 1e-3  # of the rate, below which two are the same
Floats = NDArray[np.float64]


def to_rate(samples: Samples, sample_rate_hz: float) -> Samples:
    """``samples`` at another rate, by a polyphase filter; between gaps, each part for itself."""
    found = rate_of(samples.time_seconds)
    if found is None or abs(found / sample_rate_hz - 1) <= SAME_RATE:
        return samples
    factor = Fraction(sample_rate_hz / found).limit_denominator(LARGEST_FACTOR)

    def resample(time: Floats, values: Floats) -> tuple[Floats, Floats]:
        made = signal.resample_poly(values, factor.numerator, factor.denominator, axis=1, padtype="line")
        return time[0] + np.arange(made.shape[1]) / sample_rate_hz, made

    return _by_parts(samples, found, resample)


def to_even_times(samples: Samples) -> Samples:
    """``samples`` at even times of the same rate, by cubic interpolation between the stamps; gaps stay."""
    found = rate_of(samples.time_seconds)
    if found is None or (np.diff(samples.time_seconds) <= 0).any():
        return samples  # whose time validation refuses

    def resample(time: Floats, values: Floats) -> tuple[Floats, Floats]:
        if len(time) < 2:
            return time, values
        even = time[0] + np.arange(math.floor((time[-1] - time[0]) * found + SAME_RATE) + 1) / found
        return even, interpolate.CubicSpline(time, values, axis=1)(even)

    return _by_parts(samples, found, resample)


def _by_parts(samples: Samples, rate: float, resample: Callable[[Floats, Floats], tuple[Floats, Floats]]) -> Samples:
    time = samples.time_seconds
    if not np.isfinite(time).all() or not np.isfinite(samples.values).all():
        return samples  # which validation refuses
    cuts = np.flatnonzero(np.diff(time) > LARGEST_STEP / rate) + 1
    parts = [resample(times, values.astype(np.float64)) for times, values in zip(
        np.split(time, cuts), np.split(samples.values, cuts, axis=1), strict=True)]
    return replace(samples, time_seconds=np.concatenate([times for times, _ in parts]),
                   values=np.concatenate([values for _, values in parts], axis=1).astype(np.float32))
