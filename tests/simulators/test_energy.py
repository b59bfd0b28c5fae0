"""Energy against the figures of arXiv 2507.06040."""

import pytest

from edgecodec.simulators.energy import raw_millijoules, saving, window_energy

PAPER_MILLISECONDS = 45.3 + 7.34  # encoder and one quantizer stage
PAPER_BITS = 90


def test_compute_is_power_times_time() -> None:
    assert window_energy(1000, 0).total == pytest.approx(153)


def test_raw_data_of_one_window_takes_182_millijoules() -> None:
    assert raw_millijoules(800) == pytest.approx(182, abs=0.5)


def test_the_radio_is_a_trifle_next_to_computing() -> None:
    energy = window_energy(PAPER_MILLISECONDS, PAPER_BITS)
    assert energy.compute == pytest.approx(8.05, abs=0.01)
    assert energy.radio == pytest.approx(0.016, abs=0.0005)
    assert energy.total == energy.compute + energy.radio


def test_the_papers_saving_of_almost_three_sets_one_second_against_eight() -> None:
    found = saving(window_energy(PAPER_MILLISECONDS, PAPER_BITS), samples=800, sample_rate_hz=100)
    assert found.paper == pytest.approx(2.8, abs=0.1)
    assert found.same_window == pytest.approx(8 * found.paper)
