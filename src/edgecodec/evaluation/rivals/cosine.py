"""Low-passed windows as few cosine coefficients, or as few samples: nothing is left above the cut-off anyway."""

from __future__ import annotations

import math

import numpy as np
import scipy.fft

from edgecodec.evaluation.rivals.rival import Floats

TRANSITION = 1.2  # the band ends this much above the cut-off: the low-pass is not infinitely steep
FOLD = 16  # the number of coefficients is a multiple of this: block codecs like it


def coefficients_in_band(samples: int, sample_rate_hz: float, lowpass_hz: float) -> int:
    """Cosine coefficients that describe a window of ``samples`` that was low-passed at ``lowpass_hz``."""
    exact = 2 * TRANSITION * lowpass_hz * samples / sample_rate_hz
    return min(samples, FOLD * math.ceil(exact / FOLD))


def analyze(windows: Floats, coefficients: int) -> Floats:
    """The first ``coefficients`` of the orthonormal DCT-II along the last axis."""
    return scipy.fft.dct(windows, norm="ortho", axis=-1)[..., :coefficients]


def synthesize(spectrum: Floats, samples: int) -> Floats:
    """Windows of ``samples`` whose first DCT coefficients are ``spectrum``; the others are zero."""
    return scipy.fft.idct(spectrum, n=samples, norm="ortho", axis=-1)


def resample(windows: Floats, samples: int) -> Floats:
    """The windows at another sample rate, [..., ``samples``]; 1 sample is the mean."""
    kept = min(samples, windows.shape[-1])
    gain = np.float32(math.sqrt(samples / windows.shape[-1]))
    return synthesize(analyze(windows, kept) * gain, samples)
