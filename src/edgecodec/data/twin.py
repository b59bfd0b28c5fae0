"""The AeroSense twin: recordings of the blade section as the real experiment writes them, without the real data.

A run is the sum of what was measured on real windows: mean pressure, one heave line with the shape dCp/dalpha and its
harmonics, inflow turbulence, the room's slow pressure, start-up drift and sensor noise, on top of the ambient pressure
and the sensors' offsets. Zeroing runs see only the latter. Between two zeroing runs the offsets drift, and that drift
is drawn so that the published zeroing leaves the errors found in real windows.

``aerosense_calibration.json`` holds the figures: our own measurements on 29 public real windows
(github.com/MiirHo3eIN/aero_autoencoder, MIT, after Franz et al., wes-2025-26) and a panel method's pressures at angles
of attack 0 and 8. Constants below come from the same windows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgecodec import aerosense
from edgecodec.aerosense import Condition
from edgecodec.packaged import packaged

Array = NDArray[np.float64]

ZEROING_SECONDS = 10.0
EPOCH_SECONDS = 1_656_000_000.0
SESSION_SPACING_SECONDS = 7 * 86400.0
RUN_SPACING_SECONDS = 300.0

# (damage, drive frequency) -> (heave line in Hz, heave velocity amplitude in m/s)
_HEAVE = {
    ("healthy", 1.0): (1.91, 0.042),
    ("added_mass", 1.0): (2.00, 0.012),
    ("crack_5mm", 1.0): (1.93, 0.040),
    ("crack_10mm", 1.0): (1.935, 0.038),
    ("crack_15mm", 1.0): (1.95, 0.034),
    ("crack_20mm", 1.0): (2.04, 0.012),
    ("healthy", 1.9): (1.83, 0.103),
    ("added_mass", 1.9): (1.765, 0.035),
    ("crack_5mm", 1.9): (1.83, 0.085),
    ("crack_10mm", 1.9): (1.85, 0.060),
    ("crack_15mm", 1.9): (1.81, 0.045),
    ("crack_20mm", 1.9): (1.80, 0.040),
}
# Heave velocity at 20 m/s relative to 10 m/s, by drive frequency.
_HEAVE_AT_20 = {1.0: 0.72, 1.9: 0.95}
_FREQUENCY_SPREAD = 0.004  # between runs, relative
_AMPLITUDE_SPREAD = 0.12  # between runs, of the logarithm
_ENVELOPE_RMS = 0.03
_PHASE_WALK = 0.004  # rad per sample
_HARMONICS = {2: (0.035, 0.055), 3: (0.02, 0.045)}  # order -> range of the amplitude relative to the line

_ANGLE_TURBULENCE_DEG = 0.02
_SPEED_TURBULENCE = {10: 0.0012, 20: 0.0020}  # u'/U
_TURBULENCE_SPREAD = 0.2
_ROOM_PRESSURE_PA = {10: 0.7, 20: 1.2}
_STARTUP_PA = 3.0
_STARTUP_SECONDS = 15.0

_COMMON_ERROR_SD_PA = (4.66, 12.0)  # differs from session to session: 5 to 16 Pa with the tail
_COMMON_TAIL_CHANCE = 0.08
_COMMON_TAIL_PA = {10: (10.0, 25.0), 20: (10.0, 64.0)}

_AMBIENT_PA = 97_400.0
_WEATHER_SESSION_PA = 500.0
_WEATHER_SLOW_PA = 80.0
_WEATHER_RUN_PA = 4.0
_SENSOR_OFFSET_PA = 40.0
_STILL_NOISE_PA = 4.6


@dataclass(frozen=True)
class Flow:
    """The section at one wind speed and angle of attack, per sensor [40]."""

    mean_cp: Array
    heave_mode: NDArray[np.complex128]  # dCp per degree of heave-equivalent angle, in and out of phase
    noise_pascals: Array


@dataclass(frozen=True)
class ZeroingError:
    """Spread of what zeroing leaves, in Pa, beside the error common to all sensors."""

    modes: Array  # [modes, 40], each scaled by its standard deviation
    rest: float  # independent between sensors

    def draw(self, generator: np.random.Generator) -> Array:
        error: Array = generator.normal(size=len(self.modes)) @ self.modes
        error += generator.normal(scale=self.rest, size=self.modes.shape[1])
        return error


class Twin:
    """Raw recordings, drawn run by run: a run is the same whichever others are made."""

    def __init__(self, seed: int, angle_of_attack: int, repeats: int, wind_seconds: float) -> None:
        calibration = json.loads(packaged("data/aerosense_calibration.json").read_text())
        self._seed = seed
        self._angle = angle_of_attack
        self._repeats = repeats
        self._wind_rows = round(wind_seconds * aerosense.SAMPLE_RATE_HZ)
        self._flows = {wind: _flow(calibration, wind, angle_of_attack) for wind in (10, 20)}
        self._zeroing_error = _zeroing_error(calibration)

    def labbook(self, sessions: int) -> pd.DataFrame:
        """One row per run, in the columns of the real labbook."""
        rows = []
        for experiment in range(1, sessions * aerosense.RUNS_PER_SESSION + 1):
            condition = aerosense.condition_of(experiment)
            if condition is None:
                rows.append((self._angle, experiment, 1, 0))
            elif condition.repeat <= self._repeats:
                rows.append((self._angle, experiment, 0, condition.wind))
        return pd.DataFrame(rows, columns=list(aerosense.LABBOOK_COLUMNS))

    def time_seconds(self, experiment: int, rows: int) -> Array:
        """Epoch time [rows] of a run."""
        session, run = divmod(experiment - 1, aerosense.RUNS_PER_SESSION)
        start = EPOCH_SECONDS + session * SESSION_SPACING_SECONDS + run * RUN_SPACING_SECONDS
        return np.asarray(np.round(start + np.arange(rows) / aerosense.SAMPLE_RATE_HZ, 2))

    def counts(self, experiment: int, sensor_noise: bool = True) -> NDArray[np.int32]:
        """Counts [40, samples] of a run, as the sensors would have sent them.

        Without ``sensor_noise``, a wind run is the same run seen by sensors that have none. A still-air run is as it
        is: its mean is the zero of either.
        """
        condition = aerosense.condition_of(experiment)
        generator = self._generator(experiment, stream=1)
        if condition is None:
            pascals = self._still(experiment, generator)
        else:
            pascals = self._wind(experiment, condition, generator)
            if sensor_noise:  # drawn last: the run without it is the same run
                noise = generator.normal(size=pascals.shape)
                pascals += noise * self._flows[condition.wind].noise_pascals[:, None]
        counts = np.rint(pascals / aerosense.PASCALS_PER_COUNT).astype(np.int32)
        for name in aerosense.DEAD_SENSORS:
            counts[aerosense.SENSORS.index(name)] = aerosense.DEAD_COUNT
        return counts

    def _generator(self, experiment: int, stream: int) -> np.random.Generator:
        session, run = divmod(experiment - 1, aerosense.RUNS_PER_SESSION)
        return np.random.default_rng([self._seed, session, run, stream])

    def _session(self, experiment: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, (experiment - 1) // aerosense.RUNS_PER_SESSION])

    def _level(self, experiment: int) -> Array:
        """Ambient pressure plus sensor offsets [40] during a still-air run."""
        session = self._session(experiment)
        weather = _AMBIENT_PA + session.normal(scale=_WEATHER_SESSION_PA)
        offsets = session.normal(scale=_SENSOR_OFFSET_PA, size=len(aerosense.SENSORS))
        phase = session.uniform(0, 2 * np.pi)
        run = (experiment - 1) % aerosense.RUNS_PER_SESSION
        slow = _WEATHER_SLOW_PA * np.sin(2 * np.pi * run / aerosense.RUNS_PER_SESSION + phase)
        own = self._generator(experiment, stream=0)
        offsets += self._zeroing_error.draw(own)
        offsets += weather + slow + own.normal(scale=_WEATHER_RUN_PA)
        return offsets

    def drift(self, experiment: int) -> Array:
        """Zeroing error [40] of a wind run in Pa: how far its level is from the mean of its two references."""
        condition = aerosense.condition_of(experiment)
        assert condition is not None, "still-air runs are the reference"
        own = self._generator(experiment, stream=0)
        spread = self._session(experiment).spawn(1)[0].uniform(*_COMMON_ERROR_SD_PA)
        common = own.normal(scale=spread)
        if own.random() < _COMMON_TAIL_CHANCE:
            common += own.uniform(*_COMMON_TAIL_PA[condition.wind])
        error = self._zeroing_error.draw(own)
        error += common
        return error

    def _still(self, experiment: int, generator: np.random.Generator) -> Array:
        rows = round(ZEROING_SECONDS * aerosense.SAMPLE_RATE_HZ)
        room = _coloured(generator, rows, corner_hz=0.05, slope=2.5, rms=_ROOM_PRESSURE_PA[10])
        noise = generator.normal(scale=_STILL_NOISE_PA, size=(len(aerosense.SENSORS), rows))
        return self._level(experiment)[:, None] + room + noise

    def _wind(self, experiment: int, condition: Condition, generator: np.random.Generator) -> Array:
        """Pressure [40, samples] in Pa during a wind run, without sensor noise."""
        rows, wind = self._wind_rows, condition.wind
        flow = self._flows[wind]
        time = np.arange(rows) / aerosense.SAMPLE_RATE_HZ
        heave, harmonics = _heave(condition, generator, rows)
        spread = np.exp(_TURBULENCE_SPREAD * generator.normal(size=2))
        angle = _turbulence(generator, rows, _ANGLE_TURBULENCE_DEG * spread[0])
        speed = _turbulence(generator, rows, _SPEED_TURBULENCE[wind] * spread[1])
        room = _coloured(generator, rows, corner_hz=0.05, slope=2.5, rms=_ROOM_PRESSURE_PA[wind])
        startup = -_STARTUP_PA * generator.random() * np.exp(-time / _STARTUP_SECONDS)

        shapes = np.stack([flow.heave_mode.real, -flow.heave_mode.imag, 2 * flow.mean_cp], axis=1)  # dCp = 2 Cp u'/U
        courses = np.stack([heave.real + harmonics + angle, heave.imag, speed])
        cp = flow.mean_cp[:, None] + shapes @ courses
        references = [self._level(_nearest_still_run(experiment, step)) for step in (-1, +1)]
        level = np.mean(references, axis=0) + self.drift(experiment)
        return np.asarray(level[:, None] + aerosense.dynamic_pressure(wind) * cp + room + startup)


def _nearest_still_run(experiment: int, step: int) -> int:
    """The still-air run before (step -1) or after (step +1) a wind run: its zeroing reference."""
    while aerosense.condition_of(experiment) is not None:
        experiment += step
    return experiment


def _heave(condition: Condition, generator: np.random.Generator, rows: int) -> tuple[NDArray[np.complex128], Array]:
    """Heave-equivalent angle in degrees: the line as a rotating phasor [rows], and its harmonics [rows]."""
    line_hz, velocity = _HEAVE[condition.damage, condition.drive_hz]
    if condition.wind == 20:
        velocity *= _HEAVE_AT_20[condition.drive_hz]
    line_hz *= 1 + _FREQUENCY_SPREAD * generator.normal()
    velocity *= np.exp(_AMPLITUDE_SPREAD * generator.normal())
    amplitude = np.rad2deg(velocity / (aerosense.TRUE_SPEED_PER_SET_SPEED * condition.wind))
    walk = np.cumsum(generator.normal(scale=_PHASE_WALK, size=rows))
    phase = 2 * np.pi * (line_hz * np.arange(rows) / aerosense.SAMPLE_RATE_HZ + generator.random()) + walk
    envelope = 1 + _coloured(generator, rows, corner_hz=0.05, slope=3.0, rms=_ENVELOPE_RMS)
    harmonics = np.zeros(rows)
    for order, (low, high) in _HARMONICS.items():
        harmonics += amplitude * generator.uniform(low, high) * np.cos(order * phase + generator.uniform(0, 2 * np.pi))
    return amplitude * envelope * np.exp(1j * phase), harmonics


def _turbulence(generator: np.random.Generator, rows: int, rms: float) -> Array:
    return _coloured(generator, rows, corner_hz=0.35, slope=3.2, rms=rms)


def _coloured(generator: np.random.Generator, rows: int, corner_hz: float, slope: float, rms: float) -> Array:
    """Gaussian course [rows] of zero mean with the power spectrum 1 / (1 + (f / corner)^slope)."""
    frequency = np.fft.rfftfreq(rows, 1 / aerosense.SAMPLE_RATE_HZ)
    gain = 1 / np.sqrt(1 + (frequency / corner_hz) ** slope)
    gain[0] = 0
    course = np.fft.irfft(gain * (generator.normal(size=(2, len(frequency))).T @ [1, 1j]), rows)
    return np.asarray(course * (rms / course.std()))


def _flow(calibration: dict[str, Any], wind: int, angle_of_attack: int) -> Flow:
    measured = calibration[f"wind_{wind}"]
    panel = calibration[f"panel_aoa{angle_of_attack}"]
    mean_cp = np.array(panel["cp_all40"])
    slope = np.array(panel["dcp_dalpha_per_deg_all40"])
    noise = _at_all_sensors(calibration, measured["noise_pa_rms"])
    if angle_of_attack != 0:  # nothing was measured there: the panel method alone
        return Flow(mean_cp, slope.astype(complex), noise)
    return Flow(
        _at_all_sensors(calibration, measured["mean_cp"], mean_cp),
        _at_all_sensors(calibration, measured["heave_mode_real_per_deg"], slope)
        + 1j * _at_all_sensors(calibration, measured["heave_mode_imag_per_deg"]),
        noise,
    )


def _zeroing_error(calibration: dict[str, Any]) -> ZeroingError:
    measured = calibration["zeroing_error_pa"]
    modes = [sd * _at_all_sensors(calibration, mode)
             for sd, mode in zip(measured["mode_sd"], measured["modes"], strict=True)]
    return ZeroingError(np.stack(modes), measured["independent_rest_sd"])


def _at_all_sensors(calibration: dict[str, Any], measured: list[float], model: Array | None = None) -> Array:
    """Figures of the 36 measured sensors at all 40: what ``model`` misses is interpolated along the chord."""
    where = np.array(calibration["sensor_position_chords_all40"])
    indices = np.array(calibration["sensor_index"])
    base = np.zeros(len(where)) if model is None else model
    return np.asarray(base + np.interp(where, where[indices], np.array(measured) - base[indices]))
