"""``edgecodec fleet`` on folders of windows: what it finds, and what it refuses."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from small_project import CHANNELS, random_windows, register_variant
from test_cli import Command, edgecodec  # noqa: F401  (a fixture)

from edgecodec.evaluation.reference import Reference
from edgecodec.gateway.tables import WINDOW_COLUMNS, partition_folder

RECEIVED = Path("received")
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
SINCE_THE_FIRST_SCHEMA = ["start", "start_from", "sample_rate_hz", "channels"]


@pytest.fixture
def watched_project(project: Path) -> Path:
    """Version 1 has a reference: errors about 2 %."""
    generator = np.random.default_rng(0)
    usual = Reference.of(2 * np.exp(0.3 * generator.standard_normal((500, 2))), np.zeros(500, bool), 500)
    remarks = {"makes_remarks": True, "least_correlation": 1.0, "largest_deviation": 0.0, "reference": usual.to_json()}
    register_variant(project, lambda figures: figures.update(remarks=remarks))
    return project


def windows(node: str | None, error_percent: float, count: int = 200, begin: datetime = BEGIN,
            **others: Any) -> Iterator[dict[str, Any]]:
    """One every ten minutes."""
    generator = np.random.default_rng(len(node or ""))
    window = random_windows(1)[0].ravel()
    for number in range(count):
        start = begin + timedelta(minutes=10 * number)
        yield {"topic": f"edgecodec/{node}/packets", "time": start, "retained": False, "repeated": False, "node": node,
               "start": start, "start_from": "numbers", "version": "1", "rate": 1, "sequence": number,
               "estimated_error": error_percent * np.exp(0.3 * generator.standard_normal()), "unlike_training": False,
               "faulty": [], "sample_rate_hz": 100.0, "channels": CHANNELS, "window": window, "packet": b"", **others}


def partition_of(row: dict[str, Any]) -> Path:
    return partition_folder(row["start"].date(), row["node"])


def write(folder: Path, *rows: dict[str, Any]) -> None:
    """In place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    for partition, of_partition in groupby(sorted(rows, key=partition_of), partition_of):
        (folder / partition).mkdir(parents=True)
        table = pyarrow.Table.from_pylist(list(of_partition), schema=WINDOW_COLUMNS)
        pyarrow.parquet.write_table(table, folder / partition / "00000001.parquet")


def alarms(edgecodec: Command, folder: str = "received") -> list[dict[str, Any]]:  # noqa: F811
    found: list[dict[str, Any]] = json.loads(edgecodec("fleet", "alarms", folder, "--json").out)
    return found


@pytest.mark.usefixtures("watched_project")
def test_a_fleet_without_drift_has_no_alarm(edgecodec: Command) -> None:  # noqa: F811
    write(RECEIVED, *windows("a", 2), *windows("bb", 2))
    done = edgecodec("fleet", "alarms", "received")
    assert done.status == 0, done.err
    assert "No alarms" in done.out


@pytest.mark.usefixtures("watched_project")
def test_the_node_that_drifts_is_named(edgecodec: Command) -> None:  # noqa: F811
    drifted = BEGIN + timedelta(minutes=2000)
    write(RECEIVED, *windows("a", 2), *windows("bb", 2), *windows("ccc", 2), *windows("dddd", 2),
          *windows("a", 4, 200, drifted), *(row | {"unlike_training": True} for row in windows("bb", 2, 200, drifted)))
    assert edgecodec("fleet", "alarms", "received").status == 3
    found = {(alarm["node"], alarm["signal"]): alarm for alarm in alarms(edgecodec)}
    assert {("a", "error"), ("bb", "unlike")} <= found.keys()
    assert not {node for node, _ in found} & {"ccc", "dddd"}
    alarm = found["a", "error"]
    assert alarm["end"] is None
    assert abs(datetime.fromisoformat(alarm["start"]) - drifted) < timedelta(hours=2)
    assert alarm["value"] == pytest.approx(4, rel=0.1)
    assert alarm["usual"] == pytest.approx(2, rel=0.1)
    assert alarm["versions"] == ["1"]


@pytest.mark.usefixtures("watched_project")
def test_recorded_alarms_are_those_that_are_told(edgecodec: Command) -> None:  # noqa: F811
    write(RECEIVED, *windows("a", 2), *windows("a", 4, 200, BEGIN + timedelta(minutes=2000)))
    assert edgecodec("fleet", "alarms", "received", "--record").status == 3
    recorded = pyarrow.parquet.read_table("received/alarms.parquet").to_pylist()
    assert [{**row, **{name: row[name] and row[name].isoformat() for name in ("start", "found", "end")}}
            for row in recorded] == alarms(edgecodec)


@pytest.mark.usefixtures("watched_project")
def test_files_of_the_first_schema_go_by_topic_and_arrival(edgecodec: Command) -> None:  # noqa: F811
    RECEIVED.mkdir()
    table = pyarrow.Table.from_pylist(list(windows("a", 5)), schema=WINDOW_COLUMNS)
    pyarrow.parquet.write_table(table.drop_columns(SINCE_THE_FIRST_SCHEMA), RECEIVED / "00000001.windows.parquet")
    assert {alarm["node"] for alarm in alarms(edgecodec)} == {"edgecodec/a/packets"}
    assert edgecodec("fleet", "report", "received", "-o", "fleet.html").status == 0


@pytest.mark.usefixtures("watched_project")
def test_windows_of_a_clock_that_was_not_set_are_left_out_and_counted(edgecodec: Command) -> None:  # noqa: F811
    at_1970 = list(windows("a", 50, 30, datetime(1970, 1, 1, tzinfo=UTC)))
    write(RECEIVED, *at_1970, *windows("a", 2))
    done = edgecodec("fleet", "alarms", "received")
    assert done.status == 0
    assert "30 windows left out" in done.err
    write(RECEIVED, *at_1970)
    assert "none of 30 windows has a start between 2020 and now" in edgecodec("fleet", "alarms", "received").err


@pytest.mark.usefixtures("watched_project")
def test_bad_folders_are_named(edgecodec: Command) -> None:  # noqa: F811
    def told(folder: str) -> str:
        done = edgecodec("fleet", "alarms", folder)
        assert done.status == 1
        assert done.err.count("\n") == 1
        return done.err

    assert "absent: holds no windows" in told("absent")
    RECEIVED.mkdir()
    Path("received/1.windows.parquet").write_text("no Parquet")
    assert "received/1.windows.parquet: no file of windows" in told("received")
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), "received/1.windows.parquet")
    assert "received/1.windows.parquet: has no column topic" in told("received")


def test_versions_without_reference_are_named(edgecodec: Command, registered: Path) -> None:  # noqa: F811
    write(RECEIVED, *windows("a", 2))
    assert "no version in the field (1) was registered with a reference" in edgecodec(
        "fleet", "alarms", "received").err


@pytest.mark.usefixtures("watched_project")
def test_the_report_is_one_page_that_tells_it_all(edgecodec: Command) -> None:  # noqa: F811
    write(RECEIVED, *windows("a & b", 2), *windows("bb", 6, unlike_training=True, faulty=[5]))
    done = edgecodec("fleet", "report", "received", "-o", "fleet.html")
    assert done.status == 0, done.err
    page = Path("fleet.html").read_text()
    assert "a &amp; b" in page
    assert html.escape(CHANNELS[5]) in page
    assert page.count("data:image/svg+xml;base64,") == 3
    assert "://" not in page.replace("http://www.w3.org", "")
    assert "reports cannot be written as .pdf" in edgecodec("fleet", "report", "received", "-o", "fleet.pdf").err
