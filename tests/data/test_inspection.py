"""What ``edgecodec inspect`` finds in a folder, what it proposes, and what it writes into params.yaml."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import signal
from typer.testing import CliRunner

from edgecodec.cli import app
from edgecodec.data.arrays import acquire_array
from edgecodec.data.inspection import Inspection, inspect, nice
from edgecodec.data.proposals import Proposals, propose
from edgecodec.data.spectrum import lowpass_of
from edgecodec.errors import EdgeCodecError
from edgecodec.params import ArrayParams, Params
from edgecodec.settings import write_settings

RATE, ROWS, BAND = 1000.0, 20_000, 40.0


def recording(seed: int, rows: int = ROWS, rate: float = RATE) -> pd.DataFrame:
    """Three channels of signal below BAND Hz, and noise."""
    generator = np.random.default_rng(seed)
    sections = signal.butter(8, BAND, fs=rate, output="sos")
    values = signal.sosfiltfilt(sections, generator.normal(size=(3, rows)), axis=1) + 0.01 * generator.normal(
        size=(3, rows)) + 20
    made = pd.DataFrame(values.T.round(5), columns=["force [N]", "a", "b"])
    made.insert(0, "Zeit (ms)", np.round(np.arange(rows) * 1000 / rate, 3))
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings with a fault each."""
    folder = tmp_path / "recordings"
    (folder / "day 1").mkdir(parents=True)
    for number in (1, 2, 10):
        made = recording(number)
        if number == 2:
            made.loc[100:109, "a"] = -9999
            made.loc[5000:, "Zeit (ms)"] += 3000
        made.assign(note="calm", dead=7).to_csv(folder / "day 1" / f"run_{number}.csv", sep=";", decimal=",",
                                                index=False)
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    (folder / "broken.parquet").write_bytes(b"PAR1")
    return folder


@pytest.fixture
def found(folder: Path, small_params: Params) -> Inspection:
    return inspect(folder, small_params.data.array, small_params.validate_)


def looked_at(folder: Path, params: Params) -> Proposals:
    """What is proposed for the recordings in ``folder``."""
    found = inspect(folder, params.data.array, params.validate_)
    return propose(found, params.data.array, params.validate_)


def test_what_was_understood_is_told(found: Inspection) -> None:
    assert [each.name for each in found.recordings] == ["day 1/run_1", "day 1/run_2", "day 1/run_10"]
    assert {(each.time, each.channels, each.rows) for each in found.recordings} == {("Zeit (ms)", 4, ROWS)}
    assert [each.rate_hz for each in found.recordings] == pytest.approx([RATE] * 3)
    assert [(each.gaps, round(each.largest_gap_seconds, 3)) for each in found.recordings] == [
        (0, 0.001), (1, 3.001), (0, 0.001)]
    channels = {each.name: each for each in found.channels}
    assert channels["force [N]"].unit == "N"
    assert channels["a"].stands_for_missing == -9999
    assert channels["a"].minimum > 0
    assert not channels["dead"].varies
    assert found.remarks[0] == "photo.jpg: no reader takes such a file"
    assert "every recording: column note holds text and is left out" in found.remarks
    assert len(found.problems) == 1
    assert "broken.parquet: not a readable Parquet file" in found.problems[0]


def test_proposals_follow_from_what_was_found(found: Inspection, small_params: Params) -> None:
    proposals = propose(found, small_params.data.array, small_params.validate_)
    assert proposals.value("data.array.sample_rate_hz") == RATE
    assert proposals.value("data.array.channels") == ["force [N]", "a", "b"]
    assert proposals.value("data.array.missing") == [-9999]
    assert BAND < proposals.value("window.lowpass_hz") < 2.5 * BAND
    assert proposals.value("window.samples") % 16 == 0
    assert 64 <= proposals.value("window.samples") <= ROWS // 8
    assert all(each.reason for each in proposals.settings)


