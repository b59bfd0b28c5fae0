"""Windows that a user brings, from a file; and every file that is no such thing, or not such windows, in one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from edgecodec.data.recordings import Recording, RecordingList, read_samples
from edgecodec.data.validation import judge
from edgecodec.data.window_reader import LabelledWindows, Trained, read_windows
from edgecodec.errors import EdgeCodecError
from edgecodec.params import Params

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    channel_names: tuple[str, ...] = ("A", "B", "C")
    samples: int = 50
    sample_rate_hz: float = 100.0


SHAPE = Shape()
MEANS = np.array([0.5, -0.5, 1.0], np.float32)
TRAINED = Trained(SHAPE, MEANS, np.full(3, 2.0, np.float32))


def windows(n: int = 4) -> Floats:
    noise = np.random.default_rng(0).normal(size=(n, 3, SHAPE.samples)).astype(np.float32)
    return 0.4 * noise + MEANS[:, None]


def with_nan() -> Floats:
    values = windows()
    values[2, 1, 7] = np.nan
    return values


@pytest.fixture
def read(small_params: Params) -> Callable[[Path], LabelledWindows]:
    return lambda path: read_windows(path, TRAINED, small_params.validate_, "wind")


Read = Callable[[Path], LabelledWindows]


@pytest.mark.parametrize(("label", "values", "groups"), [
    ("wind", np.array([10, 20, 10, 0]), ["wind 10m/s", "wind 20m/s", "wind 10m/s", ""]),
    ("wind", np.array(["10m/s", "20m/s", "", "10m/s"]), ["wind 10m/s", "wind 20m/s", "", "wind 10m/s"]),
    ("subject", np.array([0, 1, 10, 0]), ["subject 0", "subject 1", "subject 10", "subject 0"]),
    ("Maschine", np.array(["Säge", "Bohrer", "", "Säge"]), ["Maschine Säge", "Maschine Bohrer", "", "Maschine Säge"]),
])
def test_windows_and_their_label_are_read(label: str, values: NDArray[np.generic], groups: list[str], tmp_path: Path,
                                          small_params: Params) -> None:
    def read(label: str | None) -> LabelledWindows:
        return read_windows(tmp_path / "w.npz", TRAINED, small_params.validate_, label)

    np.savez(tmp_path / "w.npz", x=windows(), **{label: values})
    found = read(label)
    np.testing.assert_array_equal(found.windows, windows())
    assert found.groups is not None
    assert found.groups.tolist() == groups
    assert found.remarks == ()
    assert read("other").groups is read(None).groups is None


@pytest.mark.parametrize(("arrays", "complaint"), [
    ({"y": windows()}, "x: absent"),
    ({"x": windows()[0]}, r"x: shape \[3, 50\]; this codec takes \[n, 3, 50\]"),
    ({"x": windows()[:, :2]}, r"x: shape \[4, 2, 50\]"),
    ({"x": windows()[..., :49]}, r"x: shape \[4, 3, 49\]"),
    ({"x": windows(0)}, "n at least 1"),
    ({"x": windows().astype(np.float64)}, "x: float64; convert it to float32"),
    ({"x": windows().astype(str)}, "convert it to float32"),
    ({"x": with_nan()}, "window 2 holds NaN or Inf"),
    ({"x": np.where(windows() > 1, np.float32(np.inf), windows())}, "holds NaN or Inf"),
    ({"x": windows(), "wind": np.array([10.0] * 4)}, r"wind: float64 \[4\]"),
    ({"x": windows(), "wind": np.array([10] * 3)}, r"wind: int64 \[3\]"),
    ({"x": np.array([{"any": "object"}])}, "not a readable .npz without Python objects"),
    ({"x": windows(), "channels": np.array(["A", "B", "X"])}, "has no channel C"),
    ({"x": windows(), "channels": np.array(["A", "B"])}, "channels: 2 names for the 3 channels"),
    ({"x": np.where(np.float32([[[1], [0], [1]]]), windows(), np.float32(7))}, "B: dead, reads 7 throughout"),
])
def test_wrong_windows_are_refused_by_name_and_field(
        arrays: dict[str, Any], complaint: str, tmp_path: Path, read: Read) -> None:
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(EdgeCodecError, match=complaint) as caught:
        read(tmp_path / "w.npz")
    assert str(caught.value).startswith(str(tmp_path / "w.npz"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path, read: Read) -> None:
    (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(EdgeCodecError, match=r"not a readable \.npz"):
        read(tmp_path / "w.npz")


@pytest.mark.parametrize("name", ["w.npz", "w.npy", "w"])
@pytest.mark.parametrize("save", [np.save, lambda file, x: np.savez(file, x=x)])
def test_arrays_are_known_by_their_content(
        name: str, save: Callable[[Any, Floats], None], tmp_path: Path, read: Read) -> None:
    with (tmp_path / name).open("wb") as file:
        save(file, windows())
    np.testing.assert_array_equal(read(tmp_path / name).windows, windows())


def test_an_absent_file_is_refused(tmp_path: Path, read: Read) -> None:
    with pytest.raises(EdgeCodecError, match="not found"):
        read(tmp_path / "w.npz")


def table(values: Floats, period: float = 0.01) -> pd.DataFrame:
    """``values`` [channels, samples] with time."""
    frame = pd.DataFrame(values.T, columns=list("ABCDEF"[: len(values)]))
    frame.insert(0, "time", np.arange(values.shape[1]) * period)
    return frame


def series(n: int = 3) -> Floats:
    return np.concatenate(list(windows(n)), axis=1)


@pytest.mark.parametrize("name", ["r.csv", "plain.csv", "r.parquet", "r.npy"])
def test_a_recording_is_cut_end_to_end(name: str, tmp_path: Path, read: Read) -> None:
    recording = table(np.concatenate([series(3), series(1)[:, :20]], axis=1))
    if name == "r.parquet":
        recording.to_parquet(tmp_path / name)
    elif name == "r.npy":
        np.save(tmp_path / name, recording.to_numpy())
    else:
        recording.to_csv(tmp_path / name, index=False, header=name == "r.csv")
    found = read(tmp_path / name)
    np.testing.assert_allclose(found.windows, windows(3), rtol=1e-6)
    assert found.groups is None
    assert len(found.remarks) == (name in ("plain.csv", "r.npy"))  # whose channels have no names


@pytest.mark.parametrize("name", ["r.csv", "r.parquet", "w.npz"])
def test_channels_are_found_by_name(name: str, tmp_path: Path, read: Read) -> None:
    turned = table(series())[["C", "time", "B", "A"]]
    if name == "r.csv":
        turned.assign(note="text of no channel").to_csv(tmp_path / name, index=False)
    elif name == "r.parquet":
        turned.to_parquet(tmp_path / name)
    else:
        np.savez(tmp_path / name, x=windows(3)[:, ::-1], channels=np.array(["C", "B", "A"]))
    np.testing.assert_allclose(read(tmp_path / name).windows, windows(3), rtol=1e-6)


def test_an_absent_channel_is_named(tmp_path: Path, read: Read) -> None:
    table(series()).rename(columns={"B": "b"}).to_csv(tmp_path / "r.csv", index=False)
    with pytest.raises(EdgeCodecError, match=r"r\.csv: has no channel B; .* \(it has time, A, b, C\)"):
        read(tmp_path / "r.csv")


def test_time_that_is_absent_is_told(tmp_path: Path, read: Read) -> None:
    table(series()).drop(columns="time").to_csv(tmp_path / "r.csv", index=False)
    assert read(tmp_path / "r.csv").remarks == (
        f"{tmp_path / 'r.csv'}: has no column time; taken as 100 Hz without gaps",)


@pytest.mark.parametrize(("heading", "scale"), [("Time", 1), ("", 1), ("t [ms]", 1000), ("timestamp", 1)])
def test_a_time_of_another_name_is_judged_and_told(heading: str, scale: float, tmp_path: Path, read: Read) -> None:
    made = table(series())
    made["time"] *= scale
    made.rename(columns={"time": heading}).to_csv(tmp_path / "r.csv", index=False)
    (remark,) = read(tmp_path / "r.csv").remarks
    assert "is the time, in " in remark
    made["time"] *= 2
    made.rename(columns={"time": heading}).to_csv(tmp_path / "r.csv", index=False)
    with pytest.raises(EdgeCodecError, match=r"sampled every 0\.02 s, expected 0\.01 s"):
        read(tmp_path / "r.csv")


def late(frame: pd.DataFrame, row: int, seconds: float) -> pd.DataFrame:
    frame.loc[row:, "time"] += seconds
    return frame


def test_samples_that_are_lost_within_the_limits_are_told(tmp_path: Path, read: Read) -> None:
    late(table(series(40)), 70, 0.1).to_csv(tmp_path / "r.csv", index=False)
    assert read(tmp_path / "r.csv").remarks == (
        f"{tmp_path / 'r.csv'}: samples lost: 10; windows close up over them",)


def bursts(frame: pd.DataFrame) -> pd.DataFrame:
    """Four steps of 10 ms, then one of 300 ms, throughout."""
    frame["time"] = np.cumsum(np.resize([0.3, 0.01, 0.01, 0.01, 0.01], len(frame)))
    return frame


def cell(frame: pd.DataFrame, value: object) -> pd.DataFrame:
    frame["B"] = frame["B"].astype(object)
    frame.loc[70, "B"] = value
    return frame


FAULTS: list[tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    (lambda frame: late(frame, 70, 7.0), "a gap of 7.01 s; samples lost: 700"),
    (bursts, "84.95% of the samples lost, 1.00% may be"),
    (lambda frame: frame.assign(time=frame["time"] * 2), "sampled every 0.02 s, expected 0.01 s"),
    (lambda frame: frame.assign(time=frame["time"][::-1].to_numpy()), "rows where time does not run forward: 149"),
    (lambda frame: frame.head(49), "49 rows, 1 too few"),
    (lambda frame: cell(frame, "abc"), "cells that are not numbers: 1; 'abc' in row 72 of column "),
    (lambda frame: cell(frame, None), "B: samples missing or not finite: 1"),
    (lambda frame: frame.assign(B=1.0), "B: dead, reads 1 throughout"),
    (lambda frame: frame.assign(B=frame["B"].where(frame.index > 110, 1.0)), "B: flat for 1.11 s"),
]


@pytest.mark.parametrize(("damage", "complaint"), FAULTS)
def test_what_the_pipeline_leaves_out_is_refused_for_the_same_reason(
        damage: Callable[[pd.DataFrame], pd.DataFrame], complaint: str, tmp_path: Path, read: Read,
        small_params: Params) -> None:
    path = tmp_path / "r.csv"
    damage(table(series())).to_csv(path, index=False)
    with pytest.raises(EdgeCodecError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)

    recording = Recording(name="r", path="r.csv", kind="signal", series="array", number=1, wind=0, condition="signal",
                          split="both", divisor=1.0)
    listed = RecordingList(sample_rate_hz=100.0, channels=SHAPE.channel_names, presets={}, scale=1.0, integers=False,
                           plausible=None, validation_fraction=0.25, recordings=(recording,))
    window = small_params.window.model_copy(update={"samples": 50, "skip_first_rows": 0, "skip_last_rows": 0})
    judged = judge([(recording, read_samples(path))], listed, small_params.validate_, window)
    assert complaint in "; ".join(fault.text for fault in judged.faults)


def test_columns_that_are_neither_named_nor_as_many_are_refused(tmp_path: Path, read: Read) -> None:
    table(np.concatenate([series(), series()[:1]])).to_csv(tmp_path / "r.csv", index=False, header=False)
    with pytest.raises(EdgeCodecError, match="5 columns; this codec takes time and its 3 channels"):
        read(tmp_path / "r.csv")


@pytest.mark.parametrize(("change", "complaint"), [
    (lambda x: 80 * x, "A: 1"),
    (lambda x: x + 5, "check unit and zero"),
    (lambda x: x - 50, "check unit and zero"),
])
def test_values_in_another_unit_or_about_another_zero_are_refused(
        change: Callable[[Floats], Floats], complaint: str, tmp_path: Path, read: Read) -> None:
    np.savez(tmp_path / "w.npz", x=change(windows()).astype(np.float32))
    with pytest.raises(EdgeCodecError, match=r"w\.npz: values lie [\d.e+]+ times the training windows' spread away"):
        read(tmp_path / "w.npz")


def of_one(change: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    def changed(x: Floats) -> Floats:
        x[:, 1] = change(x[:, 1])
        return x
    return changed


@pytest.mark.parametrize(("change", "remark"), [
    (lambda x: x + 1, r"values lie 2.\d+ times"),
    (of_one(lambda x: x + 3), r"farthest, B: 6.\d+ times"),
    (lambda x: np.concatenate([x, x[:1] * 80]), "1 of 5 windows are unlike those of the training, first window 4"),
    (lambda x: MEANS[:, None] + x / 800, "values hardly vary"),
])
def test_values_that_are_unlike_those_of_the_training_are_told(
        change: Callable[[Floats], Floats], remark: str, tmp_path: Path, read: Read) -> None:
    np.savez(tmp_path / "w.npz", x=change(windows()).astype(np.float32))
    (told,) = read(tmp_path / "w.npz").remarks
    assert re.search(remark, told)
