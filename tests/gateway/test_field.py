"""Windows that nodes sent whole become recordings, which the pipeline reads and splits by the hour."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from edgecodec.cli import app
from edgecodec.data.acquisition import acquire
from edgecodec.data.field import HOUR, as_from_field
from edgecodec.data.splits import splits_of
from edgecodec.data.validation import validate
from edgecodec.data.windows import WindowSet, write_windows
from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.field import Array, WholeWindow, recordings_of, write_recordings
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.packet import PacketFormat, PacketParts, packet_of_parts
from edgecodec.params import Params, load_params

CHANNELS = ("left", "right")
SAMPLES, RATE = 400, 100.0
SECONDS = SAMPLES / RATE
START = datetime(2030, 1, 1, 6, tzinfo=UTC)
ARRAY = Array(CHANNELS, RATE)
FORM = PacketFormat("12" * 32, {}, len(CHANNELS))
ROWS = pyarrow.schema([  # what is read of a gateway's files
    ("node", pyarrow.string()), ("start", pyarrow.timestamp("us", tz="UTC")), ("version", pyarrow.string()),
    ("rate", pyarrow.int32()), ("sequence", pyarrow.int64()), ("sample_rate_hz", pyarrow.float64()),
    ("channels", pyarrow.list_(pyarrow.string())), ("window", pyarrow.list_(pyarrow.float32())),
    ("packet", pyarrow.binary())])


def whole(node: str, number: int, start: datetime, version: str = "1", kind: PacketKind = PacketKind.EXACT,
          array: Array = ARRAY) -> WholeWindow:
    generator = np.random.default_rng([number, *node.encode(), int(start.timestamp())])
    values = generator.standard_normal((len(array.channels), SAMPLES)).astype(np.float32)
    packet = packet_of_parts(FORM, PacketParts(kind, number % 65536, 0, False, 0, False, None, values.tobytes()))
    return WholeWindow(node, start, version, number % 65536, array, packet, values)


def in_a_row(node: str, first: int, count: int, start: datetime = START) -> list[WholeWindow]:
    return [whole(node, first + number, start + timedelta(seconds=SECONDS * number)) for number in range(count)]


def table(windows: Iterable[WholeWindow], rate: int = 0) -> pyarrow.Table:
    rows = [{"node": each.node, "start": each.start, "version": each.version, "rate": rate, "sequence": each.sequence,
             "sample_rate_hz": each.array.sample_rate_hz, "channels": each.array.channels,
             "window": each.values.ravel(), "packet": each.packet} for each in windows]
    return pyarrow.Table.from_pylist(rows, schema=ROWS)


def write_file(path: Path, windows: Sequence[WholeWindow], rate: int = 0) -> None:
    """As gateways do that have one file of a journal: the channels are in its metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {each.version: each.array.channels for each in windows}
    found = table(windows, rate).drop_columns(["channels"])
    with pyarrow.parquet.ParquetWriter(path, found.schema) as file:
        file.write_table(found)
        file.add_key_value_metadata({"schema_version": "2", "channels": json.dumps(channels)})


def write_partitions(folder: Path, windows: Sequence[WholeWindow]) -> None:
    """As gateways do that file windows by date and node: the channels are a column."""
    for node in {each.node for each in windows}:
        of_node = table(each for each in windows if each.node == node).drop_columns(["node"])
        path = folder / f"date={windows[0].start:%Y-%m-%d}" / f"node={quote(node)}" / "00000001.parquet"
        path.parent.mkdir(parents=True)
        pyarrow.parquet.write_table(of_node, path)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_windows_without_a_gap_are_one_recording(tmp_path: Path) -> None:
    windows = [*in_a_row("a", 65534, 4), *in_a_row("b", 7, 2), *in_a_row("b", 10, 1, START + timedelta(seconds=16))]
    write_file(tmp_path / "received/00000001.windows.parquet", windows)
    done = write_recordings(tmp_path / "received", tmp_path / "field")
    assert (done.recordings, done.windows, done.nodes) == (3, 7, 2)
    labels = pd.read_csv(tmp_path / "field/labels.csv", dtype=str)
    assert labels["recording"].tolist() == ["20300101T060000000000Z_a", "20300101T060000000000Z_b",
                                            "20300101T060016000000Z_b"]
    assert labels["windows"].tolist() == ["4", "2", "1"]
    assert labels["sent"].unique() == ["exact"]
    recorded = pd.read_parquet(tmp_path / "field/20300101T060000000000Z_a.parquet")
    np.testing.assert_array_equal(recorded[[*CHANNELS]].to_numpy().T,
                                  np.concatenate([each.values for each in windows[:4]], axis=1))
    np.testing.assert_allclose(np.diff(recorded["time"]), 1 / RATE)


@pytest.mark.parametrize("change", [
    {"sequence": 9}, {"version": "2"}, {"node": "b"}, {"start": START + timedelta(seconds=7 * SECONDS)},
    {"start": START}], ids=str)
def test_a_gap_or_another_version_begins_a_recording(change: dict) -> None:
    first, second = in_a_row("a", 7, 2)
    assert len(recordings_of([first, second])) == 1
    assert len(recordings_of([first, replace(second, **change)])) == 2


