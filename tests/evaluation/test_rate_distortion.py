"""Our codec beside other codecs and the rivals on the same windows, rate by rate and at equal bits."""

import numpy as np
import pandas as pd
import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.rate_distortion import (
    CODEC,
    CODED,
    REFERENCES,
    Comparison,
    Curve,
    RatePoint,
    at_equal_bits,
    budgets_around,
    compare,
    comparison_json,
    comparison_table,
)
from edgecodec.evaluation.rivals.lineup import NAMES, fit_rivals
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.evaluation.rivals.transform_codec import TransformCodec
from edgecodec.metrics import ErrorTable, errors
from edgecodec.model.codec import Codec
from edgecodec.params import Params
from edgecodec.training.loop import Trainer

ERRORS = {"error_percent", "pointwise_error_percent", "pointwise_error_median_percent", "nmse_percent",
          "variance_percent", "snr_db", "absolute_error", "spread_percent", "constant_percent",
          "share_of_means"}


def point(bits: float, error: float) -> RatePoint:
    return RatePoint(1, bits, ErrorTable(*[error] * 10, by_group={}), "by hand")


def curve(*points: tuple[float, float]) -> Curve:
    """Of (bits, error in percent)."""
    return Curve(tuple(point(bits, error) for bits, error in points))


# -- everyone at every rate --------------------------------------------------------------------------------------------


def test_everyone_is_measured_at_every_rate(comparison: Comparison, codec: Codec) -> None:
    content = comparison_json(comparison)
    assert list(content) == [CODEC, CODED, *NAMES]
    for curve in content.values():
        assert list(curve) == [str(rate) for rate in codec.rates]
        for point in curve.values():
            assert point.keys() == ERRORS | {"bits_per_window", "by_group", "at_equal_bits"}
            assert {group: each.keys() for group, each in point["by_group"].items()} == {
                "wind 10m/s": ERRORS, "wind 20m/s": ERRORS}


def test_the_codec_is_measured_from_unfiltered_windows_at_its_own_bits(
        comparison: Comparison, codec: Codec, validation: WindowSet) -> None:
    for rate, point in comparison[CODEC].by_rate.items():
        assert point.bits_per_window == codec.bits(rate)
        rebuilt = codec.decode(codec.encode(validation.inputs()), rate)
        assert point.errors == errors(rebuilt, validation.targets(), validation.groups("wind"))


def test_rivals_are_also_measured_below_and_above_all_rates(comparison: Comparison, codec: Codec) -> None:
    bits = [codec.bits(rate) for rate in codec.rates]
    for name in ("klt_dct", "klt_dct_plain", "joint_rvq"):
        measured = sorted(point.bits_per_window for point in comparison[name].points)
        assert len(measured) == len(bits) + 2
        assert measured[0] < min(bits)
        assert measured[-1] > max(bits)


def test_codecs_of_other_bits_and_rates_take_part(
        codec: Codec, rivals: list[Rival], small_params: Params, train: WindowSet, validation: WindowSet,
        tmp_path_factory: pytest.TempPathFactory) -> None:
    of_paper = small_params.model_copy(update={"codec": "paper"})
    paper = Trainer(of_paper, train, validation, tmp_path_factory.mktemp("checkpoints")).run().codec
    assert (len(paper.rates), paper.bits(1)) != (len(codec.rates), codec.bits(1))
    some = slice(0, 8)
    content = comparison_json(compare({CODEC: codec, "paper": paper}, rivals[:2], validation.inputs(some),
                                      validation.targets(some), None, "Comparing"))
    assert list(content) == [CODEC, "paper", CODED, "means", "klt_dct"]
    assert {rate: point["bits_per_window"] for rate, point in content["paper"].items()} == {
        str(rate): paper.bits(rate) for rate in paper.rates}


def test_the_table_says_what_each_rival_chose(comparison: Comparison, codec: Codec) -> None:
    table = comparison_table({"validation": comparison})
    assert len(table) == (2 + len(NAMES)) * len(codec.rates) + 2 * len(NAMES)
    assert np.isfinite(table.drop(columns="rate").select_dtypes("number").to_numpy()).all()
    assert table.query("codec == 'zfp'")["settings"].str.contains("samples per window").all()
    beyond = table[table["rate"].isna()]
    assert set(beyond["codec"]) == set(NAMES)
    assert pd.api.types.is_integer_dtype(table["rate"])


def test_rivals_of_another_codec_are_refused(codec: Codec, train: WindowSet, band: int) -> None:
    others = fit_rivals(["zfp"], train.targets(slice(0, 16)), band, (91, 92, 93, 94))
    with pytest.raises(EdgeCodecError, match=r"zfp was fitted to \(91, 92, 93, 94\) bits"):
        compare({CODEC: codec}, others, train.inputs(slice(0, 2)), train.targets(slice(0, 2)), None, "Comparing")


