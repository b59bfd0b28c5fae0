"""What the error is: its value where it is known, what it does not depend on, and real windows' figures."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecodec.data.windows import lowpass
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import central, errors

Floats = NDArray[np.float32]
SEEDS = st.integers(0, 2**32 - 1)


def random_windows(seed: int, windows: int = 6, channels: int = 3, samples: int = 50) -> Floats:
    generator = np.random.default_rng(seed)
    return (generator.normal(size=(windows, channels, samples)) + generator.normal(size=(channels, 1))).astype("f4")


def test_the_centre_is_512_of_800_samples() -> None:
    assert central(800) == slice(144, 656)


@given(SEEDS, st.floats(0.001, 0.9))
def test_a_common_gain_error_is_the_relative_error(seed: int, gain: float) -> None:
    target = random_windows(seed).astype(np.float64)
    table = errors(target * (1 + gain), target)
    assert table.error_percent == pytest.approx(100 * gain)
    assert table.pointwise_error_median_percent == pytest.approx(100 * gain, rel=1e-5)
    assert table.nmse_percent == pytest.approx(100 * gain**2)


def test_nothing_is_lost_in_an_equal_reconstruction() -> None:
    target = random_windows(0)
    table = errors(target, target)
    assert (table.error_percent, table.pointwise_error_percent, table.nmse_percent) == (0, 0, 0)


@given(SEEDS, st.floats(1e-3, 1e3))
def test_the_gate_does_not_depend_on_the_unit(seed: int, unit: float) -> None:
    target, noise = random_windows(seed), 0.1 * random_windows(seed + 1)
    table, scaled = (errors((target + noise) * each, target * each) for each in (np.float32(1), np.float32(unit)))
    assert scaled.error_percent == pytest.approx(table.error_percent, rel=1e-4)
    assert scaled.nmse_percent == pytest.approx(table.nmse_percent, rel=1e-4)


@given(SEEDS)
def test_the_edges_of_a_window_do_not_count(seed: int) -> None:
    target = random_windows(seed)
    spoiled = target + 0.1 * random_windows(seed + 1)
    before = errors(spoiled, target)
    inner = central(target.shape[-1])
    spoiled[..., : inner.start] = 99
    spoiled[..., inner.stop :] = -99
    assert errors(spoiled, target) == before


@given(SEEDS)
def test_a_wind_speed_has_the_errors_of_its_windows_alone(seed: int) -> None:
    target, wind = random_windows(seed), np.array([10, 20, 0, 10, 20, 20])
    rebuilt = target + 0.1 * random_windows(seed + 1)
    table = errors(rebuilt, target, wind)
    assert list(table.by_wind) == [10, 20]  # 0: unknown
    for speed, of_speed in table.by_wind.items():
        alone = errors(rebuilt[wind == speed], target[wind == speed])
        assert of_speed.error_percent == alone.error_percent
        assert of_speed.pointwise_error_median_percent == alone.pointwise_error_median_percent


def test_means_are_pooled_over_windows_before_they_are_divided() -> None:
    """One channel, two windows: mean error 0.1 and mean magnitude (0.001 + 2) / 2, whatever each window's ratio is."""
    target = np.stack([np.full((1, 50), 0.001), np.full((1, 50), 2.0)])
    assert errors(target + 0.1, target).error_percent == pytest.approx(100 * 0.1 / 1.0005)


def test_a_channel_that_is_zero_throughout_has_no_share_in_the_relative_error() -> None:
    target = random_windows(0)
    rebuilt = target * 1.01
    target[:, 1] = 0
    rebuilt[:, 1] = 0.5
    table = errors(rebuilt, target)
    assert table.error_percent == pytest.approx(1, rel=1e-4)
    assert table.nmse_percent > 1


def test_a_json_table_holds_every_error_for_every_wind_speed() -> None:
    target = random_windows(0)
    content = errors(target * 1.01, target, np.array([10] * 6)).to_json()
    keys = {"error_percent", "pointwise_error_percent", "pointwise_error_median_percent", "nmse_percent"}
    assert content.keys() == keys | {"by_wind"}
    assert content["by_wind"]["10"].keys() == keys


@pytest.mark.parametrize(("rebuilt", "target", "complaint"), [
    (np.zeros((1, 2, 50)), np.zeros((1, 2, 51)), "equal"),
    (np.zeros((0, 2, 50)), np.zeros((0, 2, 50)), "non-empty"),
    (np.ones((1, 2, 50)), np.zeros((1, 2, 50)), "zero everywhere"),
])
def test_what_has_no_error_is_refused(rebuilt: Floats, target: Floats, complaint: str) -> None:
    with pytest.raises(EdgeCodecError, match=complaint):
        errors(rebuilt, target)


def test_the_means_of_real_windows_have_the_error_that_was_found_before(real_windows: Path) -> None:
    with np.load(real_windows / "dev.npz") as file:
        x, wind = file["x"], file["wind"]
    target = lowpass(x, 100, 5)
    means = np.broadcast_to(target.mean(axis=-1, keepdims=True), target.shape)
    table = errors(means, target, wind)
    assert table.error_percent == pytest.approx(3.47, abs=0.01)
    assert table.by_wind[10].nmse_percent == pytest.approx(0.217, abs=0.002)
    assert table.by_wind[20].nmse_percent == pytest.approx(0.0319, abs=0.0005)
