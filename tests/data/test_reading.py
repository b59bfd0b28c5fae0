"""What people bring: times by any heading, text in any dialect, files of many kinds, by other libraries' hands."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import by_the_letter
import h5py
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
import scipy.io
from numpy.typing import NDArray

from edgecodec.data.arrays import acquire_array
from edgecodec.data.recordings import RecordingList, read_samples
from edgecodec.errors import EdgeCodecError
from edgecodec.params import ArrayParams, Params

ROWS, RATE = 400, 50.0
VALUES = np.random.default_rng(1).normal(size=(ROWS, 4)).round(4).astype(np.float32)  # which text holds
TIME = 7 + np.arange(ROWS) / RATE
NAMES = list("abcd")
Acquire = Callable[..., RecordingList]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "array").mkdir()
    return tmp_path / "array"


@pytest.fixture
def acquire(small_params: Params, source: Path, tmp_path: Path) -> Acquire:
    """Take in what lies in ``source``, to the folder ``out``."""
    def acquired(**changes: object) -> RecordingList:
        (tmp_path / "out").mkdir(exist_ok=True)
        given = {**small_params.data.array.model_dump(), "sample_rate_hz": RATE, "channels": 4, **changes}
        return acquire_array(source, ArrayParams.model_validate(given), tmp_path / "out")
    return acquired


def frame(time: str | None = "time", values: NDArray[np.float32] = VALUES) -> pd.DataFrame:
    made = pd.DataFrame(values.astype(np.float64).round(4), columns=NAMES)
    if time is not None:
        made.insert(0, time, TIME[:len(values)].round(4))
    return made


def text(made: pd.DataFrame, **style: object) -> str:
    return str(made.to_csv(index=False, **style))


def check(listed: RecordingList, out: Path, time: str = "recorded", rate: float = RATE) -> None:
    """The first recording has all rows, in order, of the right channels, and steps of the right length."""
    (first, *_) = listed.recordings
    samples = read_samples(out / first.path, listed.channels)
    np.testing.assert_allclose(samples.values, VALUES.T, atol=6e-5)
    np.testing.assert_allclose(np.diff(samples.time_seconds), 1 / rate, rtol=1e-3)
    assert first.time == time


HEADINGS = ["time", "Time", "TIME", " time ", "time_s", "Time (s)", "Time [s]", "timestamp", "t", "# time", "seconds",
            "Zeit", "elapsed", "", "Unnamed: 0", "what nobody knows"]


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_time_is_found_whatever_its_heading(heading: str, source: Path, acquire: Acquire, tmp_path: Path) -> None:
    (source / "one.csv").write_text(text(frame(heading)))
    listed = acquire()
    check(listed, tmp_path / "out")
    assert listed.channels == tuple(NAMES)
    assert any("is the time, in s" in remark for remark in listed.remarks)


def test_a_faulty_time_is_not_taken_for_a_channel(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    for name, change in {"backward": lambda t: t[::-1], "gap": lambda t: t + 3600 * (np.arange(ROWS) > 99)}.items():
        made = frame("")
        made[""] = change(made[""].to_numpy())
        made.to_csv(source / f"{name}.csv", index=False, header=False)
    listed = acquire(copies="report")
    for recording in listed.recordings:
        np.testing.assert_allclose(read_samples(tmp_path / "out" / recording.path).values[0], VALUES[:, 0], atol=6e-5)
        assert recording.time == "recorded"


@pytest.mark.parametrize(("scale", "heading"), [
    (1e3, "time_ms"), (1e6, "t [us]"), (1e9, "Time (ns)"), (1e3, "time"), (1e6, "time")])
def test_units_are_told_by_heading_or_rate(
        scale: float, heading: str, source: Path, acquire: Acquire, tmp_path: Path) -> None:
    made = frame(None)
    made.insert(0, heading, np.rint(TIME * scale).astype(np.int64))
    (source / "one.csv").write_text(text(made))
    check(acquire(), tmp_path / "out")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_since_1970_are_known_by_their_size(unit: str, source: Path, acquire: Acquire, tmp_path: Path) -> None:
    stamps = pd.date_range("2026-01-02 03:04:05", periods=ROWS, freq="20ms")
    made = frame(None)
    since = (stamps - pd.Timestamp(0)) / pd.Timedelta(1, unit)
    made.insert(0, "when", since if unit == "s" else np.rint(since).astype(np.int64))
    made.to_parquet(source / "one.parquet")
    check(acquire(), tmp_path / "out")


@pytest.mark.parametrize("write", [
    lambda stamp: stamp.isoformat(), lambda stamp: stamp.tz_localize("Europe/Rome").isoformat(), str,
    lambda stamp: stamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), lambda stamp: stamp.strftime("%d.%m.%Y %H:%M:%S.%f")])
def test_time_stamps_are_read(
        write: Callable[[pd.Timestamp], str], source: Path, acquire: Acquire, tmp_path: Path) -> None:
    made = frame(None)
    made.insert(2, "when", [write(stamp) for stamp in pd.date_range("2026-03-04 03:04:05.001", periods=ROWS,
                                                                  freq="20ms")])
    (source / "one.csv").write_text(text(made))
    check(acquire(), tmp_path / "out")


def test_without_a_time_one_is_invented_and_said(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    (source / "one.csv").write_text(text(frame(None)))
    listed = acquire()
    check(listed, tmp_path / "out", "invented")
    assert "one: no time found; taken as 50 Hz (data.array.sample_rate_hz) without gaps" in listed.remarks
    assert RecordingList.model_validate(listed.model_dump()) == listed


@pytest.mark.parametrize("start", [0, 1])
def test_a_counter_of_rows_is_neither_time_nor_channel(
        start: int, source: Path, acquire: Acquire, tmp_path: Path) -> None:
    counted = frame(None).set_axis(range(start, ROWS + start))
    counted.to_csv(source / "one.csv")
    listed = acquire()
    check(listed, tmp_path / "out", "invented")
    assert "one: column number 1 counts rows and is left out" in listed.remarks


@pytest.mark.parametrize("index", [
    pd.Index(TIME, name="time"), pd.Index(TIME), pd.Index(TIME, name="t"), pd.to_timedelta(TIME, unit="s"),
    pd.date_range("2026-01-01", periods=ROWS, freq="20ms"),
    pd.date_range("2026-01-01", periods=ROWS, freq="20ms", tz="Europe/Rome", name="when"),
], ids=["named", "nameless", "t", "spans", "dates", "zone"])
def test_the_time_in_an_index_is_kept(index: pd.Index, source: Path, acquire: Acquire, tmp_path: Path) -> None:
    frame(None).set_axis(index).to_parquet(source / "one.parquet")
    check(acquire(), tmp_path / "out")


def test_a_gap_in_an_index_stays(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    frame(None).set_axis(TIME + 3600 * (np.arange(ROWS) > 99)).to_parquet(source / "one.parquet")
    (recording,) = acquire().recordings
    assert np.diff(read_samples(tmp_path / "out" / recording.path).time_seconds).max() > 3600


def test_an_array_may_begin_with_time(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    np.save(source / "one.npy", np.column_stack([TIME, VALUES]))
    listed = acquire()
    check(listed, tmp_path / "out")
    assert listed.channels == ("C0", "C1", "C2", "C3")


def test_a_ramp_is_a_channel_if_the_user_says_so(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    made = frame()
    made.insert(2, "angle", np.arange(ROWS) * 0.25)
    (source / "one.csv").write_text(text(made))
    listed = acquire(channels=3)
    assert listed.channels == ("a", "b", "c")
    assert any("column angle rises by a constant step and is left out" in remark for remark in listed.remarks)
    assert any("no channels: d" in remark for remark in listed.remarks)
    listed = acquire(channels=("a", "angle"))
    assert read_samples(tmp_path / "out" / "one.parquet").values[1, 3] == 0.75


@pytest.mark.parametrize(("changes", "time"), [
    ({"time": "none", "channels": ("a",)}, "invented"), ({"time": "odd"}, "recorded"), ({"time": "0"}, "recorded")])
def test_the_user_may_say_the_time(changes: dict[str, object], time: str, source: Path, acquire: Acquire) -> None:
    (source / "one.csv").write_text(text(frame("odd")))
    assert acquire(**changes).recordings[0].time == time


def test_a_time_that_is_absent_is_refused(source: Path, acquire: Acquire) -> None:
    (source / "one.csv").write_text(text(frame()))
    with pytest.raises(EdgeCodecError, match=r"one\.csv: has no column when; correct data\.array\.time \(it has time"):
        acquire(time="when")


def decimal_commas(made: pd.DataFrame, separator: str) -> str:
    return text(made, sep=separator, decimal=",")


def quoted(made: pd.DataFrame) -> str:
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([list(made), *made.to_numpy().tolist()])
    return stream.getvalue()


def with_line(content: str, at: int, line: str) -> str:
    lines = content.splitlines(keepends=True)
    return "".join([*lines[:at], line + "\n", *lines[at:]])


def ending_rows(content: str, ending: str = ",", heading: bool = False) -> str:
    lines = content.splitlines()
    return "\n".join(line if number == 0 and not heading else line + ending for number, line in enumerate(lines)) + "\n"


DIALECTS: dict[str, Callable[[], str | bytes]] = {
    "semicolons": lambda: text(frame(), sep=";"),
    "tabs": lambda: text(frame(), sep="\t"),
    "bars": lambda: text(frame(), sep="|"),
    "blanks": lambda: frame().to_string(index=False),
    "decimal commas": lambda: decimal_commas(frame(), ";"),
    "decimal commas, tabs": lambda: decimal_commas(frame(), "\t"),
    "decimal commas, quoted": lambda: text(frame(), decimal=",", quoting=csv.QUOTE_ALL),
    "quoted, CRLF": lambda: quoted(frame()),
    "comments": lambda: "# logger 7\n# 2026\n" + text(frame()),
    "commented heading": lambda: "# logger 7\n# " + text(frame()),
    "preamble": lambda: "logger;7\n\nserial;1234\n" + text(frame(), sep=";"),
    "units": lambda: with_line(text(frame()), 1, "s,V,V,mV,"),
    "units in brackets": lambda: with_line(text(frame()), 1, "[s],[V],[V],[m/s^2],[-]"),
    "BOM": lambda: b"\xef\xbb\xbf" + text(frame()).encode(),
    "UTF-16": lambda: text(frame()).encode("utf-16"),
    "UTF-16 without BOM": lambda: text(frame()).encode("utf-16-le"),
    "Latin-1": lambda: ("# 20 °C\n" + text(frame())).encode("latin-1"),
    "trailing comma": lambda: ending_rows(text(frame()), heading=True),
    "trailing comma in rows alone": lambda: ending_rows(text(frame())),
    "gz within": lambda: gzip.compress(text(frame()).encode()),
    "bz2 within": lambda: bz2.compress(text(frame()).encode()),
    "R's row names": lambda: with_line(frame(None).set_axis(TIME.round(4)).to_csv(header=False), 0, ",".join(NAMES)),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_text_is_read_in_any_dialect(dialect: str, source: Path, acquire: Acquire, tmp_path: Path) -> None:
    content = DIALECTS[dialect]()
    (source / "one.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    listed = acquire()
    check(listed, tmp_path / "out")
    assert listed.channels == tuple(NAMES)


@pytest.mark.parametrize("change", [
    lambda content: content, lambda content: "\ufeff" + content,
    lambda content: ending_rows(content, heading=True), lambda content: content.replace(",", ";"),
    lambda content: content.replace(",", "\t").replace(".", ",")])
def test_text_without_a_heading_loses_no_row(
        change: Callable[[str], str], source: Path, acquire: Acquire, tmp_path: Path) -> None:
    (source / "one.csv").write_text(change(text(frame(), header=False)), encoding="utf-8")
    listed = acquire()
    check(listed, tmp_path / "out")
    assert listed.channels == ("C0", "C1", "C2", "C3")


def test_columns_of_several_levels_and_of_numbers(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    levels = pd.MultiIndex.from_product([["left", "right"], ["x", "y"]])
    frame(None).set_axis(levels, axis=1).set_axis(pd.Index(TIME, name="time")).to_parquet(source / "one.parquet")
    listed = acquire()
    check(listed, tmp_path / "out")
    assert listed.channels == ("left x", "left y", "right x", "right y")
    frame(None).set_axis(levels, axis=1).set_axis(pd.Index(TIME, name="time")).to_csv(source / "one.csv")
    (source / "one.parquet").unlink()
    assert acquire().channels == listed.channels
    check(acquire(), tmp_path / "out")
    pd.DataFrame(VALUES, index=TIME).to_parquet(source / "one.parquet")
    (source / "one.csv").unlink()
    listed = acquire()
    check(listed, tmp_path / "out")
    assert listed.channels == ("0", "1", "2", "3")
    pd.DataFrame(VALUES, index=TIME).to_csv(source / "one.csv")
    (source / "one.parquet").unlink()
    assert acquire().channels == listed.channels
    check(acquire(), tmp_path / "out")


@pytest.mark.parametrize("kind", [
    pyarrow.float16(), pyarrow.float32(), pyarrow.decimal128(12, 4), pyarrow.dictionary(pyarrow.int32(),
                                                                                         pyarrow.float64())])
def test_parquet_of_any_type_of_number(kind: pyarrow.DataType, source: Path, acquire: Acquire, tmp_path: Path) -> None:
    columns = []
    for column in VALUES.T:
        if pyarrow.types.is_dictionary(kind):
            columns.append(pyarrow.array(column.astype(np.float64)).dictionary_encode())
        elif pyarrow.types.is_decimal(kind):
            columns.append(pyarrow.array([f"{value:.4f}" for value in column]).cast(kind))
        else:
            columns.append(pyarrow.array(column.astype(kind.to_pandas_dtype())))
    pyarrow.parquet.write_table(pyarrow.table([TIME, *columns], names=["time", *NAMES]), source / "one.parquet")
    (recording,) = acquire().recordings
    samples = read_samples(tmp_path / "out" / recording.path)
    np.testing.assert_allclose(samples.values, VALUES.T, atol=2e-3)


def test_nullable_numbers_miss_what_is_missing(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    made = frame().astype({"a": "Float64", "b": "Float32"})
    made["c"] = pd.array(np.arange(ROWS) % 7, dtype="Int64")
    made.loc[3, ["a", "c"]] = pd.NA
    made.to_parquet(source / "one.parquet")
    acquire()
    assert np.argwhere(np.isnan(read_samples(tmp_path / "out" / "one.parquet").values)).tolist() == [[0, 3], [2, 3]]


def write_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("session")
        group["acceleration"] = VALUES
        group["time"] = TIME
        group["channels"] = NAMES


def write_matlab_73(path: Path) -> None:
    """As MATLAB does: transposed, behind 512 bytes of its own."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["data"] = VALUES.T
        file["fs"] = np.array([[RATE]])
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")


