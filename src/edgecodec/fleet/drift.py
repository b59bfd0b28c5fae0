"""Which nodes have drifted, since when, and how far; and the fleet as a whole.

Consecutive windows are alike, since conditions last. So the windows of one period make one observation, their mean, and
an undisturbed observation is taken to vary from period to period as validation windows do among each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
import pandas as pd

from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.reference import SIGNALS, Reference, Signal
from edgecodec.fleet.cusum import alarm_level, drifts, stability_index
from edgecodec.params import FleetParams

FLEET = "(fleet)"  # in place of a node
RECENT = pd.Timedelta(days=7)  # before the newest window: what stability indices are of
LEAST_OBSERVATIONS = 100  # of a stability index: with fewer, chance alone makes it large


@dataclass(frozen=True)
class Alarm:
    """A node's drift."""

    node: str  # or FLEET
    signal: Signal
    start: datetime  # when the drift began, as far as the test can tell
    found: datetime  # when there was enough of it for an alarm
    end: datetime | None  # None: it goes on
    versions: tuple[str, ...]  # that the windows since the start are of
    deviations: float  # the signal's mean since the start, in standard deviations on validation windows
    value: float  # since the start: typical error in per cent, or share of unlike windows
    usual: float  # the same before the drift; NaN where there is nothing before

    @property
    def goes_on(self) -> bool:
        return self.end is None


@dataclass(frozen=True, eq=False)
class Watched:
    """A fleet that was tested."""

    observations: pd.DataFrame  # by node and period: error, unlike; standardized
    alarms: tuple[Alarm, ...]  # the newest first
    stability: Mapping[str, float]  # of the nodes' recent estimated errors; nodes with few observations are absent
    untested: tuple[str, ...]  # versions without reference

    @property
    def going_on(self) -> list[Alarm]:
        return [alarm for alarm in self.alarms if alarm.goes_on]


def watch(windows: pd.DataFrame, references: Mapping[str, Reference], params: FleetParams) -> Watched:
    """Test every node of ``windows``, and the fleet: a period's mean over the nodes.

    Nodes in one wind are not independent. So the fleet's mean is tested at the level of a single node, which gives the
    same false alarms if all nodes are alike, and fewer if they are not.

    Raises:
        EdgeCodecError: no version in the field has a reference.
    """
    untested = tuple(sorted(set(windows["version"]) - references.keys()))
    tested = windows[windows["version"].isin(references)]
    if tested.empty:
        raise EdgeCodecError(f"no version in the field ({', '.join(untested)}) was registered with a reference of its "
                             "remarks; run the pipeline (make repro) and update the nodes")
    used = {version: references[version] for version in sorted(set(tested["version"]))}
    observations = observe(tested, used, params)
    levels = {signal: max(alarm_level(partial(each.drawn, signal), params.period_minutes,
                                      params.false_alarms_per_node_year / len(SIGNALS)) for each in used.values())
              for signal in SIGNALS}
    alarms = [alarm for name in observations.index.unique("node")
              for alarm in _alarms(name, observations.loc[name], tested, levels, params)]
    recent = observations[observations.index.get_level_values("period") > tested["start"].iloc[-1] - RECENT]
    percentiles = used[str(tested["version"].iloc[-1])].percentiles
    stability = {str(name): stability_index(percentiles, each) for name, each in (
        (name, of_node["error"].dropna().to_numpy()) for name, of_node in recent.groupby("node"))
        if len(each) >= LEAST_OBSERVATIONS}
    return Watched(observations, tuple(sorted(alarms, key=lambda alarm: alarm.found, reverse=True)), stability,
                   untested)


def observe(windows: pd.DataFrame, references: Mapping[str, Reference], params: FleetParams) -> pd.DataFrame:
    """The signals' means by node and period; those of FLEET, too, if there are several nodes."""
    signals = pd.concat([
        references[str(version)].standardized(each["rate"].to_numpy(), each["estimated_error"].to_numpy(),
                                              each["unlike_training"].to_numpy()).set_index(each.index)
        for version, each in windows.groupby("version")])
    period = windows["start"].dt.floor(pd.Timedelta(minutes=params.period_minutes)).rename("period")
    by_node = signals.groupby([windows["node"], period]).mean()
    if by_node.index.unique("node").size == 1:
        return by_node
    return pd.concat([pd.concat({FLEET: by_node.groupby("period").mean()}, names=["node"]), by_node])


def _alarms(name: str, observations: pd.DataFrame, windows: pd.DataFrame, levels: Mapping[Signal, float],
            params: FleetParams) -> Iterator[Alarm]:
    length = pd.Timedelta(minutes=params.period_minutes)
    own = windows if name == FLEET else windows[windows["node"] == name]
    for signal, level in levels.items():
        course = observations[signal].dropna()
        for drift in drifts(course.to_numpy(), level):
            start, found = course.index[drift.start], course.index[drift.found] + length
            end = None if drift.end is None else course.index[drift.end - 1] + length
            within = own["start"].ge(start) & (own["start"].lt(end) if end is not None else True)
            versions = tuple(sorted(own.loc[within, "version"].unique()))
            yield Alarm(name, signal, start.to_pydatetime(), found.to_pydatetime(), end and end.to_pydatetime(),
                        versions, float(course.iloc[drift.start:drift.end].mean()), _told(own[within], signal),
                        _told(own[own["start"] < start], signal))


def _told(windows: pd.DataFrame, signal: Signal) -> float:
    """In what people read."""
    if windows.empty:
        return float(np.nan)
    return typical_error(windows["estimated_error"]) if signal == "error" else float(windows["unlike_training"].mean())


def typical_error(percent: pd.Series) -> float:
    """The geometric mean: what the test looks at is the error's logarithm."""
    return float(np.exp(np.log(percent[np.isfinite(percent)]).mean()))
