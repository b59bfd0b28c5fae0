"""Indices that a format can send, and what is equal."""

import numpy as np

from edgecodec.packets.indices import Indices
from edgecodec.packets.payloads import FixedLengthPayloads


def random_indices(payloads: FixedLengthPayloads, seed: int) -> Indices:
    """Of one window, for the highest rate."""
    generator = np.random.default_rng(seed)
    words = [generator.integers(0, codewords, payloads.tokens, np.uint16) for codewords in payloads.codewords]
    return Indices(generator.integers(0, payloads.regimes, dtype=np.uint16), np.stack(words))


def assert_same(found: Indices, wanted: Indices) -> None:
    np.testing.assert_array_equal(found.regime, wanted.regime)
    np.testing.assert_array_equal(found.words, wanted.words)
