"""A version that is worse is stopped, one that is not goes on, and chance stops few."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from click.testing import Result
from typer.testing import CliRunner

from edgecodec.cli import app
from edgecodec.errors import EdgeCodecError
from edgecodec.fleet.rollout import LEVEL, Verdict, judge
from edgecodec.fleet.versions import running
from edgecodec.gateway.nodes import NO_NODES
from edgecodec.gateway.tables import WINDOW_COLUMNS, partition_folder

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
CANARIES = {f"node{number}" for number in range(4)}


def simulated(seed: int, worse: float = 1.0, nodes: int = 20, hours: int = 48) -> pd.DataFrame:
    """Two windows an hour; half of the time before the update. A wind that all see, and one of each node, last for many
    hours; nodes differ for good, the canaries from the others, too."""
    generator = np.random.default_rng(seed)
    count = 4 * hours
    wind = 0.5 * lasting(generator, 1, count) + 0.1 * lasting(generator, nodes, count)
    level = 0.5 * generator.standard_normal((nodes, 1)) + 0.5 * (np.arange(nodes)[:, None] < len(CANARIES))
    updated = (np.arange(nodes)[:, None] < len(CANARIES)) & (np.arange(count) >= count // 2)
    noise = 0.2 * generator.standard_normal((nodes, count))
    return pd.DataFrame({
        "node": np.repeat([f"node{number}" for number in range(nodes)], count),
        "start": np.tile(pd.date_range(BEGIN, periods=count, freq="30min"), nodes),
        "version": np.where(updated, "2", "1").ravel(), "rate": 1,
        "estimated_error": 2 * np.exp(wind + level + noise + np.log(worse) * updated).ravel(),
    }).sort_values("start", kind="stable")


def lasting(generator: np.random.Generator, rows: int, count: int) -> np.ndarray:
    """Of variance 1; what it is now it is for some ten hours."""
    steps = generator.standard_normal((rows, count))
    for number in range(1, count):
        steps[:, number] = 0.95 * steps[:, number - 1] + np.sqrt(1 - 0.95**2) * steps[:, number]
    return steps


def judged(windows: pd.DataFrame, margin_percent: float = 5) -> Verdict:
    return judge(windows, running(windows, NO_NODES), CANARIES, "2", margin_percent)


def test_chance_stops_few_versions_that_are_no_worse() -> None:
    answers = [judged(simulated(seed)).answer for seed in range(100)]
    assert answers.count("stop") / len(answers) < 2 * LEVEL


def test_few_versions_that_are_worse_by_the_margin_go_on() -> None:
    answers = [judged(simulated(seed, worse=1.05)).answer for seed in range(100)]
    assert answers.count("go on") / len(answers) < 2 * LEVEL


@pytest.mark.parametrize(("worse", "answer"), [(1.3, "stop"), (0.8, "go on")])
def test_a_clear_difference_is_found(worse: float, answer: str) -> None:
    verdicts = [judged(simulated(seed, worse)) for seed in range(20)]
    assert [each.answer for each in verdicts].count(answer) >= 18
    assert np.median([each.worse_percent for each in verdicts]) == pytest.approx(100 * (worse - 1), abs=5)
    assert (verdicts[0].canaries, verdicts[0].others, verdicts[0].hours) == (4, 16, pytest.approx(48, abs=1))


def test_few_nodes_or_hours_wait() -> None:
    windows = simulated(0, worse=3)
    assert judged(windows[windows["node"].isin(["node0", "node4", "node5"])]).answer == "wait"
    soon = judged(windows[windows["start"] < BEGIN + timedelta(hours=60)])
    assert (soon.answer, soon.canaries) == ("wait", 0)
    assert "no canaries with windows of 24 hours" in soon.reason
    before = judged(windows[windows["version"] == "1"])
    assert (before.answer, before.reason) == ("wait", "no canary runs version 2")


def test_nodes_that_changed_meanwhile_do_not_count() -> None:
    windows = simulated(0, worse=3)
    windows.loc[(windows["node"] == "node9") & (windows["start"] > BEGIN + timedelta(hours=60)), "version"] = "3"
    windows.loc[(windows["node"] == "node3"), "version"] = "1"  # a canary without the update
    verdict = judged(windows)
    assert (verdict.answer, verdict.canaries, verdict.others) == ("stop", 3, 15)


NODES = """
nodes:
  node0: {topic: 0, sends: packets, versions: [{version: "2", since: 2026-03-03T00:00:00Z}], group: canary}
  node1: {topic: 1, sends: packets, versions: [{version: "1", since: 2026-01-01T00:00:00Z}], group: canary}
  node2: {topic: 2, sends: packets, versions: [], group: canary}
  node3: {topic: 3, sends: packets, versions: [], group: canary}
  silent: {topic: 4, sends: packets, versions: [{version: "1", since: 2026-01-01T00:00:00Z}]}
""".replace("topic: ", "interval_seconds: null, installed: 2026-01-01, array: '', topic: packets/")


def invoke(command: str, folder: Path, windows: pd.DataFrame, *arguments: str) -> Result:
    """On the files of a gateway that received ``windows``."""
    for (day, node), rows in windows.groupby([windows["start"].dt.date, "node"]):
        partition = folder / "received" / partition_folder(day, node)
        partition.mkdir(parents=True)
        table = pyarrow.Table.from_pylist(rows.drop(columns="node").to_dict("records"), WINDOW_COLUMNS)
        pyarrow.parquet.write_table(table, partition / "00000001.parquet")
    (folder / "nodes.yaml").write_text(NODES)
    return CliRunner().invoke(app, ["fleet", command, str(folder / "received"), *arguments, "--nodes",
                                    str(folder / "nodes.yaml")])


@pytest.mark.parametrize(("worse", "answer", "status"), [(0.5, "go on", 0), (1.0, "wait", 3), (2.0, "stop", 4)])
def test_programs_learn_the_answer_by_status_and_json(worse: float, answer: str, status: int, tmp_path: Path) -> None:
    done = invoke("rollout", tmp_path, simulated(3, worse, nodes=10, hours=30), "2", "--json")
    assert done.exit_code == status, done.output
    verdict = json.loads(done.output)
    assert (verdict["answer"], verdict["canaries"], verdict["others"]) == (answer, 4, 6)


def test_a_group_without_nodes_is_refused(tmp_path: Path) -> None:
    refused = invoke("rollout", tmp_path, simulated(0, hours=1), "2", "--group", "brave").exception
    assert isinstance(refused, EdgeCodecError)
    assert "nodes.yaml: no node has group: brave; give the canaries this group" in str(refused)


def test_versions_are_told_beside_the_table(tmp_path: Path) -> None:
    done = invoke("versions", tmp_path, simulated(0, nodes=6, hours=24), "--json")
    told = {each["node"]: each for each in json.loads(done.output)}
    assert [*told] == [*(f"node{number}" for number in range(6)), "silent"]
    updated = (BEGIN + timedelta(days=1)).isoformat()
    assert (told["node1"]["version"], told["node1"]["since"], told["node1"]["listed"]) == ("2", updated, "1")
    assert (told["node5"]["version"], told["node5"]["since"], told["node5"]["group"]) == ("1", BEGIN.isoformat(), None)
    assert (told["silent"]["version"], told["silent"]["listed"]) == (None, "1")
    assert CliRunner().invoke(app, ["fleet", "versions", str(tmp_path / "received"), "--nodes", str(
        tmp_path / "nodes.yaml")]).output.count("differs") == 1
