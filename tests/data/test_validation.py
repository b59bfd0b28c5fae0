"""Every fault that a recording can have is found by Great Expectations, and named with its recording and channel."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from runpy import run_path

import numpy as np
import pandas as pd
import pytest
import yaml
from raw_data import RawData

from edgecodec.data.acquisition import acquire
from edgecodec.data.recordings import Recording, RecordingList
from edgecodec.data.table import Samples
from edgecodec.data.validation import Validation, judge, validate
from edgecodec.data.validation_report import render
from edgecodec.errors import EdgeCodecError
from edgecodec.params import Params
from edgecodec.storage import read_json

RUN = "aoa_0deg_Exp_004"


Validated = Callable[..., tuple[Validation, RecordingList]]


@pytest.fixture
def validated(raw_data: RawData, small_params: Params, tmp_path: Path) -> Validated:
    """Judge the raw data as they are, with windows as in ``changes``."""
    def validated(**changes: object) -> tuple[Validation, RecordingList]:
        data = small_params.data.model_copy(update={"source": "aerosense", "path": raw_data.folder})
        listed = acquire(data, 0, tmp_path / "raw")
        window = small_params.window.model_copy(update=changes)
        return validate(tmp_path / "raw", listed, small_params.validate_, window), listed
    return validated


def drop_a_column(data: RawData) -> None:
    data.write_lines(4, [line.rpartition(",")[0] for line in data.lines(4)])


def drop_two_columns(data: RawData) -> None:
    data.write_lines(4, [line.rsplit(",", 2)[0] for line in data.lines(4)])


def add_a_column(data: RawData) -> None:
    data.write_lines(4, [f"{line},1" for line in data.lines(4)])


def name_columns_in_another_order(data: RawData) -> None:
    names = ["time", *(f"P{number}" for number in range(40))]
    table = data.table(4).set_axis(names, axis=1)[[names[0], *names[:0:-1]]]
    table.to_csv(data.recording(4), index=False)


def cut_one_row(data: RawData) -> None:
    lines = data.lines(4)
    data.write_lines(4, [*lines[:500], lines[500][:40], *lines[501:]])


def empty(data: RawData) -> None:
    data.write_lines(4, [])


def header_only(data: RawData) -> None:
    data.write_lines(4, ["time," + ",".join(f"P{number}" for number in range(40))])


def set_cell(value: object, column: int = 6) -> Callable[[RawData], None]:
    def edit(data: RawData) -> None:
        lines = data.lines(4)
        fields = lines[700].split(",")
        fields[column] = str(value)
        data.write_lines(4, [*lines[:700], ",".join(fields), *lines[701:]])
    return edit


def edit_table(change: Callable[[pd.DataFrame], object]) -> Callable[[RawData], None]:
    def edit(data: RawData) -> None:
        table = data.table(4)
        changed = change(table)
        data.write_table(4, table if changed is None else changed)
    return edit


def run_backwards(table: pd.DataFrame) -> None:
    table.loc[800:, 0] -= 3.0


def sample_at_50_hz(table: pd.DataFrame) -> None:
    table[0] = table.loc[0, 0] + np.arange(len(table)) / 50


def lose_a_second(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(range(600, 700))


def lose_in_bursts(table: pd.DataFrame) -> None:
    """Four steps of 10 ms, then one of 300 ms, throughout: no gap is too long, and most of the time is missing."""
    table[0] = table.loc[0, 0] + np.cumsum(np.resize([0.01, 0.01, 0.01, 0.01, 0.3], len(table)))


def kill_p5(table: pd.DataFrame) -> None:
    table[6] = 16777215


def freeze_p5(table: pd.DataFrame) -> None:
    table.loc[300:450, 6] = table.loc[300, 6]


def spike_p5(table: pd.DataFrame) -> None:
    table.loc[100:500:100, 6] += 40_000


def half_a_count(table: pd.DataFrame) -> None:
    table[6] += 0.5


def cut_short(table: pd.DataFrame) -> pd.DataFrame:
    return table.head(900)


@pytest.mark.parametrize(("damage", "reason"), [
    (drop_a_column, "40 columns, expected 41"),
    (drop_two_columns, "39 columns, expected 41"),
    (add_a_column, "42 columns, expected 41"),
    (cut_one_row, "rows with another number of columns: 1"),
    (empty, "0 columns, expected 41"),
    (header_only, "0 rows"),
    (set_cell("abc"), "cells that are not numbers: 1; 'abc' in row 701 of column 7"),
    (set_cell("nan"), "P5: samples missing or not finite: 1"),
    (set_cell(""), "P5: samples missing or not finite: 1"),
    (set_cell("inf"), "P5: samples missing or not finite: 1"),
    (set_cell("", column=0), "rows without a time: 1"),
    (set_cell(0), "P5: reads 0, below 1064960"),
    (edit_table(run_backwards), "rows where time does not run forward: 1"),
    (edit_table(sample_at_50_hz), "sampled every 0.02 s, expected 0.01 s"),
    (edit_table(lose_a_second), "a gap of 1.01 s; samples lost: 100"),
    (edit_table(lose_in_bursts), "85.30% of the samples lost, 1.00% may be"),
    (edit_table(kill_p5), "P5: dead, reads 16777215 throughout"),
    (edit_table(freeze_p5), "P5: flat for 1.51 s"),
    (edit_table(spike_p5), "P5: spikes: 10"),
    (edit_table(half_a_count), "P5: samples that are no whole counts: 1400"),
    (edit_table(cut_short), "900 rows, 105 too few"),
    (lambda data: data.edit_labbook(Experiment_number=500), "not in the labbook; add its line"),
    (lambda data: data.edit_labbook(Wind_speed=20), "pressures do not fit the labbook's 20 m/s"),
])
def test_fault_is_named_and_only_that_recording_is_left_out(
        raw_data: RawData, validated: Validated, damage: Callable[[RawData], None], reason: str) -> None:
    damage(raw_data)
    validation, _ = validated()
    assert list(validation.excluded) == [RUN]
    assert validation.excluded[RUN].startswith(reason)


def test_sound_recordings_pass_and_dead_channels_outside_the_preset_are_only_told(validated: Validated) -> None:
    validation, listed = validated()
    assert validation.excluded == {}
    assert validation.dead_channels == ("P22", "P36")
    assert all(outcome.rows > 0 for outcome in validation.outcomes)
    assert "Every recording is sound" in render(validation, listed)


def test_columns_of_a_recording_are_matched_by_name(raw_data: RawData, validated: Validated) -> None:
    by_position, _ = validated()
    name_columns_in_another_order(raw_data)
    by_name, _ = validated()
    pd.testing.assert_frame_equal(by_name.channels, by_position.channels)


def test_channel_is_judged_only_where_the_preset_takes_it(raw_data: RawData, validated: Validated) -> None:
    set_cell("nan", column=40)(raw_data)  # P39
    assert validated()[0].excluded == {}
    assert validated(preset="all38")[0].excluded[RUN].startswith("P39: samples missing")


def test_without_zeroing_runs_no_wind_run_is_left(raw_data: RawData, validated: Validated) -> None:
    for experiment in (2, 6):
        raw_data.recording(experiment).unlink()
    excluded = validated()[0].excluded
    assert set(excluded) == {f"aoa_0deg_Exp_00{number}" for number in (3, 4, 5)}
    assert set(excluded.values()) == {"no sound zeroing run before or after it in the labbook"}


def test_damaged_zeroing_run_is_replaced_by_the_other(raw_data: RawData, validated: Validated) -> None:
    raw_data.write_lines(2, raw_data.lines(2)[:500] + ["x"] * 10)
    assert list(validated()[0].excluded) == ["aoa_0deg_Exp_002"]


def test_report_names_the_fault_and_needs_no_network(raw_data: RawData, validated: Validated) -> None:
    edit_table(freeze_p5)(raw_data)
    validation, listed = validated()
    page = render(validation, listed)
    assert "P5: flat for 1.51 s" in page
    assert "Left out: 1" in page
    assert "http" not in page
    assert "<script" not in page


def test_a_million_samples_of_36_channels_take_seconds(small_params: Params) -> None:
    generator = np.random.default_rng(0)
    samples = Samples(np.arange(1_000_000) / 100, generator.normal(size=(36, 1_000_000)).astype(np.float32), 37, 0, 0)
    samples.values[17, 5000:5200] = 1.0
    recording = Recording(name="long", path="", kind="signal", series="array", number=1, wind=0, condition="signal",
                          split="both", divisor=1.0)
    listed = RecordingList(sample_rate_hz=100, channels=tuple(f"C{index}" for index in range(36)), presets={}, scale=1,
                           integers=False, plausible=None, validation_fraction=0.25, recordings=(recording,))
    started = time.process_time()
    validation = judge([(recording, samples)], listed, small_params.validate_, small_params.window)
    assert time.process_time() - started < 5
    assert validation.excluded == {"long": "C17: flat for 2 s"}


def array_of(values: np.ndarray, time: str = "recorded") -> tuple[Recording, Samples, RecordingList]:
    """One recording of an array; ``values`` [channels, samples] at 100 Hz."""
    recording = Recording(name="one", path="", kind="signal", series="array", number=1, wind=0, condition="signal",
                          split="both", divisor=1.0, time=time)
    listed = RecordingList(sample_rate_hz=100, channels=tuple(f"C{index}" for index in range(len(values))), presets={},
                           scale=1, integers=False, plausible=None, validation_fraction=0.25, recordings=(recording,))
    samples = Samples(np.arange(values.shape[1]) / 100, values.astype(np.float32), 1 + len(values), 0, 0)
    return recording, samples, listed


@pytest.mark.parametrize(("value", "rows", "spread", "reason"), [
    (-9999, slice(700, 701), 1, "C1: 1 samples read -9999, which stands for a missing one; .* data.array.missing"),
    (-9999, slice(1000, 1090), 1, "C1: 90 samples read -9999"),
    (32767, slice(1000, 1008), 20_000, "C1: 8 samples read 32767"),  # a converter at its end
    (999, slice(700, 701), 900, None),  # one of many values
])
def test_values_that_stand_for_missing_samples_are_found(
        small_params: Params, value: float, rows: slice, spread: float, reason: str | None) -> None:
    values = np.random.default_rng(0).uniform(-spread, spread, size=(2, 3000))
    values[1, rows] = value
    recording, samples, listed = array_of(values)
    excluded = judge([(recording, samples)], listed, small_params.validate_, small_params.window).excluded
    if reason is None:
        assert excluded == {}
    else:
        assert re.match(reason, excluded["one"])


def test_the_report_says_that_a_time_was_invented(small_params: Params) -> None:
    values = np.random.default_rng(0).normal(size=(2, 3000))
    for time_base in ("recorded", "invented"):
        recording, samples, listed = array_of(values, time_base)
        validation = judge([(recording, samples)], listed, small_params.validate_, small_params.window)
        assert ("Time was not recorded" in render(validation, listed)) == (time_base == "invented")


@pytest.mark.parametrize("policy", ["exclude", "stop"])
def test_stage_leaves_out_or_stops_as_params_say(
    raw_data: RawData, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    edit_table(kill_p5)(raw_data)
    content = yaml.safe_load((repository / "tests" / "small_params.yaml").read_text())
    content["data"].update(source="aerosense", path=str(raw_data.folder))
    content["validate"]["on_bad_recording"] = policy
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    run_path(str(repository / "stages" / "acquire.py"))["main"]()
    stage = run_path(str(repository / "stages" / "validate.py"))["main"]
    if policy == "stop":
        with pytest.raises(EdgeCodecError, match=f"{RUN}: P5: dead, reads 16777215 throughout"):
            stage()
    else:
        stage()
    assert list(read_json(Path("artifacts/validation/excluded.json"))) == [RUN]
    assert read_json(Path("artifacts/metrics/validation.json"))["excluded_recordings"] == 1
