"""The unit of a signal, and the value about which it moves, change nothing: not the codec, nor its gates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from array_projects import cut, trained, waves
from numpy.typing import NDArray

from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.oracle import encode
from edgecodec.evaluation.rate_distortion import CODEC, compare, comparison_json
from edgecodec.metrics import errors
from edgecodec.model.codec import Codec
from edgecodec.params import load_params
from edgecodec.registry.gates import Verdict, judge
from edgecodec.registry.measurements import Measurements

NAMES = ("A", "B", "C")
Recorded = NDArray[np.float64]


def nmse(codec: Codec, validation: WindowSet) -> list[float]:
    """Per cent of the variance, by rate, of what the firmware's bits give back."""
    indices = encode(export_codec(codec), np.ascontiguousarray(validation.inputs().transpose(0, 2, 1))).indices()
    return [errors(codec.decode(indices, rate), validation.targets()).variance_percent for rate in codec.rates]


@pytest.fixture(scope="module")
def of_waves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Codec, list[float]]:
    codec, _, validation = trained(waves(3, 4000), NAMES, tmp_path_factory.mktemp("waves"))
    return codec, nmse(codec, validation)


# Offsets of a hundred times the signal: beyond, what float32 rounds of the windows itself moves codewords by more.
@pytest.mark.parametrize("changed", [
    pytest.param(lambda x: 1e6 * x, id="1e6 x"), pytest.param(lambda x: 1e-9 * x, id="1e-9 x"),
    pytest.param(lambda x: 100 * x + 1e5, id="100 x + 1e5"),
    pytest.param(lambda x: 1e-9 * x + 1e-6, id="1e-9 x + 1e-6"),
    pytest.param(lambda x: 1e6 * x - 1e9, id="1e6 x - 1e9"),
])
def test_another_unit_or_offset_gives_the_same_nmse(
        changed: Callable[[Recorded], Recorded], of_waves: tuple[Codec, list[float]], tmp_path: Path) -> None:
    codec, _, validation = trained(changed(waves(3, 4000)), NAMES, tmp_path)
    assert of_waves[1][-1] < 10
    assert nmse(codec, validation) == pytest.approx(of_waves[1], rel=0.01)


@pytest.mark.parametrize("metric", ["relative", "nmse", "snr", "absolute"])
def test_normalized_windows_are_as_large_about_any_value(metric: str, tmp_path: Path) -> None:
    """What float16 gets: never so small beside an offset that it would lose digits."""
    codec, train, _ = trained(waves(3, 4000) + 101_325, NAMES, tmp_path, metric=metric)
    normalized = codec.normalize(torch.from_numpy(train.targets()))
    spread = normalized.std(dim=(0, 2))
    assert spread.min() > 0.02
    assert spread.max() < 4


def test_the_firmware_loses_nothing_to_an_offset_that_float32_can_hold(
        of_waves: tuple[Codec, list[float]], tmp_path: Path) -> None:
    """The very codec, about 101325: its input is rounded to 1/128, and no more happens."""
    _, validation = cut(waves(3, 4000) + 101_325, NAMES, tmp_path, 128)
    codec, expected = of_waves
    before = codec.offset.clone()
    try:
        codec.offset += 101_325
        assert nmse(codec, validation) == pytest.approx(expected, rel=0.01)
    finally:
        codec.offset.copy_(before)


@pytest.mark.parametrize("offset", [0, 2**23])
def test_integer_counts_reach_the_codec_exactly(offset: int, tmp_path: Path) -> None:
    counts = np.round(1000 * waves(3, 2000)).astype(np.int64) + offset
    train, validation = cut(counts, NAMES, tmp_path, 128)
    np.testing.assert_array_equal(np.concatenate([train.input_rows, validation.input_rows]), counts)


def verdicts(recorded: Recorded, folder: Path, stages: int) -> list[Verdict]:
    """Of the gates on errors, by the metric relative, for a codec with so many stages to a rate."""
    codec, _, validation = trained(recorded, NAMES, folder, metric="relative", stages_per_rate=stages)
    compared = compare({CODEC: codec}, [], validation.inputs(), validation.targets(), None, "Comparing")
    measured = Measurements({"rate_distortion": {"splits": {"validation": comparison_json(compared)}}})
    gates = load_params().gates.model_copy(update={"error": 20.0})
    return [verdict for verdict in judge(measured, gates, codec.rates, None)
            if verdict.name.startswith(("error_percent", "spread_percent", "share_of_means"))]


@pytest.mark.parametrize(("stages", "passes"), [(2, False), (24, True)])
def test_a_codec_is_judged_with_an_offset_as_without(stages: int, passes: bool, tmp_path: Path) -> None:
    """Before, any error passed that was small beside an offset: 29 % of +-10 are 0.002 % of 101325."""
    plain, shifted = (verdicts(waves(3, 4000) + offset, tmp_path / str(offset), stages) for offset in (0, 101_325))
    assert (plain[0].name, shifted[0].name) == ("error_percent.rate1", "spread_percent.rate1")
    assert [verdict.passed for verdict in plain] == [verdict.passed for verdict in shifted]
    assert all(verdict.passed for verdict in plain) == passes
    # A codec trained by the metric relative weighs channels by their magnitude, which an offset makes equal.
    assert all(with_offset.value < 2.5 * without.value for with_offset, without in zip(shifted, plain, strict=True))


def test_what_means_alone_tell_as_well_does_not_pass(tmp_path: Path) -> None:
    """A slow drift, and faster waves that few bits leave out: a small error, but none the smaller for the codec."""
    rows = 4000
    drift = 300 * np.sin(2 * np.pi * np.arange(rows)[:, None] / 3000) + 101_325
    found = {verdict.name: verdict for verdict in verdicts(drift + waves(3, rows), tmp_path, 1)}
    assert found["spread_percent.rate1"].passed
    assert not found["share_of_means.rate1"].passed
