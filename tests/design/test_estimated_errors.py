"""Estimated errors: what a filter misses counts as far as the bands send it."""

from __future__ import annotations

import numpy as np
import pytest

from edgecodec.design.estimate import Estimator
from edgecodec.design.evidence import Evidence

WINDOWS, BINS, CHANNELS, SAMPLES = 200, 12, 4, 64
BANDS = ((1, 5, 2),)


@pytest.fixture
def estimator() -> Estimator:
    """Of windows that move in the first two channels alone."""
    generator = np.random.default_rng(0)
    moving = generator.standard_normal((WINDOWS, BINS - 1, CHANNELS)).astype(np.float32)
    moving[..., 2:] *= 1e-3
    few = np.zeros((20, CHANNELS, SAMPLES), np.float32)
    evidence = Evidence(generator.standard_normal((WINDOWS, CHANNELS)), moving, np.zeros(WINDOWS),
                        np.zeros(WINDOWS, np.int64), few, few, 100.0)
    return Estimator(evidence, (90.0, 180.0))


@pytest.mark.parametrize(("bin_number", "channel", "share"), [
    pytest.param(0, 3, 1.0, id="a_mean"),
    pytest.param(2, 0, 1.0, id="a_mode_that_is_sent"),
    pytest.param(2, 3, 0.0, id="a_mode_that_is_not"),
    pytest.param(7, 0, 0.0, id="a_bin_of_no_band"),
])
def test_what_is_missed_counts_as_far_as_it_is_sent(
        estimator: Estimator, bin_number: int, channel: int, share: float) -> None:
    missed = np.zeros((20, BINS, CHANNELS))
    missed[:, bin_number, channel] = 3.0
    assert estimator.lost(BANDS, missed) == pytest.approx(9 * share, abs=1e-3)


def test_a_filter_that_misses_more_has_larger_errors(estimator: Estimator) -> None:
    assert all(estimator.errors(BANDS, 8, 0.5) > estimator.errors(BANDS, 8))
