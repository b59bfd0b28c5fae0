"""Rates that are chosen by need: the lowest that keep a bound, and how they stand beside a rival's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.rate_distortion import Comparison
from edgecodec.evaluation.rates_by_need import EveryRate, Floats, references
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.evaluation.rivals.transform_codec import KLT_DCT
from edgecodec.metrics import BY_RELATIVE, errors_of_windows

RATES = 3
BITS = np.array([90.0, 180.0, 270.0])


def every_rate(bounds: Floats) -> EveryRate:
    """Of windows [1, 1], which say the rate that they came back at."""
    rebuilt = [np.full((len(bounds), 1, 1), rate, np.float32) for rate in range(RATES)]
    return EveryRate(rebuilt, np.tile(BITS, (len(bounds), 1)), bounds)


def some_bounds() -> st.SearchStrategy[Floats]:
    """Of some windows: they need not fall as the rates rise."""
    return st.integers(1, 8).flatmap(lambda n: arrays(np.float32, (n, RATES), elements=st.floats(0.5, 8, width=16)))


@given(some_bounds(), st.floats(0, 10))
def test_every_window_gets_the_lowest_rate_that_keeps_the_bound_or_is_counted_as_held_by_none(
        bounds: Floats, bound: float) -> None:
    chosen = every_rate(bounds).within(bound)
    for of_rates, rate, held in zip(bounds, chosen.rate, chosen.held, strict=True):
        keeping = [number for number, of_rate in enumerate(of_rates) if of_rate <= bound]
        assert (rate, held) == ((keeping[0], True) if keeping else (RATES - 1, False))
    assert chosen.bits.tolist() == BITS[chosen.rate].tolist()
    assert chosen.rebuilt.ravel().tolist() == chosen.rate.tolist()


@given(some_bounds(), st.floats(0, 10), st.floats(0, 10))
def test_a_lower_bound_takes_no_fewer_bits(bounds: Floats, one: float, other: float) -> None:
    every = every_rate(bounds)
    assert every.mean_bits(min(one, other)) >= every.mean_bits(max(one, other))


@given(some_bounds(), st.floats(BITS[0], BITS[-1]))
def test_the_bound_at_some_bits_is_the_lowest_that_takes_no_more(bounds: Floats, mean_bits: float) -> None:
    every = every_rate(bounds)
    bound = every.bound_at(mean_bits)
    assert every.mean_bits(bound) <= mean_bits
    lower = bounds[bounds < bound]
    assert not lower.size or every.mean_bits(float(lower.max())) > mean_bits


def test_a_rival_has_the_same_curve_window_by_window_and_keeps_its_bounds(
        rivals: list[Rival], comparison: Comparison, validation: WindowSet) -> None:
    rival, = (each for each in rivals if each.name == KLT_DCT)
    targets = validation.targets()
    curves = references(rival, targets, BY_RELATIVE)
    assert [(point.bits_per_window, point.errors.error_percent) for point in curves[KLT_DCT].points] == [
        (pytest.approx(point.bits_per_window), pytest.approx(point.errors.error_percent, rel=1e-5))
        for point in comparison[KLT_DCT].points]

    bits = [point.bits_per_window for point in curves[f"{KLT_DCT}_by_need"].points]
    assert bits == sorted(bits, reverse=True)  # the bounds rise
    assert bits[-1] == pytest.approx(curves[KLT_DCT].points[0].bits_per_window)
    every = EveryRate.of_rival(rival, targets)
    chosen = every.within(float(np.median(every.bounds)))
    true = errors_of_windows(chosen.rebuilt, targets, np.ones(targets.shape[:2], bool))
    assert 0 < chosen.held.mean() < 1
    assert ((true <= np.median(every.bounds)) == chosen.held).all()
