"""The twin's runs without sensor noise are the same runs, by the same path."""

from pathlib import Path

import numpy as np
import pytest

from edgecodec import aerosense
from edgecodec.data.noise_free import noise_free_targets
from edgecodec.data.recordings import RecordingList
from edgecodec.data.twin import Twin
from edgecodec.data.windows import Calibration, WindowSet, lowpass
from edgecodec.params import Params


@pytest.mark.parametrize("experiment", [3, 8])  # 10 and 20 m/s
def test_what_the_noise_adds_is_white_and_as_strong_as_measured(experiment: int) -> None:
    twin = Twin(seed=7, angle_of_attack=0, repeats=3, wind_seconds=60)
    noise = (twin.counts(experiment) - twin.counts(experiment, sensor_noise=False)) * aerosense.PASCALS_PER_COUNT
    live = [index for index, name in enumerate(aerosense.SENSORS) if name not in aerosense.DEAD_SENSORS]
    spread = noise[live].std(axis=1)
    low = lowpass(noise[live], aerosense.SAMPLE_RATE_HZ, cutoff_hz=5.0).std(axis=1)
    assert spread.min() > 1  # Pa
    np.testing.assert_allclose(low / spread, np.sqrt(5 / 50), rtol=0.2)
    assert np.abs(np.corrcoef(noise[live]) - np.eye(len(live))).max() < 0.07


def test_still_air_is_the_same_reference_for_both() -> None:
    twin = Twin(seed=7, angle_of_attack=0, repeats=3, wind_seconds=20)
    np.testing.assert_array_equal(twin.counts(2), twin.counts(2, sensor_noise=False))


def test_the_path_gives_the_very_targets_if_the_noise_is_left_in(
        small_params: Params, small_windows: Path, validation: WindowSet) -> None:
    raw = small_windows.parent / "raw"
    listed = RecordingList.open(raw)
    segment = validation.description.segments[-1]
    recording = next(each for each in listed.recordings if each.name == segment.recording)
    twin = Twin(small_params.seed, 0, small_params.data.twin.repeats, small_params.data.twin.seconds)
    calibration = Calibration(raw, listed, frozenset(), small_params.window)
    values = calibration.apply(recording, twin.counts(recording.number))
    rows = validation.target_rows[segment.first_row:segment.first_row + segment.rows]
    np.testing.assert_array_equal(lowpass(values, 100.0, 5.0).T.astype(np.float32), rows)


def test_noise_free_targets_differ_by_the_noise_below_the_cutoff(
        small_params: Params, small_windows: Path, validation: WindowSet) -> None:
    clean = noise_free_targets(small_params, small_windows.parent / "raw", frozenset(), validation)
    targets = validation.targets()
    above = (validation.inputs() - targets).std(axis=(1, 2))
    below = (targets - clean).std(axis=(1, 2))
    np.testing.assert_allclose(np.median(below / above), np.sqrt(5 / 45), rtol=0.15)
