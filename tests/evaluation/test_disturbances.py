"""Every disturbance does to windows what its description says, and nothing else."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecodec.data.windows import lowpass
from edgecodec.evaluation.disturbances import DISTURBANCES, Disturbed

Floats = NDArray[np.float32]
RATE_HZ, LOWPASS_HZ = 100.0, 5.0
FAULTS = [name for name, disturbance in DISTURBANCES.items() if disturbance.of_sensor]
FIELDS = [name for name, disturbance in DISTURBANCES.items() if not disturbance.of_sensor]


@pytest.fixture(scope="module")
def windows() -> Floats:
    """[5, 12, 800]: means, a heave line of 1.9 Hz, noise."""
    generator = np.random.default_rng(0)
    line = 0.1 * np.sin(2 * np.pi * 1.9 * np.arange(800) / RATE_HZ)
    means = generator.normal(size=(5, 12, 1))
    return (means + line + generator.normal(scale=0.02, size=(5, 12, 800))).astype(np.float32)


def disturbed(name: str, windows: Floats, seed: int = 1) -> Disturbed:
    return DISTURBANCES[name].of(windows, RATE_HZ, LOWPASS_HZ, np.random.default_rng(seed))


def of_failing_sensor(name: str, windows: Floats) -> tuple[Floats, Floats]:
    """What the failing sensors send [n, samples], and what they should."""
    found = disturbed(name, windows)
    return found.inputs[found.faulty], windows[found.faulty]


def main_frequency(windows: NDArray[np.floating]) -> float:
    """In Hz, of the mean over channels and windows' spectra."""
    spectrum = np.abs(np.fft.rfft(windows - windows.mean(axis=-1, keepdims=True), axis=-1)).mean(axis=(0, 1))
    return float(spectrum.argmax() * RATE_HZ / windows.shape[-1])


# -- all of them -------------------------------------------------------------------------------------------------------


