"""The interval of an error: about the error, narrow where there is much to go by, wide where there is little."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecodec.evaluation.interval import error_interval
from edgecodec.metrics import ERROR_METRICS, Measure, MetricName, errors

Floats = NDArray[np.float32]


def windows(recordings: int, of_each: int = 10) -> tuple[Floats, Floats, NDArray[np.str_]]:
    """Rebuilt, targets and recordings; each recording has a noise of its own size."""
    generator = np.random.default_rng(recordings)
    targets = generator.normal(size=(recordings, of_each, 3, 50)) + 5
    noise = generator.uniform(0.05, 0.15, (recordings, 1, 1, 1)) * generator.normal(size=targets.shape)
    shape = (-1, 3, 50)
    return ((targets + noise).reshape(shape).astype(np.float32), targets.reshape(shape).astype(np.float32),
            np.repeat([f"run {number}" for number in range(recordings)], of_each))


@pytest.mark.parametrize("metric", list(ERROR_METRICS))
def test_the_error_lies_inside_its_interval(metric: MetricName) -> None:
    rebuilt, targets, recording = windows(12)
    measure = Measure(ERROR_METRICS[metric])
    found = error_interval(rebuilt, targets, recording, measure)
    assert found.low < found.error < found.high
    assert found.error == pytest.approx(measure.metric.of(errors(rebuilt, targets)), rel=1e-5)
    assert found.resampled == "12 recordings"


def test_more_recordings_make_it_narrower() -> None:
    few, many = (error_interval(*windows(count), Measure()) for count in (6, 96))
    assert many.high - many.low < 0.5 * (few.high - few.low)
    assert few.is_wide
    assert not many.is_wide


def test_of_few_recordings_stretches_are_drawn() -> None:
    assert error_interval(*windows(2), Measure()).resampled == "20 stretches of 2 recordings"
    assert error_interval(*windows(1, 3), Measure()).resampled == "3 stretches of 1 recordings"
