"""Where the signal of recordings leaves their noise: the low-pass that ``window.lowpass_hz: auto`` stands for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

ABOVE_NOISE = 1.5  # power density, as a multiple of the noise's, that counts as signal
NEIGHBOURS = 3  # frequencies in a row that a signal takes: no line of mains hum, which is as wide
NOISE_PERCENTILE = 10  # of the power densities of all frequencies: the noise's, if it is white
MARGIN = 1.2  # the low-pass cuts so much above the last signal: it is not infinitely steep
HIGHEST = 0.45  # of the sample rate, for signals that fill the whole band
ENDS = 0.02  # of the frequencies at each end say nothing: detrended there, or cut by the converter


def lowpass_of(recordings: Iterable[NDArray[Any]], sample_rate_hz: float, samples: int) -> float:
    """A cut-off in Hz, of two digits, that keeps what rises above the noise in the mean of all channels.

    Args:
        recordings: [channels, samples] each, all with the same channels; one is looked at at a time.
        samples: of a window. A low-pass that leaves less than two cosines of it would leave nothing to compress.
    """
    total: NDArray[np.float64] | None = None
    for values in recordings:
        length = min(samples, values.shape[1])
        density = np.array([signal.welch(channel, fs=sample_rate_hz, nperseg=length, nfft=samples)[1]
                            for channel in values])  # one by one: it takes many times a channel's memory
        total = density if total is None else total + density
    if total is None:
        return HIGHEST * sample_rate_hz
    frequency = np.fft.rfftfreq(samples, 1 / sample_rate_hz)
    inner = slice(max(1, round(ENDS * len(frequency))), len(frequency) - max(1, round(ENDS * len(frequency))))
    smooth = ndimage.median_filter(total, (1, 2 * NEIGHBOURS + 1))[:, inner]
    noise = np.percentile(smooth, NOISE_PERCENTILE, axis=1, keepdims=True)
    alive = noise[:, 0] > 0
    ratio = (smooth[alive] / noise[alive]).mean(axis=0) if alive.any() else np.ones(smooth.shape[1])
    signals = ndimage.binary_opening(ratio > ABOVE_NOISE, np.ones(NEIGHBOURS, dtype=bool))
    if not signals.any():
        return HIGHEST * sample_rate_hz
    last = float(frequency[inner][np.flatnonzero(signals)[-1]])
    least = 2 * sample_rate_hz / samples
    return float(f"{min(HIGHEST * sample_rate_hz, max(least, MARGIN * last)):.2g}")
