"""The trial of a codec that is not trained yet: it is judged by the error that the project goes by."""

import numpy as np
import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.design import trial
from edgecodec.design.trial import Points
from edgecodec.metrics import MetricName
from edgecodec.packets.kind import PacketKind
from edgecodec.params import Params


@pytest.mark.slow
def test_a_trial_goes_by_the_projects_metric(small_params: Params, train: WindowSet) -> None:
    def measured(metric: MetricName) -> list[float]:
        error = small_params.error.model_copy(update={"metric": metric})
        found = trial.measure(small_params.model_copy(update={"codec": "transform", "error": error}), train, train)
        assert found is not None
        assert found.keys() == {PacketKind.FIXED_LENGTH, PacketKind.CODED}
        return found[PacketKind.FIXED_LENGTH].errors.tolist()

    nmse = measured("nmse")
    assert measured("snr") == nmse  # the error that the decibels are of: less is better in all trials
    assert all(np.diff(nmse) < 0)
    assert not np.allclose(measured("relative"), nmse, rtol=0.1)


def test_klt_dct_is_measured_on_the_same_windows(small_params: Params, train: WindowSet) -> None:
    """More bits, less error; and what it was fitted to it knows better than what it never saw."""
    split = trial.split(train, small_params.seed)
    assert split is not None
    fitted, held = split
    bits = (90.0, 180.0, 270.0)
    found = trial.measure_klt_dct(small_params, bits, fitted, held)
    assert (np.diff(found.bits) > 0).all()
    assert (np.diff(found.errors) < 0).all()
    known = trial.measure_klt_dct(small_params, bits, fitted, fitted)
    assert (known.errors_at(np.array(bits)) < found.errors_at(np.array(bits))).all()


def test_coded_packets_stand_for_a_codec_at_equal_bits() -> None:
    klt_dct = Points(np.array([100.0, 400.0]), np.array([8.0, 2.0]))  # half the error for twice the bits
    fixed = Points(np.array([100.0, 200.0]), np.array([8.0, 2.0]))
    assert trial.beside({PacketKind.FIXED_LENGTH: fixed}, klt_dct) == pytest.approx([1.0, 0.5])
    coded = Points(np.array([200.0, 400.0]), np.array([3.0, 2.0]))
    both = {PacketKind.FIXED_LENGTH: fixed, PacketKind.CODED: coded}
    assert trial.beside(both, klt_dct) == pytest.approx([0.75, 1.0])