def test_copies_other_rates_and_uneven_stamps_are_told(folder: Path, small_params: Params) -> None:
    (folder / "broken.parquet").unlink()
    shutil.copyfile(folder / "day 1/run_1.csv", folder / "day 1/run_11.csv")
    recording(5, rate=500).to_parquet(folder / "slow.parquet")
    found = inspect(folder, small_params.data.array, small_params.validate_)
    assert [each.told(RATE) for each in found.shared] == ["day 1/run_11 is a copy of day 1/run_1"]
    assert propose(found, small_params.data.array, small_params.validate_).value("data.array.resample") == "rates"
    jittered = recording(6)
    jittered["Zeit (ms)"] += np.random.default_rng(0).uniform(-0.4, 0.4, ROWS)
    jittered.to_parquet(folder / "jittered.parquet")
    found = inspect(folder, small_params.data.array, small_params.validate_)
    assert propose(found, small_params.data.array, small_params.validate_).value("data.array.resample") == "stamps"


def test_a_rate_that_nothing_says_has_to_be_checked(tmp_path: Path, small_params: Params) -> None:
    np.save(tmp_path / "one.npy", recording(1).to_numpy()[:, 1:])
    found = inspect(tmp_path, small_params.data.array, small_params.validate_)
    proposals = propose(found, small_params.data.array, small_params.validate_)
    assert proposals.value("data.array.sample_rate_hz") == small_params.data.array.sample_rate_hz
    assert "CHECK IT" in next(each.reason for each in proposals.settings if each.setting.endswith("sample_rate_hz"))
    assert proposals.value("data.array.channels") == 3


def test_the_low_pass_is_about_what_the_stage_window_finds(found: Inspection, small_params: Params) -> None:
    proposals = propose(found, small_params.data.array, small_params.validate_)
    recorded = recording(1)[["force [N]", "a", "b"]].to_numpy().T
    by_window = lowpass_of([recorded], RATE, proposals.value("window.samples"))
    assert proposals.value("window.lowpass_hz") == pytest.approx(by_window, rel=0.25)


def test_a_folder_of_nothing_readable_is_refused(tmp_path: Path, small_params: Params) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(EdgeCodecError, match=r"broken\.parquet: not a readable Parquet file"):
        inspect(tmp_path, small_params.data.array, small_params.validate_)


@pytest.mark.parametrize(("rate", "nicer"), [(99.9987, 100), (51199.8, 51200), (128.02, 128), (33.37, 33.37)])
def test_a_measured_rate_becomes_the_round_one(rate: float, nicer: float) -> None:
    assert nice(rate) == nicer


