"""The low-pass is where the signal of recordings leaves white noise, whatever its unit."""

from __future__ import annotations

import numpy as np
import pytest

from edgecodec.data.spectrum import HIGHEST, lowpass_of

RATE, SAMPLES = 100.0, 400


def recordings(cutoff_hz: float, scale: float = 1.0) -> list[np.ndarray]:
    """A band of noise up to ``cutoff_hz``, 20 dB above white noise, on three channels."""
    generator = np.random.default_rng(0)
    spectrum = generator.normal(size=(3, 10_001)) + 1j * generator.normal(size=(3, 10_001))
    spectrum[:, np.fft.rfftfreq(20_000, 1 / RATE) > cutoff_hz] *= 0.1
    return [scale * np.fft.irfft(spectrum)]


@pytest.mark.parametrize("cutoff_hz", [2.0, 9.0, 21.0])
def test_it_lies_a_little_above_the_last_signal(cutoff_hz: float) -> None:
    assert cutoff_hz < lowpass_of(recordings(cutoff_hz), RATE, SAMPLES) < 1.6 * cutoff_hz


def test_units_do_not_matter() -> None:
    assert lowpass_of(recordings(9.0), RATE, SAMPLES) == lowpass_of(recordings(9.0, 1e-9), RATE, SAMPLES)


def test_a_line_of_mains_hum_is_no_signal() -> None:
    (values,) = recordings(9.0)
    hum = values + 0.05 * values.std() * np.sin(2 * np.pi * 40 * np.arange(values.shape[1]) / RATE)
    assert lowpass_of([hum], RATE, SAMPLES) < 15


def test_noise_alone_and_full_bands_keep_nearly_all() -> None:
    assert lowpass_of(recordings(60.0), RATE, SAMPLES) == HIGHEST * RATE
