"""What the error is: its value where it is known, what it does not depend on, and real windows' figures."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecodec.data.windows import lowpass
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import ERROR_METRICS, MetricName, central, errors, shown_groups

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
def test_a_group_has_the_errors_of_its_windows_alone(seed: int) -> None:
    target, groups = random_windows(seed), np.array(["b", "ä", "", "b", "ä", "ä"])
    rebuilt = target + 0.1 * random_windows(seed + 1)
    table = errors(rebuilt, target, groups)
    assert list(table.by_group) == ["b", "ä"]  # "": unknown
    for group, found in table.by_group.items():
        alone = errors(rebuilt[groups == group], target[groups == group])
        assert found.error_percent == alone.error_percent
        assert found.pointwise_error_median_percent == alone.pointwise_error_median_percent


def test_a_group_that_is_zero_everywhere_has_no_errors() -> None:
    target, groups = random_windows(0), np.array(["off", "on"] * 3)
    target[groups == "off"] = 0
    assert list(errors(target + np.float32(0.1), target, groups).by_group) == ["on"]


@pytest.mark.parametrize(("metric", "shown"), [("relative", "bcdefg"), ("snr", "abcdef")])
def test_tables_show_the_worst_groups_where_there_is_no_room_for_all(metric: MetricName, shown: str) -> None:
    values = dict(zip("abcdefg", range(7), strict=True))
    assert shown_groups(values, ERROR_METRICS[metric]) == list(shown)
    assert shown_groups({"b": 1.0, "a": 2.0}, ERROR_METRICS[metric]) == ["b", "a"]


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


def test_a_json_table_holds_every_error_for_every_group() -> None:
    target = random_windows(0)
    content = errors(target * 1.01, target, np.array(["wind 10m/s"] * 6)).to_json()
    keys = {"error_percent", "pointwise_error_percent", "pointwise_error_median_percent", "nmse_percent",
            "variance_percent", "snr_db", "absolute_error", "spread_percent", "constant_percent",
          "share_of_means"}
    assert content.keys() == keys | {"by_group"}
    assert content["by_group"]["wind 10m/s"].keys() == keys


# -- errors of signals about any value ---------------------------------------------------------------------------------


@given(SEEDS, st.sampled_from([1e-9, 1.0, 1e6]), st.sampled_from([0.0, 1e5]))
def test_nmse_snr_and_the_share_of_means_know_neither_unit_nor_offset(seed: int, unit: float, offset: float) -> None:
    target = random_windows(seed).astype(np.float64)
    rebuilt = target + 0.1 * random_windows(seed + 1)
    table, other = errors(rebuilt, target), errors(unit * (rebuilt + offset), unit * (target + offset))
    for field in ("variance_percent", "snr_db", "spread_percent", "share_of_means"):
        assert getattr(other, field) == pytest.approx(getattr(table, field), rel=1e-4)
    assert table.snr_db == pytest.approx(-10 * np.log10(table.variance_percent / 100))


def test_what_sends_the_means_alone_has_a_share_of_one() -> None:
    target = random_windows(1)
    means = np.broadcast_to(target.mean(axis=-1, keepdims=True), target.shape)
    assert errors(means, target).share_of_means == pytest.approx(1, rel=1e-5)
    assert errors((means + target) / 2, target).share_of_means == pytest.approx(0.25, rel=1e-4)


def test_a_channel_in_another_unit_counts_as_much_as_any() -> None:
    target = random_windows(2).astype(np.float64)
    rebuilt = target + 0.1 * random_windows(3)
    factor = np.array([1, 1e6, 1e-6])[:, None]
    assert errors(factor * rebuilt, factor * target).variance_percent == pytest.approx(
        errors(rebuilt, target).variance_percent, rel=1e-4)


def test_the_absolute_error_is_that_of_the_worst_channel_in_its_tolerance() -> None:
    target = random_windows(0)
    rebuilt = target + np.array([0.1, 0.2, 0.3], np.float32)[:, None]
    assert errors(rebuilt, target).absolute_error == pytest.approx(0.3, rel=1e-5)
    assert errors(rebuilt, target, tolerance=2.0).absolute_error == pytest.approx(0.15, rel=1e-5)
    assert errors(rebuilt, target, tolerance=(0.1, 1.0, 1.0)).absolute_error == pytest.approx(1.0, rel=1e-5)


def test_every_metric_has_a_ratio_that_is_below_one_for_the_better() -> None:
    target = random_windows(0)
    good, bad = (errors(target + np.float32(share) * random_windows(5), target) for share in (0.1, 0.2))
    for name, metric in ERROR_METRICS.items():
        power = {"relative": 1, "nmse": 2, "snr": 2, "absolute": 1}[name]
        assert metric.ratio(metric.of(good), metric.of(bad)) == pytest.approx(0.5**power, rel=1e-4)
        assert (metric.of(good) > metric.of(bad)) == metric.more_is_better


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
    table = errors(means, target, wind.astype(np.str_))
    assert table.error_percent == pytest.approx(3.47, abs=0.01)
    assert table.by_group["10"].nmse_percent == pytest.approx(0.217, abs=0.002)
    assert table.by_group["20"].nmse_percent == pytest.approx(0.0319, abs=0.0005)