def test_the_command_writes_what_it_proposes_and_acquire_takes_it(
        folder: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(repository / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    before = (repository / "params.yaml").read_text()
    shown = CliRunner().invoke(app, ["inspect", str(folder)])
    assert shown.exit_code == 0
    assert "force [N]" in shown.output
    assert (tmp_path / "params.yaml").read_text() == before
    assert CliRunner().invoke(app, ["inspect", str(folder), "--write"]).exit_code == 0

    after = (tmp_path / "params.yaml").read_text()
    changed = {line.split(":")[0].strip() for line in set(after.splitlines()) - set(before.splitlines())}
    assert changed == {"source", "path", "sample_rate_hz", "channels", "missing", "gap_seconds", "samples",
                       "skip_first_rows", "skip_last_rows", "lowpass_hz", "train_stride", "validation_stride",
                       "metric", "error", "largest_milliseconds", "least_estimate_correlation",
                       "largest_estimate_deviation", "codec", "codewords", "rates", "stages_per_rate",
                       "codeword_samples",
                       "regimes", "decimation", "filter_taps", "time_bins", "bands", "coefficients",
                       "refiner_channels", "modes"}
    assert re.findall(r"#.*", after) == re.findall(r"#.*", before)
    array = ArrayParams.model_validate(yaml.safe_load(after)["data"]["array"])
    (folder / "broken.parquet").unlink()
    (tmp_path / "out").mkdir()
    listed = acquire_array(folder, array, tmp_path / "out")
    assert listed.channels == ("force [N]", "a", "b")
    assert all(each.time == "recorded" for each in listed.recordings)


def test_any_text_stays_the_text_it_is(repository: Path, tmp_path: Path) -> None:
    names = ["on", "y", "1:30", "0o7", "1e3", ".5", "~", "null", "2026-01-01", "Drück-1", "压力", "σ_x°", 'say "1"',
             "it's", "<b>", "#3", "a: b", "[bold]", "*x", "@", "%", "-", " x "]
    path = tmp_path / "params.yaml"
    shutil.copyfile(repository / "params.yaml", path)
    write_settings(path, {"data.array.channels": names, "data.array.time": "on"})
    array = yaml.safe_load(path.read_text(encoding="utf-8"))["data"]["array"]
    assert (array["channels"], array["time"]) == (names, "on")


@pytest.mark.parametrize(("content", "message"), [
    (None, "params.yaml: not found"), ("a: [", "not valid YAML"), ("data: {}", r"data\.path: missing key")])
def test_settings_that_are_not_there_are_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(EdgeCodecError, match=message):
        write_settings(path, {"data.path": "here"})
    assert content is None or path.read_text() == content


@pytest.mark.parametrize(("mean", "metric"), [(0, "nmse"), (5, "relative"), (-5, "relative"), (1e5, "nmse")])
def test_the_error_that_is_proposed_follows_from_where_zero_lies(
        mean: float, metric: str, tmp_path: Path, small_params: Params) -> None:
    np.save(tmp_path / "one.npy", mean + np.random.default_rng(1).normal(size=(3000, 2)))
    proposals = looked_at(tmp_path, small_params)
    assert proposals.value("error.metric") == metric
    assert ("gates.error" in [each.setting for each in proposals.settings]) == (metric == "nmse")


@pytest.mark.parametrize(("with_bursts", "is_proposed"), [(1, False), (2, False), (3, True), (4, True)])
def test_a_limit_that_most_recordings_break_is_proposed_anew(
        with_bursts: int, is_proposed: bool, tmp_path: Path, small_params: Params) -> None:
    generator = np.random.default_rng(1)
    for number in range(4):
        values = generator.normal(size=(3000, 2))
        if number < with_bursts:
            values[::100] *= 100
        np.save(tmp_path / f"run_{number}.npy", values)
    proposed = {each.setting: each.value for each in looked_at(tmp_path, small_params).settings}
    assert [setting for setting in proposed if setting.startswith("validate.")] == (
        ["validate.largest_spike_fraction"] if is_proposed else [])
    assert not is_proposed or 0.02 < proposed["validate.largest_spike_fraction"] < 0.08


def test_long_steps_and_steady_channels_are_no_faults_where_all_recordings_have_them(
        tmp_path: Path, small_params: Params) -> None:
    stamps = np.cumsum(np.where(np.arange(2000) % 500 == 499, 4.0, 1.0))
    valve = np.repeat(np.random.default_rng(2).normal(size=200), 10)
    pd.DataFrame({"time": stamps, "valve": valve, "flow": np.sin(stamps)}).to_csv(tmp_path / "day.csv", index=False)
    proposed = {each.setting: each.value for each in looked_at(tmp_path, small_params).settings}
    assert proposed["validate.flat_line_seconds"] == 20  # ten samples of one value, twice
    assert proposed["validate.largest_gap_seconds"] == 8


def test_the_rate_that_the_user_gives_counts_where_files_say_none(tmp_path: Path, small_params: Params) -> None:
    np.save(tmp_path / "one.npy", recording(1).to_numpy()[:, 1:])
    array = small_params.data.array.model_copy(update={"sample_rate_hz": RATE})
    proposals = propose(inspect(tmp_path, array, small_params.validate_), array, small_params.validate_)
    assert BAND <= proposals.value("window.lowpass_hz") <= 2 * BAND


@pytest.mark.parametrize("rows", [3_000, 200_000])
def test_long_recordings_give_no_more_windows_than_are_of_use(rows: int, tmp_path: Path, small_params: Params) -> None:
    for number in range(4):
        np.save(tmp_path / f"run_{number}.npy", np.random.default_rng(number).normal(size=(rows, 1)).astype(np.float32))
    proposals = looked_at(tmp_path, small_params)
    validating = 4 * rows * small_params.data.array.validation_fraction
    assert 4 * rows / proposals.value("window.train_stride") <= 25_000
    assert validating / proposals.value("window.validation_stride") <= 5_000