def test_windows_of_zero_mean_have_finite_errors(codec: Codec, rivals: list[Rival]) -> None:
    noise = np.random.default_rng(0).normal(size=(6, codec.window.channels, codec.window.samples)).astype(np.float32)
    noise -= noise.mean(axis=-1, keepdims=True)
    content = comparison_json(compare({CODEC: codec}, rivals[:2], noise, noise, None, "Comparing"))
    assert all(np.isfinite(point[key]) for curve in content.values() for point in curve.values() for key in ERRORS)


# -- at equal bits -----------------------------------------------------------------------------------------------------


def test_a_measured_point_is_its_own_error() -> None:
    known = curve((90, 2.5), (180, 2.2), (360, 2.0))
    assert [known.error_at(bits) for bits in (90, 180, 360)] == [2.5, 2.2, 2.0]


def test_an_error_that_falls_evenly_with_every_doubling_is_met_exactly() -> None:
    known = curve(*((bits, 3 - 0.25 * np.log2(bits / 45)) for bits in (45, 90, 200, 480)))
    for bits in (50.5, 76, 127, 399):
        assert known.error_at(bits) == pytest.approx(3 - 0.25 * np.log2(bits / 45), rel=1e-9)


def test_between_points_the_error_never_rises_nor_overshoots() -> None:
    known = curve((360, 1.0), (90, 3.0), (100, 1.1), (45, 3.05))  # in any order
    read = [known.error_at(bits) for bits in np.linspace(45, 360, 200)]
    assert read[0] == 3.05
    assert read[-1] == 1.0
    assert np.all(np.diff(np.array(read, float)) <= 0)


@pytest.mark.parametrize("bits", [0, 44.9, 360.1, 10240])
def test_nothing_is_said_beyond_the_points(bits: float) -> None:
    assert curve((45, 3.0), (360, 2.0)).error_at(bits) is None


def test_bits_that_buy_nothing_may_be_left_unused() -> None:
    known = curve((90, 2.5), (180, 2.2), (180, 2.3), (270, 2.4), (360, 2.0))
    assert known.error_at(180) == 2.2
    assert known.error_at(270) == 2.2


def test_of_one_point_only_its_bits_are_known() -> None:
    assert curve((90, 2.5)).error_at(90) == 2.5
    assert curve((90, 2.5)).error_at(91) is None
    assert curve((0, 2.5), (0, 2.5)).error_at(8) is None  # windows that take no bits at all


def test_the_ratio_is_taken_at_the_bits_of_the_codec() -> None:
    reference = curve((45, 3.0), (90, 2.75), (180, 2.5))
    equal = at_equal_bits(point(45 * 2**0.5, 2.3), reference)
    assert equal is not None
    assert (equal.reference_error, equal.ratio) == pytest.approx((2.875, 2.3 / 2.875))
    assert at_equal_bits(point(200, 2.3), reference) is None


def test_budgets_reach_beyond_the_rates() -> None:
    assert budgets_around((90, 180, 360)) == (45, 90, 180, 360, 480)


def test_everyone_has_a_ratio_to_the_references(comparison: Comparison) -> None:
    content = comparison_json(comparison)
    for name, of_name in content.items():
        for found in of_name.values():
            if name in ("klt_dct", "klt_dct_plain"):
                assert found["at_equal_bits"][name]["ratio"] == 1
            for reference, equal in found["at_equal_bits"].items():
                assert equal["ratio"] == pytest.approx(found["error_percent"] / equal["error_percent"], rel=1e-4)
                assert reference in ("klt_dct", "klt_dct_plain")
    for name in (CODEC, "joint_rvq", "klt_dct"):
        assert content[name]["4"]["at_equal_bits"].keys() == {"klt_dct", "klt_dct_plain"}


def test_the_plain_version_errs_more_than_the_strong_one_with_the_same_bits(
        train: WindowSet, validation: WindowSet, band: int) -> None:
    budgets, targets = (90, 180, 360), validation.targets()
    strong, plain = (
        Curve(tuple(RatePoint(None, each.bits_per_window, errors(each.reconstruction, targets), each.settings)
                    for each in TransformCodec.fit(name, train.targets(), band, budgets).compress(targets)))
        for name in REFERENCES)
    compared = [equal for point in plain.points if (equal := at_equal_bits(point, strong))]
    assert len(compared) >= 2
    assert all(equal.ratio > 1.05 for equal in compared)


def test_a_point_that_was_left_out_is_found_again(train: WindowSet, validation: WindowSet, band: int) -> None:
    """The curve of the real rival is smooth enough to be read between budgets that are a factor of two apart."""
    budgets = (45, 64, 90, 127, 180, 255, 360)
    rival, targets = TransformCodec.fit(REFERENCES[0], train.targets(), band, budgets), validation.targets()
    points = [RatePoint(None, each.bits_per_window, errors(each.reconstruction, targets), each.settings)
              for each in rival.compress(targets)]
    every_other = Curve(tuple(points[::2]))
    for left_out in points[1::2]:
        read = every_other.error_at(left_out.bits_per_window)
        assert read == pytest.approx(left_out.errors.error_percent, rel=0.01)
