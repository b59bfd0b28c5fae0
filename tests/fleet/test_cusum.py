"""Drifts are found, soon and where they are; undisturbed years give no more alarms than were asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecodec.evaluation.reference import Reference, Signal, told
from edgecodec.fleet.cusum import ALLOWANCE, MINUTES_OF_YEAR, Drift, alarm_level, drifts, stability_index

HOUR, HALF_A_DAY = 60.0, 720.0


@pytest.fixture(scope="module")
def reference() -> Reference:
    generator = np.random.default_rng(1)
    return Reference.of(*undisturbed(generator, 2000), 2000)


def undisturbed(generator: np.random.Generator, count: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Errors in per cent, [count, 1], and what is unlike."""
    return 2 * np.exp(0.5 * generator.standard_normal((count, 1))), generator.random(count) < 0.01


@pytest.mark.parametrize("signal", ["error", "unlike"])
def test_false_alarms_are_as_rare_as_was_asked_for(signal: Signal, reference: Reference) -> None:
    exact = replace(reference, recordings=None)
    level = alarm_level(partial(exact.drawn, signal), HOUR, 1.0)
    generator = np.random.default_rng(7)
    years = 100
    other = exact.drawn(signal, generator, round(years * MINUTES_OF_YEAR / HOUR))
    assert 0.6 < len(list(drifts(other, level))) / years < 1.5


def test_false_alarms_stay_rare_where_few_recordings_are_known() -> None:
    """In a hundred projects, each of which knows a sample of its own."""
    generator = np.random.default_rng(8)
    alarmed = {"aware": 0, "unaware": 0}
    for _ in range(100):
        aware = Reference.of(*undisturbed(generator, 100), 100)
        percent, unlike = undisturbed(generator, round(MINUTES_OF_YEAR / HALF_A_DAY))
        year = aware.standardized(np.ones(len(unlike), int), told(percent[:, 0]), unlike)["error"].to_numpy()
        for name, reference in {"aware": aware, "unaware": replace(aware, recordings=None)}.items():
            level = alarm_level(partial(reference.drawn, "error"), HALF_A_DAY, 0.2)
            alarmed[name] += any(drifts(year, level))
    assert alarmed["aware"] < 33  # 18 are asked for
    assert alarmed["unaware"] > 37


def test_a_drift_is_found_with_its_beginning_and_its_end(reference: Reference) -> None:
    level = alarm_level(partial(reference.drawn, "error"), HOUR, 0.1)
    observations = reference.drawn("error", np.random.default_rng(3), 3000)
    observations[1000:1500] += 1.5  # standard deviations
    (found,) = drifts(observations, level)
    assert abs(found.start - 1000) < 100
    assert found.found - 1000 < 40
    assert found.end is not None
    assert abs(found.end - 1500) < 10


@given(shift=st.floats(0.5, 5), level=st.floats(1, 100), quiet=st.integers(0, 50))
def test_a_constant_shift_is_found_when_its_sum_passes_the_level(shift: float, level: float, quiet: int) -> None:
    waits = int(level / (shift - ALLOWANCE)) + 2
    observations = np.concatenate([np.zeros(quiet), np.full(waits, shift)])
    (found,) = drifts(observations, level)
    assert (found.start, found.end) == (quiet, None)
    assert abs(found.found - quiet - level / (shift - ALLOWANCE)) <= 1


def test_two_drifts_are_two_alarms() -> None:
    assert list(drifts(np.repeat([0.0, 2, -1, 2], 10), 5.0)) == [Drift(10, 12, 20), Drift(30, 32, None)]


def test_the_stability_index_tells_other_distributions(reference: Reference) -> None:
    usual = 2 * np.exp(0.5 * np.random.default_rng(4).standard_normal(1000))

    def index(percent: NDArray[np.float64]) -> float:
        signals = reference.standardized(np.ones(1000, int), told(percent).astype(np.float32), np.zeros(1000, bool))
        return stability_index(reference.percentiles, signals["error"].to_numpy())

    assert index(usual) < 0.1
    assert index(1.7 * usual) > 0.25


def test_signals_are_standardized_as_packets_tell_them() -> None:
    generator = np.random.default_rng(5)
    percent = np.exp(generator.standard_normal((500, 2))) * (3, 2)
    reference = Reference.of(percent, np.zeros(500, bool), 500)
    for rate in (1, 2):
        signals = reference.standardized(np.full(500, rate), told(percent[:, rate - 1]), np.zeros(500, bool))
        assert signals["error"].mean() == pytest.approx(0, abs=1e-4)
        assert signals["error"].std() == pytest.approx(1, abs=0.01)
    infinite, unsaid, escape = reference.standardized(
        np.array([1, 1, 0]), np.array([np.inf, np.nan, 3.0]), np.zeros(3, bool))["error"]
    assert infinite > 3
    assert np.isnan([unsaid, escape]).all()
    assert Reference.from_json(reference.to_json()) == reference
