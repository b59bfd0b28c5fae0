"""Windows: calibrated, split by recording, gathered from disk without loading it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pressure import pressure_coefficient

from edgecodec import aerosense
from edgecodec.data.recordings import Recording, RecordingList, read_samples
from edgecodec.data.windows import WindowSet, lowpass, write_windows
from edgecodec.errors import EdgeCodecError
from edgecodec.params import Params, WindowParams

NONE = frozenset[str]()


def array_of(folder: Path, lengths: list[int], channels: int = 3, fraction: float = 0.25) -> RecordingList:
    """Recordings whose samples count up, so that a window tells where it came from."""
    recordings = []
    for number, rows in enumerate(lengths):
        values = np.arange(rows, dtype=np.float32) + 10_000 * number
        columns = [np.arange(rows) / 100, *(values + 1_000_000 * channel for channel in range(channels))]
        names = ["time", *(f"C{channel}" for channel in range(channels))]
        pyarrow.parquet.write_table(pyarrow.table(columns, names=names), folder / f"{number}.parquet")
        recordings.append(Recording(
            name=str(number), path=f"{number}.parquet", kind="signal", series="array", number=number, wind=0,
            condition="signal", split="both" if len(lengths) == 1 else "validation" if number == 0 else "train",
            divisor=1.0,
        ))
    return RecordingList(sample_rate_hz=100, channels=tuple(f"C{channel}" for channel in range(channels)), presets={},
                         scale=1.0, integers=False, plausible=None, validation_fraction=fraction,
                         recordings=tuple(recordings))


def window_params(samples: int = 100) -> WindowParams:
    return WindowParams(preset="edgecodec36", samples=samples, skip_first_rows=7, skip_last_rows=3, lowpass_hz=5,
                        train_stride=10, validation_stride=50)


def test_a_window_is_zeroed_counts_over_dynamic_pressure(
    twin_raw: Path, twin_list: RecordingList, train: WindowSet, small_params: Params
) -> None:
    recording = next(each for each in twin_list.recordings if each.kind == "wind" and each.wind == 20)
    which = np.flatnonzero(train.recording == recording.name)
    channels = [aerosense.SENSORS.index(name) for name in train.channel_names]
    counts, before, after = (read_samples(twin_raw / each.path).values[channels].astype(np.float64) for each in (
        recording, *twin_list.zeroing_references(recording, NONE)))
    zero = (before.mean(axis=1) + after.mean(axis=1)) / 2 * aerosense.PASCALS_PER_COUNT
    cp = pressure_coefficient(counts, zero, 20)
    start = small_params.window.skip_first_rows + small_params.window.train_stride
    np.testing.assert_allclose(train.inputs(which)[1], cp[:, start:start + 800], atol=1e-6)
    assert train.inputs(which).dtype == np.float32
    assert set(train.wind[which]) == {20}
    assert set(train.values("wind")[which]) == {"20m/s"}


def test_splits_share_no_recording_and_repeat_3_validates(train: WindowSet, validation: WindowSet) -> None:
    assert not set(train.recording) & set(validation.recording)
    assert len(set(train.recording)) == 48
    assert len(set(validation.recording)) == 24
    assert set(train.condition) == set(validation.condition)
    for name in set(validation.recording):
        condition = aerosense.condition_of(int(name[-3:]))
        assert condition is not None
        assert condition.repeat == 3


def test_targets_are_the_low_passed_recording(train: WindowSet) -> None:
    segment = train.description.segments[0]
    rows = slice(segment.first_row, segment.first_row + segment.rows)
    expected = lowpass(train.input_rows[rows].T, 100, 5).T
    np.testing.assert_allclose(train.target_rows[rows], expected, atol=1e-6)


@pytest.mark.parametrize(("frequency_hz", "gain"), [(0.5, 1.0), (2.0, 1.0), (5.0, 0.5), (10.0, 0.0)])
def test_lowpass_keeps_phase_and_cuts_at_5_hz(frequency_hz: float, gain: float) -> None:
    wave = np.cos(2 * np.pi * frequency_hz * np.arange(4000) / 100)
    np.testing.assert_allclose(lowpass(wave, 100, 5)[1000:3000], gain * wave[1000:3000], atol=0.01)


def test_draws_are_windows_of_one_recording_at_any_offset(tmp_path: Path) -> None:
    listed = array_of(tmp_path, [400, 300, 500])
    write_windows({tmp_path: listed}, NONE, window_params(), tmp_path / "windows")
    train = WindowSet.open(tmp_path / "windows" / "train")
    batch = train.draw(np.random.default_rng(0), 4000)
    assert batch.inputs.shape == batch.targets.shape == (4000, 3, 100)
    assert np.all(np.diff(batch.inputs) == 1)  # never across the seam of two recordings
    assert np.all(batch.inputs[:, 2] - batch.inputs[:, 0] == 2_000_000)
    starts, counts = np.unique(batch.inputs[:, 0, 0], return_counts=True)
    offsets = [10_000 + 7 + np.arange(290 - 100 + 1), 20_000 + 7 + np.arange(490 - 100 + 1)]
    assert np.array_equal(starts, np.concatenate(offsets))  # every offset occurs
    assert counts.max() < 25  # and none is preferred: 6.9 are expected


@given(seed=st.integers(0, 2**32), n=st.integers(1, 20))
def test_draws_are_repeatable(train: WindowSet, seed: int, n: int) -> None:
    first, second = (train.draw(np.random.default_rng(seed), n) for _ in range(2))
    assert np.array_equal(first.inputs, second.inputs)
    assert np.array_equal(first.targets, second.targets)
    assert first.inputs.shape == (n, 36, 800)
    assert first.inputs.flags.c_contiguous
    assert set(first.wind) <= {10, 20}


def test_one_recording_validates_at_its_end_without_overlap(tmp_path: Path) -> None:
    listed = array_of(tmp_path, [1010])
    write_windows({tmp_path: listed}, NONE, window_params(), tmp_path / "windows")
    train, validation = (WindowSet.open(tmp_path / "windows" / split) for split in ("train", "validation"))
    assert train.inputs().max(axis=(0, 2))[0] < validation.inputs().min(axis=(0, 2))[0]
    assert len(train.input_rows) == 750
    assert len(validation.input_rows) == 250


def test_indexing_by_slice_and_array_agree(train: WindowSet) -> None:
    assert np.array_equal(train.targets(slice(3, 6)), train.targets(np.array([3, 4, 5])))
    assert len(train.targets(slice(0))) == 0


def test_same_recordings_give_the_same_bytes(
    twin_raw: Path, twin_list: RecordingList, small_params: Params, small_windows: Path, tmp_path: Path
) -> None:
    write_windows({twin_raw: twin_list}, NONE, small_params.window, tmp_path / "windows")
    for path in sorted(small_windows.rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "windows" / path.relative_to(small_windows)).read_bytes()


def test_excluded_recordings_leave_no_window(
    twin_raw: Path, twin_list: RecordingList, small_params: Params, tmp_path: Path
) -> None:
    excluded = frozenset({"aoa_0deg_Exp_003", "aoa_0deg_Exp_002"})
    summaries = write_windows({twin_raw: twin_list}, excluded, small_params.window, tmp_path / "windows")
    train = WindowSet.open(tmp_path / "windows" / "train")
    assert "aoa_0deg_Exp_003" not in train.recording
    assert "aoa_0deg_Exp_004" in train.recording  # its other zeroing run is left
    assert summaries["train"].recordings == 47
    assert summaries["train"].windows == len(train)


def test_memory_is_bounded_by_one_recording(tmp_path: Path) -> None:
    listed = array_of(tmp_path, [20_000] * 12, channels=36)
    one = 20_000 * 36 * 8
    tracemalloc.start()
    try:
        write_windows({tmp_path: listed}, NONE, window_params(800), tmp_path / "windows")
        batch = WindowSet.open(tmp_path / "windows" / "train").draw(np.random.default_rng(0), 64)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert batch.inputs.shape == (64, 36, 800)
    assert peak < 8 * one  # 46 MB; all recordings are 69 MB, and twice that as windows


@pytest.mark.parametrize(("lengths", "fraction", "message"), [
    ([400, 105], 0.25, "95 samples are left for train"),
    ([400], 0.1, "39 samples are left for validation"),
    ([], 0.25, "no recording is left for train; every one that was meant for it was left out"),
])
def test_too_little_data_is_refused_and_leaves_nothing(
    tmp_path: Path, lengths: list[int], fraction: float, message: str
) -> None:
    listed = array_of(tmp_path, lengths, fraction=fraction)
    with pytest.raises(EdgeCodecError, match=message):
        write_windows({tmp_path: listed}, NONE, window_params(), tmp_path / "windows")
    assert not list(tmp_path.glob("*windows*"))


def test_wind_run_without_zeroing_is_refused(
    twin_raw: Path, twin_list: RecordingList, small_params: Params, tmp_path: Path
) -> None:
    zeroing = frozenset(recording.name for recording in twin_list.recordings if recording.kind == "zeroing")
    with pytest.raises(EdgeCodecError, match="aoa_0deg_Exp_003: no zeroing run"):
        write_windows({twin_raw: twin_list}, zeroing, small_params.window, tmp_path / "windows")


@pytest.mark.parametrize("damage", ["cut", "absent", "index"])
def test_damaged_set_is_refused_in_one_line(small_windows: Path, tmp_path: Path, damage: str) -> None:
    for path in (small_windows / "train").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if damage == "cut":
        (tmp_path / "targets.f32").write_bytes((tmp_path / "targets.f32").read_bytes()[:-144])
    elif damage == "absent":
        (tmp_path / "set.json").unlink()
    else:
        (tmp_path / "windows.parquet").write_bytes(b"PAR1")
    with pytest.raises(EdgeCodecError, match="run the stage") as raised:
        WindowSet.open(tmp_path)
    assert "\n" not in str(raised.value)


def test_real_windows_resemble_the_twins(real_windows: Path, train: WindowSet, validation: WindowSet) -> None:
    """What a codec has to code: low-passed spread about the means, and noise; by wind speed."""
    real = np.load(real_windows / "dev.npz")
    for wind in (10, 20):
        figures = []
        for windows in (real["x"][real["wind"] == wind], train.inputs(np.flatnonzero(train.wind == wind))):
            targets = lowpass(windows, 100, 5)
            dynamic = np.median(targets.std(axis=2))
            noise = np.sqrt(np.mean(np.square(windows - targets)))
            figures.append((dynamic, noise))
        np.testing.assert_allclose(figures[1], figures[0], rtol=0.1)
