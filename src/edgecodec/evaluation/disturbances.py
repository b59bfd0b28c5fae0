"""Disturbed windows: what sensors that fail, and fields that nobody trained on, do to windows of an array.

A fault is of one sensor per window, drawn at random; the field is as it was. A disturbance of the field is one of all
sensors, and all of them are sound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from edgecodec.data.windows import lowpass

FULL_SCALE = 100.0  # Cp
SPIKE = 5.0
STEP = 0.3
DRIFT = 0.5
GAIN = 3.0
LINE, LINE_HZ = 0.1, 3.1
STRETCH = 1.3
LARGE_NOISE, SMALL_NOISE = 20.0, 0.3  # standard deviations
WAVELET_HZ = 1.5
WAVELETS = 6  # per window

Floats = NDArray[np.float32]
Sensor = Callable[[Floats, np.random.Generator], NDArray[Any]]  # what sensors should send [n, samples] > what they do
Field = Callable[[Floats, float, np.random.Generator], NDArray[Any]]  # windows, sample rate in Hz > other windows


@dataclass(frozen=True)
class Disturbed:
    """Windows [n, channels, samples] as a node gets them, and what a perfect receiver would give."""

    inputs: Floats
    targets: Floats  # low-passed; where a sensor fails, the field that it should have sent
    faulty: NDArray[np.bool_]  # [n, channels]


@dataclass(frozen=True)
class Disturbance:
    """One kind of disturbance."""

    name: str
    description: str  # in tables
    of_sensor: bool  # not of the field
    disturb: Callable[[Floats, float, np.random.Generator], tuple[NDArray[Any], NDArray[np.bool_]]]

    def of(
        self, windows: Floats, sample_rate_hz: float, lowpass_hz: float, generator: np.random.Generator
    ) -> Disturbed:
        """``windows`` [n, channels, samples] in Cp, disturbed; ``generator`` draws sensors, moments and noise."""
        inputs, faulty = self.disturb(windows, sample_rate_hz, generator)
        inputs = inputs.astype(np.float32, order="C")
        return Disturbed(inputs, lowpass(windows if self.of_sensor else inputs, sample_rate_hz, lowpass_hz), faulty)


def _fault(name: str, description: str, sensor: Sensor) -> Disturbance:
    def disturb(windows: Floats, _: float, generator: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
        faulty = np.zeros(windows.shape[:2], bool)
        faulty[np.arange(len(windows)), generator.integers(windows.shape[1], size=len(windows))] = True
        inputs = windows.copy()
        inputs[faulty] = sensor(windows[faulty], generator)
        return inputs, faulty

    return Disturbance(name, description, True, disturb)


def _field(name: str, description: str, field: Field) -> Disturbance:
    def disturb(
        windows: Floats, sample_rate_hz: float, generator: np.random.Generator
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        return field(windows, sample_rate_hz, generator), np.zeros(windows.shape[:2], bool)

    return Disturbance(name, description, False, disturb)


# -- sensors -----------------------------------------------------------------------------------------------------------


def _stuck(series: Floats, generator: np.random.Generator) -> NDArray[Any]:
    samples = series.shape[1]
    since = generator.integers(samples // 4, samples // 2, size=(len(series), 1))
    return np.where(np.arange(samples) < since, series, np.take_along_axis(series, since, axis=1))


def _spiking(series: Floats, generator: np.random.Generator) -> NDArray[Any]:
    samples = series.shape[1]
    moment = generator.integers(samples // 4, samples - samples // 4, size=(len(series), 1))
    return np.where(np.arange(samples) == moment, series + SPIKE, series)


def _sends(value: float) -> Sensor:
    return lambda series, _: np.full_like(series, value)


# -- fields ------------------------------------------------------------------------------------------------------------


def _at_half_time(samples: int) -> NDArray[np.bool_]:
    return np.arange(samples) >= samples // 2


def _tripled(windows: Floats, _: float, __: np.random.Generator) -> NDArray[Any]:
    mean = windows.mean(axis=-1, keepdims=True)
    return np.asarray(mean + GAIN * (windows - mean))


def _with_line(windows: Floats, sample_rate_hz: float, generator: np.random.Generator) -> NDArray[Any]:
    phase = generator.uniform(0, 2 * np.pi, size=(len(windows), 1, 1))
    return windows + LINE * np.sin(2 * np.pi * LINE_HZ * np.arange(windows.shape[-1]) / sample_rate_hz + phase)


def _stretched(windows: Floats, _: float, __: np.random.Generator) -> NDArray[Any]:
    time = np.arange(windows.shape[-1])
    return np.asarray(CubicSpline(time, windows, axis=-1)(time / STRETCH))


def _noise(deviation: float) -> Field:
    return lambda windows, _, generator: generator.normal(scale=deviation, size=windows.shape)


def _seismic(windows: Floats, sample_rate_hz: float, generator: np.random.Generator) -> NDArray[Any]:
    """Ricker wavelets that travel along the array, of either sign, at moments and speeds of their own."""
    n, channels, samples = windows.shape
    shape = (n, WAVELETS, 1, 1)
    moment = generator.uniform(0, samples, size=shape) / sample_rate_hz  # in seconds, at the middle of the array
    delay = generator.uniform(-0.05, 0.05, size=shape) * (np.arange(channels) - channels / 2)[:, None]
    phase = np.pi * WAVELET_HZ * (np.arange(samples) / sample_rate_hz - moment - delay)
    return np.asarray((generator.normal(size=shape) * (1 - 2 * phase**2) * np.exp(-phase**2)).sum(axis=1))


# -- the table ---------------------------------------------------------------------------------------------------------

DISTURBANCES: Mapping[str, Disturbance] = {each.name: each for each in (
    _field("none", "Nothing is disturbed.", lambda windows, _, __: windows),
    _fault("sensor_stuck", "One sensor repeats its value from some sample on.", _stuck),
    _fault("sensor_constant", "One sensor repeats its first value in the whole window.",
           lambda series, _: np.repeat(series[:, :1], series.shape[1], axis=1)),
    _fault("sensor_spike", f"One sensor is off by {SPIKE:g} in one sample.", _spiking),
    _fault("sensor_zero", "One sensor reads 0.", _sends(0.0)),
    _fault("sensor_full_scale", f"One sensor reads {FULL_SCALE:g}, its full scale.", _sends(FULL_SCALE)),
    _fault("sensor_missing", "One sensor is missing (NaN).", _sends(np.nan)),
    _fault("sensor_jump", f"One sensor jumps by {STEP:g} at half-time.",
           lambda series, _: series + STEP * _at_half_time(series.shape[1])),
    _field("step", f"All channels step by {STEP:g} at half-time.",
           lambda windows, _, __: windows + STEP * _at_half_time(windows.shape[-1])),
    _field("drift", f"All channels drift to {DRIFT:g} above what they were.",
           lambda windows, _, __: windows + np.linspace(0, DRIFT, windows.shape[-1])),
    _field("triple_amplitude", f"The amplitude about the mean is {GAIN:g} times as large.", _tripled),
    _field("line", f"All channels have a line of {LINE:g} at {LINE_HZ:g} Hz.", _with_line),
    _field("other_heave", f"Time is stretched by {STRETCH:g}, and so the period of the heave.", _stretched),
    _field("reversed", "The channels come in reverse order.", lambda windows, _, __: windows[:, ::-1]),
    _field("large_noise", f"White noise alone, standard deviation {LARGE_NOISE:g}.", _noise(LARGE_NOISE)),
    _field("small_noise", f"White noise alone, standard deviation {SMALL_NOISE:g}.", _noise(SMALL_NOISE)),
    _field("other_array", "Wavelets that travel along the array, as in a seismic one.", _seismic),
)}
