"""The KLT + DCT codec as it is usually built: one KLT, relative weights, a dead zone, static tables, and no more.

It is no rival at its best; that is :mod:`~edgecodec.evaluation.rivals.klt_dct`. It stands beside it because results
of learned codecs, ours among them, have been stated as ratios to this plain version: on the same windows both ratios
can be read, and what the strong version gains is not mistaken for a loss of the codec.
"""

from __future__ import annotations

from edgecodec.evaluation.rivals.rival import Floats
from edgecodec.evaluation.rivals.scalar_quantizer import QuantizerDesign
from edgecodec.evaluation.rivals.transform_codec import TransformCodec, TransformDesign

NAME = "klt_dct_plain"
TRANSFORM = TransformDesign(means_apart=False, error_weights=False)
QUANTIZER = QuantizerDesign(bit_price=0.0, rounding=0.4, centroids=False)


def fit_klt_dct_plain(windows: Floats, band: int, budgets: tuple[int, ...]) -> TransformCodec:
    """Args: ``windows`` [n, channels, samples] to learn from; ``band``, cosine coefficients below the cut-off."""
    return TransformCodec.fit(NAME, windows, band, budgets, TRANSFORM, QUANTIZER)