def test_layouts_of_files_make_no_difference(tmp_path: Path) -> None:
    windows = [*in_a_row("blade 2", 3, 4), *in_a_row("7", 5, 3)]
    write_file(tmp_path / "flat/00000001.windows.parquet", [windows[5], *windows[:2]])
    write_file(tmp_path / "flat/00000002.windows.parquet", [*windows[2:5], windows[6], windows[2]])  # one came twice
    write_file(tmp_path / "flat/00000003.windows.parquet", in_a_row("c", 3, 4), rate=1)  # not whole
    pyarrow.parquet.write_table(pyarrow.table({"packet": [b"?"]}), tmp_path / "flat/00000003.undecoded.parquet")
    write_partitions(tmp_path / "hive/windows", windows)
    write_recordings(tmp_path / "flat", tmp_path / "from_flat")
    write_recordings(tmp_path / "hive", tmp_path / "from_hive")
    write_recordings(tmp_path, tmp_path / "from_both")  # folders of two gateways
    assert contents(tmp_path / "from_flat") == contents(tmp_path / "from_hive") == contents(tmp_path / "from_both")
    assert len(contents(tmp_path / "from_flat")) == 3


TIMES = st.tuples(st.sampled_from("abc"), st.integers(0, 5000), st.integers(1, 40))


@given(st.lists(TIMES, min_size=2, max_size=12), st.floats(0.05, 0.95))
def test_no_hour_of_a_node_is_on_both_sides(times: list[tuple[str, int, int]], fraction: float) -> None:
    params = as_from_field(load_params(Path(__file__).parents[2] / "params.yaml").data.array).model_copy(
        update={"validation_fraction": fraction})
    windows = [each for node, number, count in times
               for each in in_a_row(node, number, count, START + timedelta(seconds=SECONDS * number))]
    recordings = recordings_of(windows)
    assert {(each.node, each.packet) for each in windows} == {
        (each.node, each.packet) for recording in recordings for each in recording.windows}
    if len({recording.labels[HOUR] for recording in recordings}) == 1:
        return
    splits = splits_of([each.name for each in recordings], [each.labels for each in recordings], params)
    hours = {side: {(each.node, each.start.replace(minute=0, second=0)) for recording, split in
                    zip(recordings, splits, strict=True) if split == side for each in recording.windows}
             for side in ("train", "validation")}
    assert hours["train"]
    assert hours["validation"]
    assert not hours["train"] & hours["validation"]


def test_the_pipeline_reads_them(tmp_path: Path) -> None:
    received = [each for hour in range(4) for each in in_a_row("a", 1000 * hour, 4, START + timedelta(hours=hour))]
    write_file(tmp_path / "received/00000001.windows.parquet", received)
    said = CliRunner().invoke(app, ["fleet", "windows", str(tmp_path / "received"), "-o", str(tmp_path / "field")])
    assert said.output == f"{tmp_path / 'field'}: 4 recordings, 16 windows of 1 nodes\n"

    content = load_params(Path(__file__).parents[2] / "params.yaml").model_dump(mode="json", by_alias=True)
    content["data"].update(source="field", path=str(tmp_path / "field"))
    content["data"]["array"]["channels"] = 2
    content["window"].update(samples=400, skip_first_rows=0, skip_last_rows=0)
    content["codec"] = "transform"
    content["codecs"]["transform"].update(modes=2, time_bins=44)
    params = Params.model_validate(content)
    listed = acquire(params.data, params.seed, tmp_path / "raw")
    assert [each.split for each in listed.recordings] == ["train"] * 3 + ["validation"]
    assert [each.labels["node"] for each in listed.recordings] == ["a"] * 4
    excluded = frozenset(validate(tmp_path / "raw", listed, params.validate_, params.window).excluded)
    assert excluded == frozenset()
    write_windows({tmp_path / "raw": listed}, excluded, params.window, tmp_path / "windows", "node")
    held_out = WindowSet.open(tmp_path / "windows/validation")
    np.testing.assert_array_equal(held_out.inputs()[0], received[-4].values)


@pytest.mark.parametrize(("other", "told"), [
    (Array(("left", "top"), RATE), r"sent 2 channels \(left, top\) at 100 Hz, but others 2 channels \(left, right\)"),
    (Array(CHANNELS, 50.0), r"sent 2 channels \(left, right\) at 50 Hz, but others 2 channels \(left, right\) at 100"),
])
def test_a_node_with_another_array_is_refused_in_one_line(tmp_path: Path, other: Array, told: str) -> None:
    received = tmp_path / "received"
    write_file(received / "00000001.windows.parquet", in_a_row("a", 1, 3))
    write_file(received / "00000002.windows.parquet", [whole("odd", 1, START, version="2", array=other)])
    with pytest.raises(EdgeCodecError, match=rf"node odd, version 2: {told}.*; .*--node") as raised:
        write_recordings(received, tmp_path / "field")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "field").exists()
    assert write_recordings(received, tmp_path / "field", ["a"]).windows == 3


def test_windows_with_faulty_channels_are_left_out(tmp_path: Path) -> None:
    first, second, third = in_a_row("a", 1, 3)
    second.values[1] = np.nan
    write_file(tmp_path / "received/00000001.windows.parquet", [first, second, third])
    done = write_recordings(tmp_path / "received", tmp_path / "field")
    assert (done.recordings, done.windows, done.with_faulty_channels) == (2, 2, 1)


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EdgeCodecError, match="empty: holds no windows; give the folder"):
        write_recordings(tmp_path / "empty", tmp_path / "field")
    write_file(tmp_path / "received/00000001.windows.parquet", in_a_row("a", 1, 3), rate=2)
    with pytest.raises(EdgeCodecError, match="received: holds no window that a node sent whole; have the gateway ask"):
        write_recordings(tmp_path / "received", tmp_path / "field")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("mine")
    with pytest.raises(EdgeCodecError, match="mine: holds something else than recordings from the field"):
        write_recordings(tmp_path / "received", tmp_path / "mine")
    assert (tmp_path / "mine/thesis.tex").exists()
