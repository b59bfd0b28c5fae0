"""The damage classifier finds the heave line, tells damages by it, and sees what a codec does to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from edgecodec.data.windows import Segment, WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.damage import HeaveMode, classes_of, classify
from edgecodec.model.codec import Codec, codec_from_params
from edgecodec.model.edge import fit_to
from edgecodec.model.kind import WindowFormat
from edgecodec.params import ClassifyParams, Params

BANDS = (1.5, 2.4), (1.0, 4.5)
MODE = np.array([0.8, 0.6, 0.0])


def oscillation(frequency: float, amplitude: float, count: int = 40, noise: float = 0.02) -> NDArray[np.float32]:
    """float32 [count, 3, 800] at 100 Hz: heave at random phases, and noise."""
    generator = np.random.default_rng(round(1000 * frequency))
    phase = 2 * np.pi * (frequency * np.arange(800) / 100 + generator.random((count, 1)))
    heave = amplitude * np.sin(phase)[:, None] * MODE[:, None]
    return (heave + noise * generator.standard_normal((count, 3, 800)) + [[1], [2], [3]]).astype(np.float32)


@pytest.mark.parametrize("frequency", [1.52, 1.765, 1.93, 2.04, 2.3])
def test_frequency_and_amplitude_of_the_line_are_found(frequency: float) -> None:
    windows = oscillation(frequency, 0.5)
    mode = HeaveMode.of(windows, 100.0, *BANDS)
    found = mode.heave_line(windows)
    np.testing.assert_allclose(np.abs(mode.weights), MODE, atol=0.02)
    np.testing.assert_allclose(found[:, 0], frequency, atol=0.003)
    np.testing.assert_allclose(np.exp(found[:, 1]), 0.5, rtol=0.02)


def test_a_still_blade_has_features_too() -> None:
    mode = HeaveMode.of(oscillation(1.9, 0.5), 100.0, *BANDS)
    still = np.zeros((2, 3, 800), np.float32)
    assert np.isfinite(mode.heave_line(still)).all()
    assert np.isfinite(mode.spectrum(still)).all()


@pytest.fixture(scope="module")
def codec(small_params: Params, train: WindowSet) -> Codec:
    """Untrained networks at their classical start; codebooks of the training windows."""
    shape = WindowFormat(train.channel_names, train.samples, train.sample_rate_hz, train.lowpass_hz)
    return fitted(codec_from_params(small_params, shape), train)


def fitted(codec: Codec, train: WindowSet) -> Codec:
    inputs = train.inputs()
    codec.offset.copy_(torch.from_numpy(inputs.mean(axis=(0, 2))))
    codec.scale.copy_(torch.from_numpy(1 / inputs.std(axis=(0, 2))))
    normalized = [codec.normalize(torch.from_numpy(windows)).numpy() for windows in (inputs, train.targets())]
    fit_to(codec.encoder, codec.decoder, *normalized)
    with torch.no_grad():
        codec.quantizer.initialize(codec.encoder(torch.from_numpy(normalized[0])), per_step=64)
    return codec.eval()


def test_the_twins_damages_are_told_and_the_codec_costs_something(
        train: WindowSet, validation: WindowSet, codec: Codec, small_params: Params) -> None:
    found = classify(train, validation, codec, 0, small_params.classify)
    assert set(found) == {"heave_line", "spectrum"}
    for accuracy in found.values():
        assert accuracy.raw > 2 / 6  # twice what guessing gives
        assert set(accuracy.by_rate) == {1, 2, 3, 4}
        assert all(0 <= value <= 1 for of_rate in accuracy.by_rate.values() for value in vars(of_rate).values())
    assert any(of_rate.decoded != accuracy.raw for accuracy in found.values() for of_rate in accuracy.by_rate.values())


def relabelled(windows: WindowSet, value_of: Callable[[Segment], str]) -> WindowSet:
    """``windows`` with one label, ``machine``."""
    segments = tuple(segment.model_copy(update={"labels": {"machine": value} if (value := value_of(segment)) else {}})
                     for segment in windows.description.segments)
    return dataclasses.replace(windows, description=windows.description.model_copy(update={"segments": segments}))


def test_any_label_can_be_told_where_both_sets_have_it(
        train: WindowSet, validation: WindowSet, codec: Codec) -> None:
    def of_wind(segment: Segment) -> str:
        return {10: "Säge", 20: "Bohrer" if "1.90Hz" in segment.condition else ""}[segment.wind]

    sets = relabelled(train, of_wind), relabelled(validation, of_wind)
    assert classes_of(*sets, "machine") == ("Bohrer", "Säge")
    found = classify(*sets, codec, 0, ClassifyParams(label="machine", line_hz=None, spectrum_hz=None))
    assert found["spectrum"].raw > 0.9  # wind speeds are easily told


@pytest.mark.parametrize("value_of", [
    lambda segment: "", lambda segment: "one", lambda segment: segment.recording], ids=["none", "one", "not in common"])
def test_without_two_classes_in_common_there_is_nothing_to_tell(
        value_of: Callable[[Segment], str], train: WindowSet, validation: WindowSet, codec: Codec) -> None:
    sets = relabelled(train, value_of), relabelled(validation, value_of)
    assert classes_of(*sets, "machine") == classes_of(*sets, None) == ()
    with pytest.raises(EdgeCodecError, match=r"classify.label: machine: training and validation have no two of its"):
        classify(*sets, codec, 0, ClassifyParams(label="machine", line_hz=None, spectrum_hz=None))


@pytest.mark.parametrize("band", [(60.0, 70.0), (2.0, 1.0), (0.001, 0.002)])
def test_a_band_that_windows_do_not_have_is_refused(band: tuple[float, float]) -> None:
    mode = HeaveMode.of(oscillation(1.9, 0.5), 100.0, band, band)
    with pytest.raises(EdgeCodecError, match=r"is no band of windows of 800 samples at 100 Hz; .* make it auto"):
        mode.spectrum(oscillation(1.9, 0.5))
