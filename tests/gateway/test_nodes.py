"""The table of nodes: what it says, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.nodes import load_nodes

TABLE = """
nodes:
  turbine-7:
    topic: edgecodec/turbine-7/packets
    sends: frames
    versions:
      - {version: "2", since: 2026-01-01T00:00:00Z}
      - {version: "3", since: 2026-03-01T00:00:00Z}
    interval_seconds: 8
    installed: 2026-01-01
    array: blade 2
"""


def test_a_node_is_found_by_its_topic(tmp_path: Path) -> None:
    (tmp_path / "nodes.yaml").write_text(TABLE)
    table = load_nodes(tmp_path / "nodes.yaml")
    assert table.name_of("edgecodec/turbine-8/packets") is None
    node = table.nodes[str(table.name_of("edgecodec/turbine-7/packets"))]
    assert node.array == "blade 2"
    assert [each.version for each in node.newest_first] == ["3", "2"]
    assert node.version_at(datetime(2026, 2, 1, tzinfo=UTC)) == "2"
    assert node.version_at(datetime(2025, 2, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(("old", "new", "message"), [
    ("sends: frames", "sends: letters", "nodes.turbine-7.sends: "),
    ("array: blade 2", "blade: 2", "nodes.turbine-7.array: missing key"),
    ("00:00:00Z", "00:00:00", "versions.0.since: "),
    ("interval_seconds: 8", "interval_seconds: 0", "interval_seconds: .*greater than 0"),
    ('      - {version: "2", since: 2026-01-01T00:00:00Z}\n      - {version: "3", since: 2026-03-01T00:00:00Z}\n',
     "      []\n", "versions: none, but frames do not tell their model"),
])
def test_a_wrong_entry_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "nodes.yaml").write_text(TABLE.replace(old, new))
    with pytest.raises(EdgeCodecError, match=f"nodes.yaml: .*{message}"):
        load_nodes(tmp_path / "nodes.yaml")


@pytest.mark.parametrize(("ask", "message"), [
    ("{windows_a_day: 0}", "ask.windows_a_day: .*greater than or equal to 1"),
    ("{windows_a_day: 1, within_percent: 30}", "ask.within_percent: .*less than or equal to 25.5"),
    ("{windows_a_day: 1, topic: edgecodec/turbine-7/packets}", "is that of turbine-7; give requests their own"),
    ("{windows_a_day: 1, topic: edgecodec/+/requests}", "has a wildcard; name one topic"),
])
def test_a_wrong_way_to_ask_is_named(ask: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "nodes.yaml").write_text(f"{TABLE}    ask: {ask}\n")
    with pytest.raises(EdgeCodecError, match=f"nodes.yaml: .*{message}"):
        load_nodes(tmp_path / "nodes.yaml")


def test_requests_have_a_topic_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "nodes.yaml").write_text(f"{TABLE}    ask: {{windows_a_day: 12}}\n")
    assert load_nodes(tmp_path / "nodes.yaml").requests_topic("turbine-7") == "edgecodec/turbine-7/requests"


def test_two_nodes_of_one_topic_are_refused(tmp_path: Path) -> None:
    other = TABLE.replace("nodes:\n", "").replace("turbine-7:", "turbine-8:")
    (tmp_path / "nodes.yaml").write_text(TABLE + other)
    with pytest.raises(EdgeCodecError, match=r"turbine-8\.topic: .*is that of turbine-7; one topic per node"):
        load_nodes(tmp_path / "nodes.yaml")
