"""Compacted files have the windows of the small ones, each once, at whatever moment the compaction ends."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow
import pyarrow.dataset
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from edgecodec.cli import app
from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.compaction import Compaction, compact
from edgecodec.gateway.memory import Memory
from edgecodec.gateway.sinks import SINKS, Part
from edgecodec.gateway.tables import WINDOW_COLUMNS, WINDOWS, partition_folder, windows_of

TODAY = date(2026, 11, 28)
YESTERDAY = TODAY - timedelta(days=1)
NODE = "turbine 7/a"  # a name that paths encode
KILLED = """
import os, sys
from datetime import date
from functools import partial
from pathlib import Path
from edgecodec.gateway.compaction import compact

steps = int(sys.argv[1])

def dying(step):
    def done(*arguments, **options):
        global steps
        if steps == 0:
            os._exit(9)
        steps -= 1
        return step(*arguments, **options)
    return done

Path.replace, Path.unlink = dying(Path.replace), dying(Path.unlink)
compact(Path("."), date(2026, 11, 28))
"""


def part(folder: Path, number: int, node: str | None = NODE, day: date = YESTERDAY) -> Part:
    """A file of three windows, whose numbers are those of all that come before and after."""
    path = folder / partition_folder(day, node) / f"{number:08d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    time = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = [{"topic": "a", "time": time, "sequence": 3 * number + each, "channels": ["left", "right"],
             "window": [0.5, 1.5], "packet": b"packet"} for each in range(3)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, WINDOW_COLUMNS), path)
    return Part(path, day, node, len(rows))


def sequences(folder: Path) -> list[int]:
    return windows_of(folder).to_table().sort_by("sequence")["sequence"].to_pylist()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / WINDOWS).glob("*/*/*.parquet"))


def test_days_that_are_over_become_a_file_for_each_node(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        part(tmp_path, number)
        part(tmp_path, number, None)
    part(tmp_path, 4, day=TODAY)
    part(tmp_path, 5, day=TODAY)
    before = windows_of(tmp_path).to_table().sort_by([("node", "ascending"), ("sequence", "ascending")])
    assert compact(tmp_path, TODAY) == Compaction(removed=6, added=2)
    assert files(tmp_path) == ["00000001-00000003.parquet"] * 2 + ["00000004.parquet", "00000005.parquet"]
    after = windows_of(tmp_path).to_table().sort_by([("node", "ascending"), ("sequence", "ascending")])
    assert after.equals(before)
    assert set(after["node"].to_pylist()) == {NODE, None}
    assert compact(tmp_path, TODAY) == Compaction(removed=0, added=0)

    part(tmp_path, 6)  # a window that a broker held back
    assert compact(tmp_path, TODAY) == Compaction(removed=2, added=1)
    assert Memory.open(tmp_path, None).newest_journal == 6


@pytest.mark.parametrize("steps", range(4))  # the large file appears, then three small ones go
def test_a_kill_loses_and_doubles_nothing(steps: int, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        part(tmp_path, number)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(steps)], cwd=tmp_path)
    assert killed.returncode == 9
    assert len(files(tmp_path)) == (3 if steps == 0 else 4) - max(steps - 1, 0)
    assert sequences(tmp_path) == [*range(3, 12)]
    compact(tmp_path, TODAY)
    assert files(tmp_path) == ["00000001-00000003.parquet"]
    assert sequences(tmp_path) == [*range(3, 12)]
    assert not list((tmp_path / WINDOWS).rglob(".*"))


def test_a_journal_that_is_not_done_keeps_its_files(tmp_path: Path) -> None:
    """After a kill they are written once more."""
    for number in (1, 2, 3):
        part(tmp_path, number)
    (tmp_path / "00000003.journal").touch()
    compact(tmp_path, TODAY)
    assert files(tmp_path) == ["00000001-00000002.parquet", "00000003.parquet"]


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_partition_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for number in (1, 2):
        part(tmp_path, number)
    with full_disk(100), pytest.raises(EdgeCodecError, match=r"turbine.*: cannot be compacted .* compact again"):
        compact(tmp_path, TODAY)
    assert files(tmp_path) == ["00000001.parquet", "00000002.parquet"]
    assert sequences(tmp_path) == [*range(3, 9)]


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    for number in (1, 2):
        part(tmp_path, number)
    said = [CliRunner().invoke(app, ["fleet", "compact", str(tmp_path)]).output for _ in range(2)]
    assert said == [f"{tmp_path}: 2 files became 1\n", f"{tmp_path}: nothing to compact\n"]
    with pytest.raises(EdgeCodecError, match="windows: not found; give the folder of a gateway"):
        compact(tmp_path / "other", TODAY)


def test_pandas_reads_the_folder_as_it_is(tmp_path: Path) -> None:
    for number in (1, 2):
        part(tmp_path, number)
        part(tmp_path, number, None)
    frame = pyarrow.dataset.dataset(tmp_path / WINDOWS, partitioning="hive").to_table().to_pandas()
    assert frame.loc[frame["node"] == NODE, "sequence"].tolist() == [*range(3, 9)]
    assert frame["node"].isna().sum() == 6


def test_duckdb_reads_the_folder_as_it_is(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="pip install duckdb")
    part(tmp_path, 1)
    part(tmp_path, 2, None)
    counted = duckdb.sql(f"SELECT node, count(*) FROM '{tmp_path}/windows/*/*/*.parquet' GROUP BY node ORDER BY node")
    assert counted.fetchall() == [(NODE, 3), (None, 3)]


def test_flat_files_of_before_are_read_with_the_others(tmp_path: Path) -> None:
    part(tmp_path, 2)
    flat = pyarrow.table({"topic": ["a"], "node": [NODE], "sequence": pyarrow.array([5], pyarrow.int64())})
    pyarrow.parquet.write_table(flat, tmp_path / "00000001.windows.parquet")
    windows = windows_of(tmp_path).to_table()
    assert sorted(windows["sequence"].to_pylist()) == [5, 6, 7, 8]
    assert set(windows["node"].to_pylist()) == {NODE}
    assert Memory.open(tmp_path, None).newest_journal == 2


def test_a_delta_table_is_compacted_in_one_commit(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake", reason="pip install -e .[delta] -c constraints.txt")
    sink = SINKS["delta"](tmp_path, "client")
    for number in (1, 2, 3):
        sink.commit(number, [part(tmp_path, number), part(tmp_path, number, None)])
    assert [sink.has(number) for number in (2, 3, 4)] == [False, True, False]
    assert compact(tmp_path, TODAY) == Compaction(removed=6, added=2)
    assert compact(tmp_path, TODAY) == Compaction(removed=0, added=0)
    assert sink.has(3)
    assert sequences(tmp_path) == sorted([*range(3, 12)] * 2)
    table = deltalake.DeltaTable(tmp_path / WINDOWS)
    assert set(table.to_pandas()["node"].dropna()) == {NODE}
    with pytest.raises(EdgeCodecError, match="a Delta table; give --format delta"):
        SINKS["parquet"](tmp_path, "client")


def test_a_damaged_delta_table_is_named_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("deltalake", reason="pip install -e .[delta] -c constraints.txt")
    sink = SINKS["delta"](tmp_path, "client")
    sink.commit(1, [part(tmp_path, 1)])
    for entry in (tmp_path / WINDOWS / "_delta_log").glob("*.json"):
        entry.write_text("damaged")
    for use in (windows_of, partial(compact, before=TODAY), lambda _: sink.has(1), lambda _: sink.commit(2, [])):
        with pytest.raises(EdgeCodecError, match=r"windows: a Delta table that cannot be used .*; restore") as raised:
            use(tmp_path)
        assert "\n" not in str(raised.value)


def test_delta_is_refused_where_files_are_already(tmp_path: Path) -> None:
    part(tmp_path, 1)
    with pytest.raises(EdgeCodecError, match="in no Delta table; give --format parquet"):
        SINKS["delta"](tmp_path, "client")
