"""The damage classifier finds the heave line, tells damages by it, and sees what a codec does to it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.damage import HeaveMode, classify, damages_of
from edgecodec.model.codec import Codec, codec_from_params
from edgecodec.model.edge import fit_to
from edgecodec.model.kind import WindowFormat
from edgecodec.params import Params

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
    mode = HeaveMode.of(windows, 100.0)
    found = mode.heave_line(windows)
    np.testing.assert_allclose(np.abs(mode.weights), MODE, atol=0.02)
    np.testing.assert_allclose(found[:, 0], frequency, atol=0.003)
    np.testing.assert_allclose(np.exp(found[:, 1]), 0.5, rtol=0.02)


def test_a_still_blade_has_features_too() -> None:
    mode = HeaveMode.of(oscillation(1.9, 0.5), 100.0)
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
        train: WindowSet, validation: WindowSet, codec: Codec) -> None:
    found = classify(train, validation, codec, seed=0)
    assert set(found) == {"heave_line", "spectrum"}
    for accuracy in found.values():
        assert accuracy.raw > 2 / 6  # twice what guessing gives
        assert set(accuracy.by_rate) == {1, 2, 3, 4}
        assert all(0 <= value <= 1 for of_rate in accuracy.by_rate.values() for value in vars(of_rate).values())
    assert any(of_rate.decoded != accuracy.raw for accuracy in found.values() for of_rate in accuracy.by_rate.values())


def test_recordings_without_damages_are_refused(train: WindowSet, codec: Codec) -> None:
    unnamed = dataclasses.replace(train, condition=np.full(len(train), "signal"))
    assert damages_of(unnamed) is None
    with pytest.raises(EdgeCodecError, match="name no different damages"):
        classify(unnamed, unnamed, codec, seed=0)
