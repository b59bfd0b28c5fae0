"""The fleet on one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from edgecodec.fleet import charts
from edgecodec.fleet.charts import Pictured
from edgecodec.fleet.drift import FLEET, RECENT, Watched, typical_error
from edgecodec.fleet.received import FieldWindows
from edgecodec.packaged import packaged
from edgecodec.params import FleetParams
from edgecodec.registry.report.page import rendered
from edgecodec.storage import write_text

DRAWN_NODES, LISTED_NODES, LISTED_CHANNELS, PICTURES = 4, 40, 40, 5


@dataclass(frozen=True)
class Node:
    """What of a node's recent windows the page tells."""

    name: str
    version: str  # that it runs now
    windows: int
    last: datetime
    error_percent: float
    deviations: float  # mean, over those of validation windows
    unlike: float  # share
    stability: float  # NaN where there are few observations
    faulty: int  # channels of the newest window
    alarms: tuple[str, ...]  # signals whose alarms go on


@dataclass(frozen=True)
class FaultyChannel:
    node: str
    channel: str
    since: datetime
    last: datetime
    share: float  # of the node's windows since then


def write_fleet_report(folder: str, received: FieldWindows, watched: Watched, params: FleetParams, path: Path) -> None:
    """Write the page to ``path``, whole or not at all.

    Args:
        folder: its name, for people.
    """
    windows = received.windows
    nodes = sorted(_nodes(received, watched), key=lambda node: (len(node.alarms), node.deviations), reverse=True)
    pictured = list(_pictured(received))
    write_text(path, rendered(packaged("fleet/page.html.j2"), {
        "folder": folder, "fleet": FLEET, "params": params, "watched": watched, "undated": received.undated,
        "recent_days": RECENT.days, "windows": len(windows), "nodes": nodes[:LISTED_NODES],
        "more_nodes": len(nodes[LISTED_NODES:]), "all_nodes": len(nodes),
        "begin": windows["start"].iloc[0], "end": windows["start"].iloc[-1],
        "versions": windows.groupby("version")["node"].agg(["nunique", "size"]).to_dict("index"),
        "faulty": sorted(_faulty(received), key=lambda each: each.since, reverse=True)[:LISTED_CHANNELS],
        "errors": charts.errors(windows, _drawn(watched), watched.alarms),
        "by_version": charts.versions(windows), "pictures": charts.windows(pictured) if len(pictured) > 1 else None,
        "unlike": float(windows["unlike_training"].mean()), "error": typical_error(windows["estimated_error"]),
    }))


def _drawn(watched: Watched) -> list[str]:
    """Nodes with alarms, those first that drift now."""
    named = [alarm.node for alarm in (*watched.going_on, *watched.alarms) if alarm.node != FLEET]
    return list(dict.fromkeys(named))[:DRAWN_NODES]


def _nodes(received: FieldWindows, watched: Watched) -> Iterator[Node]:
    newest = received.windows["start"].iloc[-1]
    period = watched.observations.index.get_level_values("period")
    deviations = watched.observations["error"][period > newest - RECENT].groupby("node").mean()
    faulty = received.faulty.groupby("window").size()
    for name, own in received.windows.groupby("node"):
        recent = own[own["start"] > newest - RECENT]
        yield Node(str(name), str(own["version"].iloc[-1]), len(own), own["start"].iloc[-1],
                   typical_error(recent["estimated_error"]), float(deviations.get(name, np.nan)),
                   float(recent["unlike_training"].mean()), watched.stability.get(str(name), np.nan),
                   int(faulty.get(own.index[-1], 0)),
                   tuple(alarm.signal for alarm in watched.going_on if alarm.node == name))


def _faulty(received: FieldWindows) -> Iterator[FaultyChannel]:
    said = received.faulty.merge(received.windows[["node", "start", "version"]], left_on="window", right_index=True)
    starts = {str(name): own["start"] for name, own in received.windows.groupby("node")}
    for (node, channel), own in said.groupby(["node", "channel"]):
        names = dict(enumerate(received.channels.get(str(own["version"].iloc[-1]), ())))
        since, last = own["start"].min(), own["start"].max()
        yield FaultyChannel(str(node), names.get(int(str(channel)), str(channel)), since, last,
                            len(own) / int((starts[str(node)] >= since).sum()))


def _pictured(received: FieldWindows) -> Iterator[Pictured]:
    """A window like those of the training, then the newest unlike ones of the nodes that have most."""
    windows = received.windows[received.windows["version"].isin(received.channels)]  # files of old name no channels
    usual = windows[~windows["unlike_training"] & windows["estimated_error"].le(windows["estimated_error"].median())]
    unlike = windows[windows["unlike_training"]]
    newest = unlike.groupby("node").tail(1).set_index("node", drop=False)
    chosen: list[tuple[str, Any]] = [("like the training", each) for _, each in usual.tail(1).iterrows()]
    chosen += [("unlike", newest.loc[name]) for name in unlike["node"].value_counts().index[:PICTURES]]
    for told, window in chosen:
        yield Pictured(f"{shorten(window['node'], 30, placeholder='…')}\n{window['start']:%d %b %H:%M}, {told}, "
                       f"{window['estimated_error']:.2g} %",
                       received.samples(int(window["file"]), int(window["row"]), window["version"]))
