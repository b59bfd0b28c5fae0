"""Where recordings come from: the twin, a user's folder or zip, another array; and what is refused."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd
import pytest
import yaml
from raw_data import RawData

from edgecodec import aerosense
from edgecodec.data.acquisition import acquire
from edgecodec.data.archive import extract
from edgecodec.data.arrays import acquire_array
from edgecodec.data.recordings import RecordingList, read_samples
from edgecodec.errors import EdgeCodecError
from edgecodec.params import ArrayParams, Params, load_params
from edgecodec.storage import write_json

CHANNELS = 5
SMALL = load_params(Path(__file__).parents[1] / "small_params.yaml")
Acquired = Callable[[Path], RecordingList]


@pytest.fixture
def acquired(small_params: Params, tmp_path: Path) -> Acquired:
    """Take a folder or zip of AeroSense data in, to the folder ``out``."""
    return lambda source: acquire(small_params.data.model_copy(update={"source": "aerosense", "path": source}), 0,
                                  tmp_path / "out")


def array_params(channels: int | tuple[str, ...] = CHANNELS, first_channel: int = 0) -> ArrayParams:
    return SMALL.data.array.model_copy(update={
        "sample_rate_hz": 50.0, "channels": channels, "first_channel": first_channel})


def zip_of(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.rglob("*.csv")):
            opened.write(path, f"AeroSense-WT-EPFL/{path.relative_to(folder)}")
    return archive


def test_twin_lays_out_raw_files_and_labbook(twin_raw: Path, twin_list: RecordingList) -> None:
    first = (twin_raw / aerosense.RAW_FOLDER / "aoa_0deg_Exp_003_aerosense.csv").read_text().splitlines()[0].split(",")
    assert len(first) == 41
    assert all(field.isdigit() for field in first[1:])
    kinds = [recording.kind for recording in twin_list.recordings]
    assert kinds.count("wind") == 72
    assert kinds.count("zeroing") == 42
    labbook = aerosense.read_labbook(twin_raw / aerosense.LABBOOK_NAMES[0], "labbook")
    assert len(labbook) == 114


def test_the_last_repeat_validates(twin_list: RecordingList) -> None:
    for recording in twin_list.recordings:
        condition = aerosense.condition_of(recording.number)
        if condition:
            assert recording.split == ("validation" if condition.repeat == 3 else "train")


@pytest.mark.parametrize("labbook_name", aerosense.LABBOOK_NAMES)
@pytest.mark.parametrize("packed", [False, True])
def test_users_folder_or_zip_gives_the_same(
        raw_data: RawData, acquired: Acquired, tmp_path: Path, labbook_name: str, packed: bool) -> None:
    raw_data.labbook.rename(raw_data.folder / labbook_name)
    source = zip_of(raw_data.folder, tmp_path / "real.zip") if packed else raw_data.folder
    listed = acquired(source)

    assert [recording.kind for recording in listed.recordings] == ["zeroing", "wind", "wind", "wind", "zeroing"]
    assert [recording.split for recording in listed.recordings][1:4] == ["train", "train", "validation"]
    assert RecordingList.open(tmp_path / "out") == listed
    copied = tmp_path / "out" / listed.recordings[1].path
    assert copied.read_bytes() == raw_data.recording(3).read_bytes()


def test_header_row_makes_no_difference(raw_data: RawData) -> None:
    without = read_samples(raw_data.recording(4))
    raw_data.write_lines(4, [",".join(["time", *aerosense.SENSORS]), *raw_data.lines(4)])
    with_header = read_samples(raw_data.recording(4))
    assert np.array_equal(without.values, with_header.values)
    assert np.array_equal(without.time_seconds, with_header.time_seconds)


def test_run_outside_the_numbered_series_keeps_the_labbooks_wind(raw_data: RawData, acquired: Acquired) -> None:
    raw_data.edit_labbook(Wind_speed=15)
    listed = acquired(raw_data.folder)
    assert (listed.recordings[2].wind, listed.recordings[2].condition) == (15, "0deg wind 15m/s")


def lead_outside(name: str) -> Callable[[Path], None]:
    def harm(archive: Path) -> None:
        with zipfile.ZipFile(archive, "a") as opened:
            opened.writestr(name, "0,1\n")
    return harm


def edit(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda archive: archive.write_bytes(change(archive.read_bytes()))


def packed_by(method: int) -> Callable[[Path], object]:
    """The number of a method, which stands at both headers of every member."""
    def change(content: bytes) -> bytes:
        for header, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            content = re.sub(re.escape(header) + b"(.{%d}).." % (at - 4),
                             re.escape(header) + rb"\g<1>" + struct.pack("<H", method), content, flags=re.DOTALL)
        return content
    return edit(change)


def flipped(content: bytes, at: int, bits: int) -> bytes:
    return content[:at] + bytes([content[at] ^ bits]) + content[at + 1:]


@pytest.mark.parametrize(("harm", "told"), [
    *((lead_outside(name), "leads outside") for name in (
        "../../aoa_0deg_Exp_007_aerosense.csv", "/etc/evil.csv", "..\\evil.csv", "C:\\evil.csv")),
    (packed_by(9), "member .* is packed by Deflate64, which Python cannot read.*; unpack it and give the folder"),
    (packed_by(99), "member .* is packed by AES, which Python cannot read.*; unpack it and give the folder"),
    (packed_by(98), "packed in a way that Python cannot read.*; unpack it and give the folder"),
    (edit(lambda content: flipped(content, content.index(b"PK\x01\x02") + 8, 1)),  # as AES and older ciphers do
     "member .* is encrypted; unpack it and give the folder"),
    (edit(lambda content: content[: len(content) // 2]), "truncated or damaged zip"),
    (edit(lambda content: flipped(content, len(content) // 2, 0x55)), "truncated or damaged zip"),
])
def test_a_zip_that_cannot_be_trusted_or_read_is_refused_and_leaves_nothing(
        raw_data: RawData, acquired: Acquired, tmp_path: Path, harm: Callable[[Path], object], told: str) -> None:
    archive = zip_of(raw_data.folder, tmp_path / "real.zip")
    harm(archive)
    with pytest.raises(EdgeCodecError, match=rf"real\.zip: {told}" if "outside" not in told else told) as raised:
        acquired(archive)
    assert "\n" not in str(raised.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aerosense", "real.zip"]


def test_zip_bomb_is_refused(raw_data: RawData, acquired: Acquired, tmp_path: Path) -> None:
    raw_data.recording(4).write_text("0" * 20_000_000)
    with pytest.raises(EdgeCodecError, match="expands over 100 times"):
        acquired(zip_of(raw_data.folder, tmp_path / "bomb.zip"))


def test_zip_with_backslashes_is_read(raw_data: RawData, acquired: Acquired, tmp_path: Path) -> None:
    archive = tmp_path / "real.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(raw_data.folder.rglob("*.csv")):
            opened.writestr(str(PureWindowsPath("AeroSense", path.relative_to(raw_data.folder))), path.read_bytes())
    acquired(archive)
    copied = tmp_path / "out" / aerosense.RAW_FOLDER / raw_data.recording(3).name
    assert copied.read_bytes() == raw_data.recording(3).read_bytes()


@pytest.mark.parametrize("packed", [False, True])
def test_errors_name_the_users_labbook(raw_data: RawData, acquired: Acquired, tmp_path: Path, packed: bool) -> None:
    raw_data.labbook.write_text("AoA,Experiment_number\n0,3\n")
    source = zip_of(raw_data.folder, tmp_path / "real.zip") if packed else raw_data.folder
    named = f"{source}: AeroSense-WT-EPFL/{raw_data.labbook.name}" if packed else str(raw_data.labbook)
    with pytest.raises(EdgeCodecError, match=f"^{re.escape(named)}: column Zeroing is absent"):
        acquired(source)


@pytest.mark.parametrize("source", ["aerosense", "array"])
def test_home_in_the_path_is_found(raw_data: RawData, small_params: Params, tmp_path: Path, source: str,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "array").mkdir()
    np.save(tmp_path / "array" / "one.npy", np.zeros((300, 8)))
    path = Path("~") / ("array" if source == "array" else raw_data.folder.relative_to(tmp_path))
    params = small_params.data.model_copy(update={"source": source, "path": path, "array": array_params()})
    assert acquire(params, 0, tmp_path / "out").recordings
    with pytest.raises(EdgeCodecError, match=r"data\.path: ~nobody-here/data names nobody's home"):
        acquire(params.model_copy(update={"path": Path("~nobody-here/data")}), 0, tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_damage_to_a_zip_ends_in_anything_but_one_line(tmp_path: Path, method: int) -> None:
    archive = tmp_path / "real.zip"
    with zipfile.ZipFile(archive, "w", method) as opened:
        for name in "ab":
            opened.writestr(f"folder/{name}.csv", ",".join(map(str, range(300))))
    whole = archive.read_bytes()
    generator = np.random.default_rng(method)
    refused = []
    for number in range(200):
        content = bytearray(whole)
        content[generator.integers(len(content))] = generator.integers(256)
        archive.write_bytes(content)
        target = tmp_path / str(number)
        target.mkdir()
        try:
            extract(archive, lambda name: name.endswith(".csv"), target)
        except EdgeCodecError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert all(text.startswith(f"{archive}: ") for text in refused)


def test_failure_keeps_what_was_there(raw_data: RawData, acquired: Acquired, tmp_path: Path) -> None:
    listed = acquired(raw_data.folder)
    with pytest.raises(EdgeCodecError, match="not found"):
        acquired(tmp_path / "absent.zip")
    assert RecordingList.open(tmp_path / "out") == listed


def test_folder_without_labbook_or_recordings_is_refused(raw_data: RawData, acquired: Acquired, tmp_path: Path) -> None:
    labbook = raw_data.labbook.read_text()
    raw_data.labbook.unlink()
    with pytest.raises(EdgeCodecError, match="holds no labbook"):
        acquired(raw_data.folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / raw_data.labbook.name).write_text(labbook)
    with pytest.raises(EdgeCodecError, match="holds no recording"):
        acquired(empty)


def test_stage_ends_with_one_line_and_leaves_nothing_half_written(
    raw_data: RawData, tmp_path: Path, repository: Path
) -> None:
    archive = zip_of(raw_data.folder, tmp_path / "real.zip")
    archive.write_bytes(archive.read_bytes()[:5000])
    content = yaml.safe_load((repository / "tests" / "small_params.yaml").read_text())
    content["data"].update(source="aerosense", path=str(archive))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    stage = subprocess.run([sys.executable, repository / "stages" / "acquire.py"], cwd=tmp_path, capture_output=True,
                           text=True, env={"PYTHONPATH": str(repository / "src"), "PATH": ""}, check=False)
    assert stage.returncode == 1
    assert stage.stderr.startswith("error: ")
    assert len(stage.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("artifacts/raw*"))


@pytest.fixture
def array_values() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)


@pytest.mark.parametrize("suffix", ["npy", "parquet", "csv", "plain.csv"])
def test_any_array_reads_alike(array_values: np.ndarray, tmp_path: Path, suffix: str) -> None:
    source, out = tmp_path / "array", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    named = pd.DataFrame(array_values, columns=[f"C{index}" for index in range(8)])
    named.insert(0, "time", 100 + np.arange(300) / 50)
    if suffix == "npy":
        np.save(source / "one.npy", array_values)
    elif suffix == "parquet":
        named.to_parquet(source / "one.parquet")
    elif suffix == "csv":
        named.to_csv(source / "one.csv", index=False)
    else:
        pd.DataFrame(array_values).to_csv(source / "one.csv", index=False, header=False)

    listed = acquire_array(source, array_params(first_channel=2), out)
    samples = read_samples(out / listed.recordings[0].path)
    assert listed.channels == ("C2", "C3", "C4", "C5", "C6")
    assert listed.recordings[0].split == "both"
    np.testing.assert_allclose(samples.values, array_values[:, 2:7].T, rtol=1e-6)
    np.testing.assert_allclose(np.diff(samples.time_seconds), 0.02)


def test_channels_are_taken_by_name_in_the_given_order(array_values: np.ndarray, tmp_path: Path) -> None:
    pd.DataFrame(array_values, columns=list("abcdefgh")).to_parquet(tmp_path / "one.parquet")
    out = tmp_path / "out"
    out.mkdir()
    listed = acquire_array(tmp_path, array_params(channels=("c", "a")), out)
    assert listed.channels == ("c", "a")
    assert np.array_equal(read_samples(out / "one.parquet").values, array_values[:, [2, 0]].T)


@pytest.mark.parametrize(("count", "validating"), [(2, 1), (4, 1), (5, 2)])
def test_last_recordings_validate(array_values: np.ndarray, tmp_path: Path, count: int, validating: int) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for number in range(count):
        np.save(tmp_path / f"{number}.npy", np.roll(array_values, number, axis=1))
    splits = [recording.split for recording in acquire_array(tmp_path, array_params(), out).recordings]
    assert splits == ["train"] * (count - validating) + ["validation"] * validating


def _save_objects(folder: Path) -> None:
    np.save(folder / "one.npy", np.array([[{}]], dtype=object), allow_pickle=True)


def _save_text(folder: Path) -> None:
    pd.DataFrame({name: [1.0, 2.0] for name in "abcd"} | {"e": ["1", "x"]}).to_csv(folder / "one.csv", index=False)


@pytest.mark.parametrize(("prepare", "message"), [
    (lambda folder: None, "holds no recording"),
    (lambda folder: np.save(folder / "one.npy", np.zeros((8, 300))), r"looks like \[channels, samples\]"),
    (lambda folder: np.save(folder / "one.npy", np.zeros(300)), r"expected \[samples, channels\]"),
    (lambda folder: np.save(folder / "one.npy", np.zeros((300, 4))), "has 4 channels"),
    (lambda folder: (folder / "one.npy").write_bytes(b"\x93NUMPY"), "not a readable npy"),
    (_save_objects, "not a readable npy"),
    (_save_text, "holds something other than numbers: 'x' in row 3 of column e, and 0 more"),
    (lambda folder: (folder / "one.parquet").write_bytes(b"PAR1"), "not a readable Parquet file"),
    (lambda folder: (folder / "one.parquet").write_bytes(b"no table"), "not a readable Parquet file"),
    (lambda folder: np.save(folder / "one.npy", np.zeros((300, 8), complex)), "holds complex128, not real numbers"),
    (lambda folder: (folder / "one.csv").write_bytes(b""), "it has no row"),
    (lambda folder: (folder / "one.csv").write_text("a,b,c,d,e\n1,2,3,4,5\n1,2,3\n"), "another number of columns: 1"),
    (lambda folder: (folder / "one.csv").write_bytes("a,b,c,d,e\n1,2,3,4,\xe9\n".encode("latin-1")), "in row 2 of col"),
])
def test_bad_array_is_refused_in_one_line(tmp_path: Path, prepare, message: str) -> None:
    source, out = tmp_path / "array", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    prepare(source)
    with pytest.raises(EdgeCodecError, match=message) as raised:
        acquire_array(source, array_params(), out)
    assert "\n" not in str(raised.value)


def test_damaged_list_says_which_field(tmp_path: Path) -> None:
    write_json(tmp_path / "recordings.json", {"sample_rate_hz": "fast"})
    with pytest.raises(EdgeCodecError, match=r"recordings\.json: not as expected .*sample_rate_hz"):
        RecordingList.open(tmp_path)
