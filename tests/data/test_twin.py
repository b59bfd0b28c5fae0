"""The twin has the statistics that were measured on real windows."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pressure import pressure_coefficient
from scipy import signal

from edgecodec import aerosense
from edgecodec.data.recordings import RecordingList, read_samples
from edgecodec.data.twin import Twin

PRESET = [aerosense.SENSORS.index(name) for name in aerosense.CHANNEL_PRESETS["edgecodec36"]]
WIND_RUNS = [number for number in range(1, aerosense.RUNS_PER_SESSION + 1) if aerosense.condition_of(number)]


@pytest.fixture(scope="module")
def calibration() -> dict[str, Any]:
    return json.loads(files("edgecodec.data").joinpath("aerosense_calibration.json").read_text())


@pytest.fixture(scope="module")
def twin() -> Twin:
    return Twin(seed=7, angle_of_attack=0, repeats=3, wind_seconds=20)


def cp_of(twin: Twin, experiment: int) -> NDArray[np.float64]:
    """Cp [36, samples] of a wind run by the published chain, its zeroing error taken out."""
    condition = aerosense.condition_of(experiment)
    assert condition is not None
    block = (experiment - 1) % aerosense.RUNS_PER_BLOCK + 1
    first = next(first for first in (16, 12, 7, 3) if block >= first)
    references = [twin.counts(experiment - block + first + step)[PRESET].mean(axis=1) for step in (-1, 3)]
    zero = np.mean(references, axis=0) * aerosense.PASCALS_PER_COUNT
    return pressure_coefficient(twin.counts(experiment)[PRESET], zero + twin.drift(experiment)[PRESET],
                                          condition.wind)


@pytest.mark.parametrize("wind", [10, 20])
def test_mean_pressures_and_noise_are_the_measured_ones(twin: Twin, calibration: dict[str, Any], wind: int) -> None:
    runs = [cp_of(twin, number) for number in WIND_RUNS[:24] if aerosense.condition_of(number).wind == wind]
    means = np.mean([run.mean(axis=1) for run in runs], axis=0)
    sections = signal.butter(8, 10, "high", fs=aerosense.SAMPLE_RATE_HZ, output="sos")
    noise = np.sqrt(np.mean([signal.sosfiltfilt(sections, run).var(axis=1) for run in runs], axis=0) / (1 - 10 / 50))
    pascals = aerosense.dynamic_pressure(wind)

    # What is left of a mean: one pascal of start-up drift, common to all, and noise.
    np.testing.assert_allclose(means * pascals, np.array(calibration[f"wind_{wind}"]["mean_cp"]) * pascals, atol=1.5)
    np.testing.assert_allclose(noise * pascals, calibration[f"wind_{wind}"]["noise_pa_rms"], rtol=0.04)


def heave_of(cp: NDArray[np.float64], mode: NDArray[np.complex128]) -> tuple[float, float, float]:
    """Frequency in Hz, amplitude in degrees, and likeness to the mode's shape (1: equal) of a run's strongest line."""
    taper = np.hanning(cp.shape[1])
    spectrum = np.fft.rfft(signal.detrend(cp) * taper)
    frequency = np.fft.rfftfreq(cp.shape[1], 1 / aerosense.SAMPLE_RATE_HZ)
    power = np.where((frequency > 1.5) & (frequency < 2.5), np.square(np.abs(spectrum)).sum(axis=0), 0)
    shape = spectrum[:, power.argmax()]
    overlap = abs(np.vdot(mode, shape))
    likeness = overlap / np.linalg.norm(mode) / np.linalg.norm(shape)
    return frequency[power.argmax()], overlap / np.linalg.norm(mode) ** 2 * 2 / taper.sum(), likeness


@pytest.mark.parametrize(("damage", "drive_hz", "line_hz", "velocity"), [
    ("healthy", 1.0, 1.91, 0.042), ("crack_5mm", 1.9, 1.83, 0.085), ("added_mass", 1.9, 1.765, 0.035),
    ("crack_20mm", 1.0, 2.04, 0.012),
])
def test_heave_has_its_measured_line_and_shape(
    twin: Twin, calibration: dict[str, Any], damage: str, drive_hz: float, line_hz: float, velocity: float
) -> None:
    measured = calibration["wind_10"]
    mode = np.array(measured["heave_mode_real_per_deg"]) + 1j * np.array(measured["heave_mode_imag_per_deg"])
    runs = [number for number in WIND_RUNS if aerosense.condition_of(number) in
            [aerosense.Condition(damage, 10, drive_hz, repeat) for repeat in (1, 2, 3)]]
    assert len(runs) == 3
    for run in runs:
        frequency, amplitude, likeness = heave_of(cp_of(twin, run), mode)
        assert frequency == pytest.approx(line_hz, abs=0.05 + 0.01 * line_hz)  # a bin of 20 s, and the runs' spread
        assert 0.6 < amplitude / np.rad2deg(velocity / (1.2 * 10)) < 1.5
        assert likeness > (0.98 if velocity > 0.03 else 0.8)  # the weak ones stand in the noise


def test_zeroing_errors_are_shared_between_channels(calibration: dict[str, Any]) -> None:
    measured = calibration["zeroing_error_pa"]
    twin = Twin(seed=3, angle_of_attack=0, repeats=3, wind_seconds=12)
    runs = [session * aerosense.RUNS_PER_SESSION + number for session in range(8) for number in WIND_RUNS]
    errors = np.array([twin.drift(number)[PRESET] for number in runs])
    common = errors.mean(axis=1)
    modes = np.array(measured["modes"])
    modes_without_mean = modes - modes.mean(axis=1, keepdims=True)
    expected = (modes_without_mean.T * np.square(measured["mode_sd"])) @ modes_without_mean
    covariance = np.cov((errors - common[:, None]).T)

    eigenvalues = np.linalg.eigvalsh(covariance)[::-1]
    assert eigenvalues[:4] == pytest.approx(np.linalg.eigvalsh(expected)[::-1][:4] + 0.64, rel=0.25)
    assert eigenvalues[4:].max() < 1.2  # independent rest: 0.8 Pa, 0.64 Pa2
    assert eigenvalues[:4].sum() > 0.7 * eigenvalues.sum()
    assert 5 < common.std() < 16
    assert common.max() > 25  # the tail


def test_published_zeroing_leaves_the_drawn_drift(twin: Twin, twin_raw: Path, twin_list: RecordingList,
                                                  calibration: dict[str, Any]) -> None:
    drawn = Twin(seed=2507, angle_of_attack=0, repeats=3, wind_seconds=14)
    for recording in [each for each in twin_list.recordings if each.kind == "wind" and each.wind == 20][:6]:
        references = twin_list.zeroing_references(recording, frozenset())
        means = [read_samples(twin_raw / each.path).values[PRESET].mean(axis=1, dtype=np.float64)
                 for each in (recording, *references)]
        left = (means[0] - np.mean(means[1:], axis=0)) * aerosense.PASCALS_PER_COUNT
        left -= np.array(calibration["wind_20"]["mean_cp"]) * aerosense.dynamic_pressure(20)
        error = left - drawn.drift(recording.number)[PRESET]
        assert np.std(error) < 0.8  # noise of the means, and the mean of the line's cut period
        assert abs(error.mean()) < 3.0  # start-up drift


def test_a_run_does_not_depend_on_the_others(twin: Twin) -> None:
    later = 5 * aerosense.RUNS_PER_SESSION + 4
    alone = Twin(seed=7, angle_of_attack=0, repeats=2, wind_seconds=20).counts(later)
    twin.counts(1)
    assert np.array_equal(alone, twin.counts(later))
    assert not np.array_equal(alone, Twin(seed=8, angle_of_attack=0, repeats=2, wind_seconds=20).counts(later))


def test_other_angle_follows_the_panel_method(calibration: dict[str, Any]) -> None:
    twin = Twin(seed=7, angle_of_attack=8, repeats=3, wind_seconds=20)
    cp = cp_of(twin, 7)
    expected = np.array(calibration["panel_aoa8"]["cp_all40"])[PRESET]
    np.testing.assert_allclose(cp.mean(axis=1), expected, atol=0.02)


def test_dead_sensors_read_full_scale(twin: Twin) -> None:
    counts = twin.counts(3)
    dead = [aerosense.SENSORS.index(name) for name in aerosense.DEAD_SENSORS]
    assert (counts[dead] == 2**24 - 1).all()
    live = np.delete(counts, dead, axis=0)
    assert ((live > 3.8e6) & (live < 4.2e6)).all()