FILES: dict[str, Callable[[Path], object]] = {
    "one.npy": lambda path: path.write_bytes(by_the_letter.npy(np.column_stack([TIME, VALUES]))),
    "one.npz": lambda path: by_the_letter.write_npz(path, {"x": VALUES, "time": TIME}),
    "series.npz": lambda path: np.savez(path, **frame()),
    "one.parquet": lambda path: by_the_letter.write_parquet(path, {name: frame()[name].to_numpy() for name in frame()}),
    "named.h5": write_h5,
    "one.h5": lambda path: by_the_letter.write_hdf5(path, {"x": VALUES, "time": TIME}),
    "new.mat": write_matlab_73,
    "scipy.mat": lambda path: scipy.io.savemat(path, {"data": VALUES.T, "fs": RATE, "comment": "none"}),
    "old.mat": lambda path: by_the_letter.write_mat(path, {"data": VALUES, "fs": np.array([[RATE]])}),
    "one.tdms": lambda path: by_the_letter.write_tdms(path, VALUES, NAMES, RATE),
    "one.feather.csv.gz": lambda path: path.write_bytes(gzip.compress(text(frame()).encode())),
    "ONE.CSV": lambda path: path.write_text(text(frame())),
    "one.txt": lambda path: path.write_text(text(frame(), sep="\t")),
    "one.csv.xz": lambda path: frame().to_csv(path, index=False),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_many_kinds_are_read(name: str, source: Path, acquire: Acquire, tmp_path: Path) -> None:
    FILES[name](source / name)
    check(acquire(), tmp_path / "out")


def counts() -> NDArray[np.int16]:
    return np.asarray(np.rint(VALUES * 5000), np.int16)


def write_wav(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(4)
        file.setsampwidth(2)
        file.setframerate(int(RATE))
        file.writeframes(counts().astype("<i2").tobytes())


@pytest.mark.parametrize(("name", "write"), [
    ("one.wav", write_wav), ("one.flac", lambda path: by_the_letter.write_flac(path, counts(), int(RATE))),
    ("one.edf", lambda path: by_the_letter.write_edf(path, counts(), NAMES, int(RATE))),
    ("one.bdf", lambda path: by_the_letter.write_edf(path, counts(), NAMES, int(RATE))),
    ("scipy.wav", lambda path: scipy.io.wavfile.write(path, int(RATE), counts()))])
def test_counts_come_as_they_were_stored(
        name: str, write: Callable[[Path], None], source: Path, acquire: Acquire, tmp_path: Path) -> None:
    write(source / name)
    (recording,) = acquire().recordings
    samples = read_samples(tmp_path / "out" / recording.path)
    np.testing.assert_array_equal(samples.values, counts().T)
    np.testing.assert_allclose(np.diff(samples.time_seconds), 1 / RATE)
    assert recording.time == "recorded"


@pytest.mark.parametrize(("name", "content", "message"), [
    ("one.h5", b"\x89HDF\r\n\x1a\n broken", "not a readable HDF5 file"),
    ("one.h5", b"nothing", "not a readable HDF5 file"),
    ("one.mat", b"MATLAB 5.0 MAT-file broken", "not a readable MATLAB file"),
    ("one.wav", b"RIFF" + struct.pack("<I", 4), "not a readable sound file"),
    ("one.tdms", b"TDSm" + bytes(20), "not a readable TDMS file|has the groups none"),
    ("one.edf", b"0       " + bytes(20), "not a readable EDF or BDF file"),
    ("one.csv.gz", b"\x1f\x8b\x08 broken", "one.csv.gz: "),
    ("one.npz", b"PK\x03\x04 broken", "not a readable .npz"),
    ("notes.txt", b"this is no table\nbut prose\n", "holds no recording .*notes.txt"),
])
def test_what_cannot_be_read_is_said_in_one_line(
        name: str, content: bytes, message: str, source: Path, acquire: Acquire) -> None:
    (source / name).write_bytes(content)
    with pytest.raises(EdgeCodecError, match=message) as raised:
        acquire()
    assert "\n" not in str(raised.value)


def test_several_arrays_are_refused_until_one_is_named(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    np.savez(source / "one.npz", x=VALUES, y=VALUES, time=TIME)
    with pytest.raises(EdgeCodecError, match=r"holds several arrays \(x \[400, 4\], y .*data\.array\.variable"):
        acquire()
    check(acquire(variable="x"), tmp_path / "out")


def test_an_absent_library_is_named_with_its_extra(
        source: Path, acquire: Acquire, monkeypatch: pytest.MonkeyPatch) -> None:
    write_h5(source / "one.h5")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(EdgeCodecError, match=r"one\.h5: reading it takes h5py .*pip install 'edgecodec\[formats\]'"):
        acquire()


def test_many_recordings_in_one_file(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    parts = [frame(values=np.roll(VALUES, part, axis=1)).assign(run=f"run {part}") for part in range(3)]
    pd.concat(parts)[["run", "time", *NAMES]].to_csv(source / "all.csv", index=False)
    listed = acquire(recording_column="run")
    assert [recording.name for recording in listed.recordings] == ["all/run_0", "all/run_1", "all/run_2"]
    assert [recording.split for recording in listed.recordings] == ["train", "train", "validation"]
    check(listed, tmp_path / "out")


def test_a_value_per_row(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    long = frame().melt("time", var_name="sensor", value_name="reading").sort_values("time", kind="stable")
    long.to_csv(source / "long.csv", index=False)
    listed = acquire(long={"channel": "sensor", "value": "reading"})
    check(listed, tmp_path / "out")
    assert listed.channels == tuple(NAMES)


def test_columns_in_another_order_are_aligned_by_name(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    (source / "1.csv").write_text(text(frame(values=VALUES[::-1])))
    (source / "2.csv").write_text(text(frame()[["c", "a", "time", "d", "b"]]))
    listed = acquire()
    np.testing.assert_allclose(read_samples(tmp_path / "out" / "2.parquet").values, VALUES.T, atol=6e-5)
    assert listed.channels == tuple(NAMES)


def test_names_are_in_natural_order_and_nothing_is_skipped_without_a_word(source: Path, acquire: Acquire) -> None:
    for number in (10, 2, 1):
        (source / f"day {number % 2}").mkdir(exist_ok=True)
        (source / f"day {number % 2}" / f"run_{number}.CSV").write_text(
            text(frame(values=np.roll(VALUES, number, axis=1))))
    (source / "photo.jpg").write_bytes(b"\xff\xd8")
    (source / ".hidden.csv").write_text("x")
    listed = acquire()
    assert [recording.name for recording in listed.recordings] == ["day 0/run_2", "day 0/run_10", "day 1/run_1"]
    assert listed.remarks[0] == "photo.jpg: no reader takes such a file; left out"


def test_training_and_validation_share_no_samples(source: Path, acquire: Acquire) -> None:
    (source / "1.csv").write_text(text(frame()))
    frame().to_parquet(source / "2.parquet")
    with pytest.raises(EdgeCodecError, match="2 is a copy of 1, and one trains while the other validates; take one"):
        acquire()
    assert "2 is a copy of 1" in acquire(copies="report").remarks


@pytest.mark.parametrize("change", [lambda x: x, lambda x: 3 * x - 100, lambda x: x.round(2)])
def test_an_overlap_is_found_by_correlation(
        change: Callable[[NDArray[np.float32]], NDArray[np.float32]], source: Path, acquire: Acquire) -> None:
    long = np.random.default_rng(3).normal(size=(3000, 4)).cumsum(axis=0).astype(np.float32) * 10
    np.save(source / "1.npy", long[:2000])
    np.save(source / "2.npy", change(long[1200:]))
    with pytest.raises(EdgeCodecError, match="2 from 0 s on has the samples of 1 from 24 s on"):
        acquire()
    np.save(source / "2.npy", change(long[2000:]))
    assert not any("has the samples" in remark for remark in acquire().remarks)


def test_a_channel_may_be_called_time(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    frame("stamp").rename(columns={"b": "time"}).to_csv(source / "one.csv", index=False)
    check(acquire(time="stamp", channels=("a", "time", "c", "d")), tmp_path / "out")


@pytest.mark.parametrize("name", ["a\nb", "a\x00", "a\u2028b"])
def test_a_name_that_breaks_a_line_is_refused(name: str, source: Path, acquire: Acquire) -> None:
    frame().rename(columns={"b": name}).to_parquet(source / "one.parquet")
    with pytest.raises(EdgeCodecError, match=r"the channel name '.*\\.*' has a line break .*; rename it") as raised:
        acquire()
    assert len(str(raised.value).splitlines()) == 1


def test_what_stands_for_a_missing_sample_is_taken_out(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    made = frame()
    made.loc[5:9, "b"] = -9999
    (source / "one.csv").write_text(text(made))
    acquire(missing=(-9999.0,))
    values = read_samples(tmp_path / "out" / "one.parquet").values
    assert np.isnan(values[1, 5:10]).all()
    assert np.isnan(values).sum() == 5


def sine(time: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.sin(2 * np.pi * (channel + 1) * time) for channel in range(4)])


def test_other_rates_are_resampled_on_request(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    time = np.arange(1000) / 80
    pd.DataFrame(sine(time), columns=NAMES).assign(time=time).to_csv(source / "one.csv", index=False)
    acquire(resample="rates")
    samples = read_samples(tmp_path / "out" / "one.parquet")
    np.testing.assert_allclose(np.diff(samples.time_seconds), 1 / RATE)
    np.testing.assert_allclose(samples.values[:, 50:-50], sine(samples.time_seconds).T[:, 50:-50], atol=0.01)
    acquire(resample="never")
    np.testing.assert_allclose(np.diff(read_samples(tmp_path / "out" / "one.parquet").time_seconds), 1 / 80)


def test_uneven_times_are_resampled_on_request_and_gaps_stay(source: Path, acquire: Acquire, tmp_path: Path) -> None:
    time = TIME + np.random.default_rng(2).uniform(-0.004, 0.004, ROWS) + 10 * (np.arange(ROWS) > 199)
    pd.DataFrame(sine(time), columns=NAMES).assign(time=time).to_csv(source / "one.csv", index=False)
    acquire(resample="stamps")
    samples = read_samples(tmp_path / "out" / "one.parquet")
    steps = np.diff(samples.time_seconds)
    assert np.count_nonzero(np.abs(steps * RATE - 1) > 1e-2) == 1
    assert steps.max() > 10
    np.testing.assert_allclose(samples.values, sine(samples.time_seconds).T, atol=0.02)
