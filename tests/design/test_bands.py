"""Bands: the modes and bins that gain most, less a price; few, and with even numbers of modes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edgecodec.design.bands import BANDS_MAX, Gains, coefficients_of


@pytest.fixture
def falling() -> Gains:
    """64 bins of 8 modes, whose gain falls from bin to bin and from mode to mode."""
    bins, modes = np.arange(64), np.arange(8)
    return Gains(1 + np.arange(65), np.exp(-bins / 10)[:, None] * np.exp(-modes / 2)[None])


def test_the_first_bins_have_the_most_modes(falling: Gains) -> None:
    bands = falling.bands(0.01)
    assert 1 < len(bands) <= BANDS_MAX
    assert bands[0][0] == 1
    assert all(before[1] == after[0] and before[2] > after[2] for before, after in pairwise(bands))
    assert all(modes % 2 == 0 for *_, modes in bands)


def test_a_higher_price_leaves_fewer_coefficients(falling: Gains) -> None:
    sizes = [coefficients_of(falling.bands(price)) for price in (1e-4, 1e-3, 1e-2, 1e-1)]
    assert sizes == sorted(sizes, reverse=True)
    assert falling.bands(10.0) == ()


def test_alternatives_stay_within_their_sizes(falling: Gains) -> None:
    found = falling.alternatives([16, 64, 128])
    assert all(coefficients_of(bands) <= size for bands, size in zip(found, (16, 64, 128), strict=True))
    assert coefficients_of(found[-1]) > 90


def test_one_channel_has_one_mode() -> None:
    assert Gains(1 + np.arange(5), np.ones((4, 1))).bands(0.5) == ((1, 5, 1),)
