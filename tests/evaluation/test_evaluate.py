"""Any windows, from a file to a table; and every file that is no such thing, in one line."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from rich.console import Console

from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.evaluate import Evaluation, evaluate, read_windows, render_table
from edgecodec.evaluation.rate_distortion import CODEC
from edgecodec.evaluation.rivals.rival import Floats, Rival
from edgecodec.model.codec import Codec, WindowFormat
from edgecodec.storage import write_json

SHAPE = WindowFormat(tuple("ABC"), samples=50, sample_rate_hz=100.0, lowpass_hz=5.0)


def windows(n: int = 4) -> Floats:
    return np.random.default_rng(0).normal(size=(n, SHAPE.channels, SHAPE.samples)).astype(np.float32)


def with_nan() -> Floats:
    values = windows()
    values[2, 1, 7] = np.nan
    return values


def test_windows_and_wind_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", x=windows(), wind=np.array([10, 20, 10, 0]))
    read = read_windows(tmp_path / "w.npz", SHAPE)
    np.testing.assert_array_equal(read.windows, windows())
    assert read.wind is not None
    assert read.wind.tolist() == [10, 20, 10, 0]


def test_wind_may_be_absent(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", x=windows())
    assert read_windows(tmp_path / "w.npz", SHAPE).wind is None


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
])
def test_wrong_windows_are_refused_by_name_and_field(
        arrays: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(EdgeCodecError, match=complaint) as caught:
        read_windows(tmp_path / "w.npz", SHAPE)
    assert str(caught.value).startswith(str(tmp_path / "w.npz"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 cut short"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(EdgeCodecError, match=r"not a readable \.npz"):
        read_windows(tmp_path / "w.npz", SHAPE)


def test_a_plain_array_under_the_name_of_an_npz_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "w.npz").open("wb") as file:
        np.save(file, windows())
    with pytest.raises(EdgeCodecError, match=r"not a readable \.npz"):
        read_windows(tmp_path / "w.npz", SHAPE)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match="not found"):
        read_windows(tmp_path / "w.npz", SHAPE)


def write_recording(path: Path, values: Floats, period: float = 0.01) -> None:
    """``values`` [channels, samples] as CSV or Parquet."""
    table = np.vstack([np.arange(values.shape[1]) * period, values])
    if path.suffix == ".csv":
        np.savetxt(path, table.T, delimiter=",", fmt="%.9g")
    else:
        pyarrow.parquet.write_table(pyarrow.table(list(table), names=["time", *"ABCDEF"[: len(values)]]), path)


@pytest.mark.parametrize("name", ["r.csv", "r.parquet"])
def test_a_recording_is_cut_end_to_end(name: str, tmp_path: Path) -> None:
    values = np.concatenate([*windows(3), np.zeros((3, 20), np.float32)], axis=1)
    write_recording(tmp_path / name, values)
    read = read_windows(tmp_path / name, SHAPE)
    np.testing.assert_allclose(read.windows, windows(3), rtol=1e-6)
    assert read.wind is None


@pytest.mark.parametrize(("values", "period", "complaint"), [
    (np.zeros((4, 100)), 0.01, "5 columns"),
    (np.zeros((3, 49)), 0.01, "49 rows; a window takes 50"),
    (np.zeros((3, 100)), 0.02, "a row every 0.02 s; this codec takes 100 Hz"),
    (np.full((3, 100), np.nan), 0.01, "window 0 holds NaN or Inf"),
])
def test_a_recording_that_does_not_fit_is_refused(
        values: Floats, period: float, complaint: str, tmp_path: Path) -> None:
    write_recording(tmp_path / "r.csv", values, period)
    with pytest.raises(EdgeCodecError, match=complaint):
        read_windows(tmp_path / "r.csv", SHAPE)


@pytest.fixture(scope="module")
def of_real_windows(real_windows: Path, codec: Codec, rivals: list[Rival]) -> Evaluation:
    read = read_windows(real_windows / "dev.npz", codec.window)
    return evaluate(read.windows, read.wind, {CODEC: codec, "paper_original": codec}, rivals)


def test_real_windows_have_an_error_per_rate_and_wind_speed(of_real_windows: Evaluation, tmp_path: Path) -> None:
    content = of_real_windows.to_json()
    write_json(tmp_path / "evaluation.json", content)  # refuses NaN
    assert content["windows"] == 29
    for rate in ("1", "2", "3", "4"):
        assert content["codecs"]["klt_dct"][rate]["error_percent"] < content["codecs"]["zfp"][rate]["error_percent"]
        assert content["codecs"]["edgecodec"][rate]["by_wind"].keys() == {"10", "20"}


def test_the_table_shows_every_codec_at_every_rate(of_real_windows: Evaluation) -> None:
    terminal = io.StringIO()
    Console(width=80, file=terminal).print(render_table(of_real_windows))
    shown = terminal.getvalue()
    assert "29 windows" in shown
    headings = ["rate", "codec", "bits", "error", "ratio", "10 m/s", "20 m/s", "pointwise", "median", "NMSE"]
    assert next(line for line in shown.splitlines() if " codec " in line).split() == " ".join(headings).split()
    assert all(shown.count(f" {name} ") == 4 for name in (
        "edgecodec", "paper_original", "klt_dct_plain", "joint_rvq", "sz3_abs_rel", "zfp"))
    assert "\u2026" not in shown  # nothing is cut short


def test_the_ratio_is_that_to_klt_dct_with_the_same_bits(of_real_windows: Evaluation) -> None:
    terminal = io.StringIO()
    Console(width=80, file=terminal).print(render_table(of_real_windows))
    rows = [line.split() for line in terminal.getvalue().splitlines()[1:]]  # the first is the title
    ratios = {name: [row[row.index(name) + 3] for row in rows if name in row] for name in ("klt_dct", "edgecodec")}
    of_codec = of_real_windows.to_json()["codecs"]["edgecodec"]
    assert ratios["klt_dct"] == ["1.00"] * 4
    assert ratios["edgecodec"] == [f"{of_codec[rate]['at_equal_bits']['klt_dct']['ratio']:.2f}" for rate in "1234"]


def test_windows_without_wind_have_no_column_for_it(codec: Codec, rivals: list[Rival], real_windows: Path) -> None:
    read = read_windows(real_windows / "dev.npz", codec.window)
    table = render_table(evaluate(read.windows[:2], None, {CODEC: codec}, rivals[:1]))
    assert [column.header for column in table.columns] == [
        "rate", "codec", "bits", "error", "pointwise", "median", "NMSE"]


def test_windows_that_are_zero_are_refused(codec: Codec) -> None:
    nothing = np.zeros((2, codec.window.channels, codec.window.samples), np.float32)
    with pytest.raises(EdgeCodecError, match="zero everywhere"):
        evaluate(nothing, None, {CODEC: codec}, [])
