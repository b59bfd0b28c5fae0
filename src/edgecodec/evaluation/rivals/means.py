"""The windows' means and nothing else: what any codec must beat. The means get all the bits."""

from __future__ import annotations

from edgecodec.evaluation.rivals.rival import Floats
from edgecodec.evaluation.rivals.transform_codec import TransformCodec

NAME = "means"


def fit_means(windows: Floats, budgets: tuple[int, ...]) -> TransformCodec:
    """Args: ``windows`` [n, channels, samples] to learn from."""
    return TransformCodec.fit(NAME, windows, 1, budgets)
