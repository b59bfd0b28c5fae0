"""The study measure_drift: what it counts, and what its drifts do to windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from edgecodec.evaluation.slow_drifts import SLOW_DRIFTS
from stages import measure_drift as study

LEVELS: study.Levels = {"error": 20.0, "unlike": 20.0}


@pytest.fixture
def undisturbed() -> pd.DataFrame:
    return pd.DataFrame({"error": np.random.default_rng(1).standard_normal(500), "unlike": np.zeros(500)})


def test_conditions_that_last_give_more_false_alarms(
        undisturbed: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "YEARS", 20)
    once, longer = (study.false_alarms(undisturbed["error"].to_numpy(), 10.0, 10, lasting, np.random.default_rng(2))
                    for lasting in (1, 6))
    assert 0 < once < longer / 10


@pytest.mark.parametrize(("shift", "found", "hours"), [(1.25, 1.0, 20 / 6), (0.0, 0.0, None)])
def test_the_delay_is_that_of_the_sum(
        shift: float, found: float, hours: float | None, undisturbed: pd.DataFrame,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "CASES", 40)
    monkeypatch.setattr(study, "DRIFTING_PERIODS", 100)
    periods = study.found_after(undisturbed, undisturbed.assign(error=undisturbed["error"] + shift), LEVELS,
                                np.random.default_rng(3))
    told = study.delay_json(periods, 10)
    assert told["found"] == pytest.approx(found, abs=0.05)
    assert told["median_hours"] == (hours and pytest.approx(hours, rel=0.2))


@pytest.mark.parametrize("drift", SLOW_DRIFTS.values(), ids=SLOW_DRIFTS)
def test_a_sensor_that_ages_leaves_the_others_alone(drift: study.Disturbance) -> None:
    windows = np.random.default_rng(4).standard_normal((5, 6, 200)).astype(np.float32)
    disturbed = drift.of(windows, 100.0, 5.0, np.random.default_rng(5))
    changed = (disturbed.inputs != windows).any(axis=2)
    assert changed.any(axis=1).all()
    if drift.of_sensor:
        assert (changed == disturbed.faulty).all()
        assert (changed.sum(axis=1) == 1).all()
