"""From a stopped version back: which nodes run it, what they ran before, and a signed export of that."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_cli import Command, edgecodec
from test_fleet import BEGIN, RECEIVED, windows, write

from edgecodec.registry.signatures import create_key

__all__ = ["edgecodec"]  # a fixture
UPDATED = BEGIN + timedelta(days=1)
NODES = """
nodes:
  new: {topic: 0, sends: packets, versions: [{version: "2", since: 2026-03-01T00:00:00Z},
                                             {version: "1", since: 2026-01-01T00:00:00Z}]}
  old: {topic: 1, sends: packets, versions: []}
  updated: {topic: 2, sends: packets, versions: [], group: canary}
""".replace("topic: ", "interval_seconds: null, installed: 2026-01-01, array: '', topic: packets/")
ROLLBACK = ("fleet", "rollback", "received", "2", "--nodes", "nodes.yaml")


def sent(node: str, version: str, begin: datetime = BEGIN) -> list[dict[str, Any]]:
    return list(windows(node, 2, 3, begin, version=version))


@pytest.fixture
def fleet(registered: Path) -> None:
    """``updated`` went from version 1 to 2; all windows of ``new`` are of version 2; ``old`` runs version 1."""
    write(RECEIVED, *sent("updated", "1"), *sent("updated", "2", UPDATED), *sent("new", "2"), *sent("old", "1"))
    Path("nodes.yaml").write_text(NODES)


@pytest.mark.usefixtures("fleet")
def test_nodes_get_back_what_they_ran_before(edgecodec: Command) -> None:
    create_key(Path("ada"), "ada@ground")
    done = edgecodec(*ROLLBACK, "-o", "back", "--key", "ada", "--json")
    assert done.status == 0, done.err
    assert "back/1: version 1, signed" in done.err
    told = {each["node"]: each for each in json.loads(done.out)}
    assert {node: each["before"] for node, each in told.items()} == {"new": "1", "updated": "1"}
    assert (told["updated"]["since"], told["updated"]["group"]) == (UPDATED.isoformat(), "canary")
    checked = edgecodec("releases", "check", "back/1", "--keys", "ada.pub")
    assert checked.status == 0, checked.err
    assert "signed by ada@ground" in checked.out
    assert "back: is there already" in edgecodec(*ROLLBACK, "-o", "back").err


@pytest.mark.usefixtures("fleet")
def test_a_node_of_which_nothing_tells_is_named(edgecodec: Command) -> None:
    write(RECEIVED, *sent("updated", "1"), *sent("updated", "2", UPDATED), *sent("old", "2"))
    done = edgecodec(*ROLLBACK)
    assert done.status == 1
    assert "updated" in done.out
    assert done.err == "error: old: nothing tells what ran before 2; list it in nodes.yaml\n"
