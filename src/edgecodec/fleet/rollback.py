"""Which nodes run a version that was stopped, and what they ran before: the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from edgecodec.fleet.versions import Running, running
from edgecodec.gateway.nodes import NodeTable
from edgecodec.registry.export import export_version
from edgecodec.registry.releases import Releases
from edgecodec.registry.signatures import SigningKey
from edgecodec.storage import replacing_directory


@dataclass(frozen=True)
class Return:
    node: str
    group: str | None
    since: datetime | None  # the start of its first window of the stopped version
    before: str | None  # the version that it ran then; None: nothing tells


def returns(windows: pd.DataFrame, table: NodeTable, stopped: str) -> list[Return]:
    """The nodes whose newest window is of version ``stopped``, by name.

    What they ran before is told by their windows, or else by the table of nodes.

    Args:
        windows: columns node, start, version; in order of start.
    """
    return [Return(each.node, each.group, each.since, _before(each, windows, table))
            for each in running(windows, table) if each.version == stopped]


def _before(node: Running, windows: pd.DataFrame, table: NodeTable) -> str | None:
    assert node.since is not None, "it has sent windows"
    earlier = windows.loc[windows["node"].eq(node.node) & windows["start"].lt(node.since), "version"]
    if len(earlier):
        return str(earlier.iloc[-1])
    listed = table.nodes[node.node].newest_first if node.node in table.nodes else ()
    return next((each.version for each in listed if each.version != node.version and each.since <= node.since), None)


def export_returns(found: Sequence[Return], releases: Releases, folder: Path, who: str,
                   key: SigningKey | None) -> list[str]:
    """Write the versions that nodes go back to into a new ``folder``, each in one named like it; their numbers.

    Raises:
        EdgeCodecError: ``folder`` is there already, or a version is not as it was registered.
    """
    versions = sorted({each.before for each in found if each.before is not None})
    if versions:
        with replacing_directory(folder) as new:
            for version in versions:
                export_version(releases, version, "ota", new / version, who, key)
    return versions
