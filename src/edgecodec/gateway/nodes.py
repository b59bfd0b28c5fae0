"""The table of nodes: who sends on which topic, what, and since when it runs which version. One YAML file::

    nodes:
      turbine-7:
        topic: edgecodec/turbine-7/packets
        sends: frames                 # or packets
        versions:                     # of the registered model that it ran and runs
          - {version: "3", since: 2026-03-01T10:00:00Z}
        interval_seconds: 8           # from a window's start to the next one's; null: it sends when it likes
        installed: 2026-03-01
        array: blade 2, zeroed on 2026-03-01
        group: canary                 # for rollouts; nodes need none
        ask: {windows_a_day: 12}      # whole, to train with; without this line the node is never asked
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from edgecodec.params import Count, Positive, Section, load_settings

WILDCARDS = "+#"  # of MQTT, in topics that are subscribed to


class VersionParams(Section):
    version: str
    since: AwareDatetime


class AskParams(Section):
    """Windows that a node is asked for, whole, to train with."""

    windows_a_day: Count
    within_percent: Annotated[float, Field(ge=0.1, le=25.5)] | None = None  # of error, in tenths; null: exact windows
    topic: str | None = None  # of the requests; null: edgecodec/NODE/requests
    repeat_seconds: Positive = 900.0  # after which a request that was not answered is sent again


class NodeParams(Section):
    topic: str
    sends: Literal["packets", "frames"]  # frames by radio: a packet tells its model, a frame does not
    versions: tuple[VersionParams, ...]
    interval_seconds: Positive | None
    installed: date
    array: str  # for people: place, sensors, calibration, zeroing
    group: str | None = None  # by which rollouts name nodes
    ask: AskParams | None = None  # null: for none

    @model_validator(mode="after")
    def _frames_have_a_version(self) -> NodeParams:
        if self.sends == "frames" and not self.versions:
            raise ValueError("versions: none, but frames do not tell their model; list what the node runs")
        return self

    @property
    def newest_first(self) -> tuple[VersionParams, ...]:
        return tuple(sorted(self.versions, key=lambda each: each.since, reverse=True))

    def version_at(self, time: datetime) -> str | None:
        """What it runs at ``time``; None: the table does not say."""
        return next((each.version for each in self.newest_first if each.since <= time), None)


class NodeTable(Section):
    nodes: Mapping[str, NodeParams]

    @model_validator(mode="after")
    def _topics_differ(self) -> NodeTable:
        names: dict[str, str] = {}
        for name, node in self.nodes.items():
            if names.setdefault(node.topic, name) != name:
                raise ValueError(f"nodes.{name}.topic: {node.topic} is that of {names[node.topic]}; one topic per node")
        for name, node in self.nodes.items():
            topic = None if node.ask is None else self.requests_topic(name)
            if topic is not None and names.setdefault(topic, f"requests to {name}") != f"requests to {name}":
                raise ValueError(f"nodes.{name}.ask.topic: {topic} is that of {names[topic]}; give requests their own")
            if topic is not None and set(topic) & set(WILDCARDS):
                raise ValueError(f"nodes.{name}.ask.topic: {topic} has a wildcard; name one topic")
        return self

    def requests_topic(self, name: str) -> str:
        """Where a node with ``ask`` listens."""
        ask = self.nodes[name].ask
        return ask.topic if ask is not None and ask.topic is not None else f"edgecodec/{name}/requests"

    def name_of(self, topic: str) -> str | None:
        """The node that sends on ``topic``, or has this name, as keys of Kafka do; None: the table does not say."""
        return self._names.get(topic)

    @cached_property
    def _names(self) -> dict[str, str]:
        return {name: name for name in self.nodes} | {node.topic: name for name, node in self.nodes.items()}


NO_NODES = NodeTable(nodes={})  # all topics bring packets


def load_nodes(path: Path) -> NodeTable:
    """Read a table of nodes.

    Raises:
        EdgeCodecError: the file is absent or no YAML, a key is unknown or missing, or two nodes have one topic.
    """
    return load_settings(path, NodeTable)