def test_the_table_has_every_kind_by_its_name() -> None:
    assert FAULTS == ["sensor_stuck", "sensor_constant", "sensor_spike", "sensor_zero", "sensor_full_scale",
                      "sensor_missing", "sensor_jump"]
    assert FIELDS == ["none", "step", "drift", "triple_amplitude", "line", "other_heave", "reversed", "large_noise",
                      "small_noise", "other_array"]
    assert all(disturbance.name == name for name, disturbance in DISTURBANCES.items())
    assert len({disturbance.description for disturbance in DISTURBANCES.values()}) == len(DISTURBANCES)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_seed_gives_the_same_again_and_the_windows_stay(name: str, windows: Floats) -> None:
    before = windows.copy()
    first, second = disturbed(name, windows), disturbed(name, windows)
    for one, other in zip(vars(first).values(), vars(second).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(windows, before)
    assert first.inputs.dtype == first.targets.dtype == np.float32
    assert first.inputs.shape == first.targets.shape == windows.shape
    assert first.inputs.flags.c_contiguous  # torch takes no other strides


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_of_one_sensor_and_the_field_is_as_it_was(name: str, windows: Floats) -> None:
    found = disturbed(name, windows)
    assert found.faulty.sum(axis=1).tolist() == [1] * len(windows)
    assert len(np.unique(found.faulty.argmax(axis=1))) > 1
    np.testing.assert_array_equal(found.inputs[~found.faulty], windows[~found.faulty])
    assert (found.inputs[found.faulty] != windows[found.faulty]).any(axis=1).all()
    np.testing.assert_array_equal(found.targets, lowpass(windows, RATE_HZ, LOWPASS_HZ))


@pytest.mark.parametrize("name", FIELDS)
def test_a_disturbed_field_is_what_the_receiver_should_give(name: str, windows: Floats) -> None:
    found = disturbed(name, windows)
    assert not found.faulty.any()
    np.testing.assert_array_equal(found.targets, lowpass(found.inputs, RATE_HZ, LOWPASS_HZ))


# -- sensors -----------------------------------------------------------------------------------------------------------


def test_a_stuck_sensor_repeats_its_last_value(windows: Floats) -> None:
    for sent, due in zip(*of_failing_sensor("sensor_stuck", windows), strict=True):
        since = int((sent != due).argmax()) - 1  # the value that it repeats
        assert 200 <= since < 400
        np.testing.assert_array_equal(sent[since:], due[since])


def test_a_constant_sensor_repeats_its_first_value(windows: Floats) -> None:
    sent, due = of_failing_sensor("sensor_constant", windows)
    np.testing.assert_array_equal(sent, np.broadcast_to(due[:, :1], due.shape))


def test_a_spike_is_in_one_sample(windows: Floats) -> None:
    sent, due = of_failing_sensor("sensor_spike", windows)
    np.testing.assert_array_equal((sent != due).sum(axis=1), 1)
    np.testing.assert_allclose((sent - due).max(axis=1), 5, rtol=1e-5)


@pytest.mark.parametrize(("name", "value"), [
    ("sensor_zero", 0.0), ("sensor_full_scale", 100.0), ("sensor_missing", np.nan)])
def test_a_sensor_may_send_one_value_only(name: str, value: float, windows: Floats) -> None:
    sent, _ = of_failing_sensor(name, windows)
    np.testing.assert_array_equal(sent, value)


def test_a_jump_comes_at_half_time(windows: Floats) -> None:
    sent, due = of_failing_sensor("sensor_jump", windows)
    np.testing.assert_array_equal(sent[:, :400], due[:, :400])
    np.testing.assert_allclose(sent[:, 400:] - due[:, 400:], 0.3, atol=1e-6)


# -- fields ------------------------------------------------------------------------------------------------------------


def test_nothing_is_nothing(windows: Floats) -> None:
    np.testing.assert_array_equal(disturbed("none", windows).inputs, windows)


def test_a_step_comes_at_half_time_on_all_channels(windows: Floats) -> None:
    added = disturbed("step", windows).inputs - windows
    np.testing.assert_allclose(added, np.broadcast_to(0.3 * (np.arange(800) >= 400), windows.shape), atol=1e-6)


def test_a_drift_grows_evenly_on_all_channels(windows: Floats) -> None:
    added = disturbed("drift", windows).inputs - windows
    np.testing.assert_allclose(added, np.broadcast_to(np.linspace(0, 0.5, 800), windows.shape), atol=1e-6)


def test_three_times_the_amplitude_leaves_the_means(windows: Floats) -> None:
    inputs = disturbed("triple_amplitude", windows).inputs
    np.testing.assert_allclose(inputs.mean(axis=-1), windows.mean(axis=-1), atol=1e-5)
    np.testing.assert_allclose(inputs.std(axis=-1), 3 * windows.std(axis=-1), rtol=1e-4)


def test_a_line_is_the_same_on_all_channels(windows: Floats) -> None:
    added = disturbed("line", windows).inputs - windows
    np.testing.assert_allclose(added, np.broadcast_to(added[:, :1], added.shape), atol=1e-6)
    assert main_frequency(added) == pytest.approx(3.1, abs=0.125)
    np.testing.assert_allclose(added.std(axis=-1), 0.1 / np.sqrt(2), rtol=0.01)


def test_stretched_time_moves_the_heave(windows: Floats) -> None:
    inputs = disturbed("other_heave", windows).inputs
    assert main_frequency(windows) == pytest.approx(1.9, abs=0.125)
    assert main_frequency(inputs) == pytest.approx(1.9 / 1.3, abs=0.125)
    np.testing.assert_allclose(inputs[..., 0], windows[..., 0], atol=1e-6)


def test_reversed_channels_are_the_same_again_when_reversed(windows: Floats) -> None:
    np.testing.assert_array_equal(disturbed("reversed", windows).inputs[:, ::-1], windows)


@pytest.mark.parametrize(("name", "deviation"), [("large_noise", 20.0), ("small_noise", 0.3)])
def test_noise_is_white_and_alone(name: str, deviation: float, windows: Floats) -> None:
    inputs = disturbed(name, windows).inputs
    assert inputs.std() == pytest.approx(deviation, rel=0.02)
    assert abs(np.corrcoef(inputs.ravel(), windows.ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(inputs[..., 1:].ravel(), inputs[..., :-1].ravel())[0, 1]) < 0.03


def test_wavelets_of_another_array_pass_the_lowpass_and_have_no_means(windows: Floats) -> None:
    found = disturbed("other_array", windows)
    strength = found.inputs.std()
    assert strength > 0.1
    assert np.abs(found.inputs.mean(axis=-1)).max() < 0.5 * strength
    assert (found.inputs - found.targets).std() < 0.05 * strength


def test_wavelets_of_another_array_travel(windows: Floats) -> None:
    inputs = disturbed("other_array", windows).inputs
    first, last = inputs[:, 0] - inputs[:, 0].mean(), inputs[:, -1] - inputs[:, -1].mean()
    assert np.corrcoef(inputs[:, 0].ravel(), inputs[:, 1].ravel())[0, 1] > 0.9
    assert np.corrcoef(first.ravel(), last.ravel())[0, 1] < 0.9
