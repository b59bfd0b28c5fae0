"""KLT across channels, DCT in time, rate-distortion optimised scalar quantizer, static range coder: the best rival.

Its microcontroller would spend about 0.3 M MACs on a window.
"""

from __future__ import annotations

from edgecodec.evaluation.rivals.rival import Floats
from edgecodec.evaluation.rivals.transform_codec import TransformCodec

NAME = "klt_dct"


def fit_klt_dct(windows: Floats, band: int, budgets: tuple[int, ...]) -> TransformCodec:
    """Args: ``windows`` [n, channels, samples] to learn from; ``band``, cosine coefficients below the cut-off."""
    return TransformCodec.fit(NAME, windows, band, budgets)
