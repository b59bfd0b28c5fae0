"""Which node runs what, by its packets, beside what the table of nodes says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from edgecodec.gateway.nodes import NodeTable


@dataclass(frozen=True)
class Running:
    """A node's version; None where it sent no window, or the table does not say."""

    node: str
    group: str | None
    version: str | None  # of its newest window
    since: datetime | None  # the start of its first window of this version behind the last one of another
    last: datetime | None  # the start of its newest window
    listed: str | None  # what the table says that it ran then; of a node without windows, what it says last

    @property
    def agrees(self) -> bool:
        return self.version is None or self.listed in (None, self.version)


def running(windows: pd.DataFrame, table: NodeTable) -> list[Running]:
    """All nodes of ``table`` and of ``windows``, by name.

    Args:
        windows: columns node, start, version; in order of start.
    """
    return sorted(_running(windows, table), key=lambda each: each.node)


def _running(windows: pd.DataFrame, table: NodeTable) -> Iterator[Running]:
    sent = {str(name): own for name, own in windows.groupby("node")}
    for name in sent.keys() | table.nodes.keys():
        node = table.nodes.get(name)
        group = node.group if node else None
        if name not in sent:
            listed = node.newest_first[0].version if node and node.newest_first else None
            yield Running(name, group, None, None, None, listed)
            continue
        versions, starts = sent[name]["version"], sent[name]["start"]
        change = versions.ne(versions.shift()).cumsum()  # how often the version has changed
        last = starts.iloc[-1].to_pydatetime()
        yield Running(name, group, str(versions.iloc[-1]), starts[change == change.iloc[-1]].iloc[0].to_pydatetime(),
                      last, node.version_at(last) if node else None)
