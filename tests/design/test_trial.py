"""The trial of a codec that is not trained yet: it is judged by the error that the project goes by."""

import numpy as np
import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.design import trial
from edgecodec.metrics import MetricName
from edgecodec.params import Params


@pytest.mark.slow
def test_a_trial_goes_by_the_projects_metric(small_params: Params, train: WindowSet) -> None:
    def measured(metric: MetricName) -> list[float]:
        error = small_params.error.model_copy(update={"metric": metric})
        found = trial.measure(small_params.model_copy(update={"codec": "transform", "error": error}), train, train)
        assert found is not None
        return found.tolist()

    nmse = measured("nmse")
    assert measured("snr") == nmse  # the error that the decibels are of: less is better in all trials
    assert all(np.diff(nmse) < 0)
    assert not np.allclose(measured("relative"), nmse, rtol=0.1)


def test_klt_dct_is_measured_on_the_same_windows_at_the_same_bits(small_params: Params, train: WindowSet) -> None:
    """More bits, less error; and what it was fitted to it knows better than what it never saw."""
    split = trial.split(train, small_params.seed)
    assert split is not None
    fitted, held = split
    found = trial.measure_klt_dct(small_params, (90.0, 180.0, 270.0), fitted, held)
    assert all(np.diff(found) < 0)
    assert (trial.measure_klt_dct(small_params, (90.0, 180.0, 270.0), fitted, fitted) < found).all()
    (between,) = trial.measure_klt_dct(small_params, (180.0,), fitted, held)
    assert between == pytest.approx(found[1], rel=0.1)
