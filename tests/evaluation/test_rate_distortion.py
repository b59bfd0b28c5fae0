"""The codec beside its rivals on the same windows."""

import numpy as np
import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.metrics import errors
from edgecodec.evaluation.rate_distortion import Comparison, compare, comparison_json, comparison_table
from edgecodec.evaluation.rivals.lineup import fit_rivals
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.model.codec import Codec

ERRORS = {"error_percent", "pointwise_error_percent", "pointwise_error_median_percent", "nmse_percent"}


def test_everyone_is_measured_at_every_rate(comparison: Comparison, codec: Codec) -> None:
    content = comparison_json(comparison)
    assert set(content) == {"edgecodec", "means", "klt_dct", "sz3_abs", "sz3_rel", "sz3_abs_rel", "zfp"}
    for curve in content.values():
        assert list(curve) == [str(rate) for rate in codec.rates]
        for point in curve.values():
            assert point.keys() == ERRORS | {"bits_per_window", "by_wind"}
            assert {speed: each.keys() for speed, each in point["by_wind"].items()} == {"10": ERRORS, "20": ERRORS}


def test_the_codec_is_measured_from_unfiltered_windows_at_its_own_bits(
        comparison: Comparison, codec: Codec, validation: WindowSet) -> None:
    for rate, point in comparison["edgecodec"].items():
        assert point.bits_per_window == codec.bits(rate)
        rebuilt = codec.reconstruct(validation.inputs(), rate)
        assert point.errors == errors(rebuilt, validation.targets(), validation.wind)


def test_the_table_says_what_each_rival_chose(comparison: Comparison, codec: Codec) -> None:
    table = comparison_table({"validation": comparison})
    assert len(table) == 7 * len(codec.rates)
    assert np.isfinite(table.select_dtypes("number").to_numpy()).all()
    assert table.query("codec == 'zfp'")["settings"].str.contains("samples per window").all()


def test_rivals_of_another_codec_are_refused(codec: Codec, train: WindowSet, band: int) -> None:
    others = fit_rivals(["zfp"], train.targets(slice(0, 16)), band, (91, 92, 93, 94))
    with pytest.raises(EdgeCodecError, match=r"zfp was fitted to \(91, 92, 93, 94\) bits"):
        compare(codec, others, train.inputs(slice(0, 2)), train.targets(slice(0, 2)), None, "Comparing")


def test_windows_of_zero_mean_have_finite_errors(codec: Codec, rivals: list[Rival]) -> None:
    noise = np.random.default_rng(0).normal(size=(6, codec.window.channels, codec.window.samples)).astype(np.float32)
    noise -= noise.mean(axis=-1, keepdims=True)
    content = comparison_json(compare(codec, rivals[:2], noise, noise, None, "Comparing"))
    assert all(np.isfinite(point[key]) for curve in content.values() for point in curve.values() for key in ERRORS)
