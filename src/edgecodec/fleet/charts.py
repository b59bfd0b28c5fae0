"""The pictures of a fleet's report, as SVG for data URIs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from numpy.typing import NDArray

from edgecodec.evaluation.style import GREY, INK, figure
from edgecodec.fleet.drift import Alarm, typical_error
from edgecodec.registry.report.charts import RIVAL_COLOURS, STYLE, svg_uri

POINTS = 120  # of a course over time
STEPS = ("10min", "1h", "6h", "1D", "7D")
SEEN = 99.5  # per cent of the first window's values that colours tell apart


@dataclass(frozen=True, eq=False)
class Pictured:
    """A window to look at."""

    title: str
    samples: NDArray[np.float32]  # [channels, samples]; NaN where a channel was faulty


def errors(windows: pd.DataFrame, nodes: Sequence[str], alarms: Sequence[Alarm]) -> str:
    """The fleet's estimated errors over time, with those of ``nodes``, and where alarms were found."""
    step = _step(windows)
    moment = windows["start"].dt.floor(step)
    by_moment = windows["estimated_error"].groupby(moment)
    low, usual, high = (each.asfreq(step) for each in (
        by_moment.quantile(0.1), by_moment.agg(typical_error), by_moment.quantile(0.9)))
    written = BytesIO()
    with figure(written, 9.6, 3.6, STYLE) as drawn:
        axes = drawn.subplots()
        axes.fill_between(usual.index, low, high, color=GREY, alpha=0.25, linewidth=0,
                          label="8 of 10 windows")
        axes.plot(usual.index, usual, color=INK, label="mean of the fleet")
        for number, node in enumerate(nodes):
            colour = RIVAL_COLOURS[number]
            of_node = windows.loc[windows["node"] == node, "estimated_error"]
            own = of_node.groupby(moment).agg(typical_error).asfreq(step)
            axes.plot(own.index, own, color=colour, label=node)
            for found in (date2num(alarm.found) for alarm in alarms if alarm.node == node):
                height = np.interp(found, date2num(own.index), own.ffill())
                axes.plot(found, height, "v", color=colour, markersize=8, markeredgecolor="white", zorder=5)
        axes.set(yscale="log", ylabel="estimated error, percent")
        lowest, highest = axes.get_ylim()
        ticks = [tick for tick in (0.5, 1, 2, 3, 5, 10, 20, 50, 100) if lowest < tick < highest]
        axes.set_yticks(ticks, [f"{tick:g} %" for tick in ticks])
        axes.set_yticks([], minor=True)
        _dates(axes)
        drawn.legend(loc="outside right upper")
    return svg_uri(written)


def versions(windows: pd.DataFrame) -> str:
    """Nodes by the version that they ran, over time."""
    step = _step(windows)
    newest = windows.groupby([windows["start"].dt.floor(step), "node"])["version"].last()
    counts = newest.groupby("start").value_counts().unstack(fill_value=0).asfreq(step, fill_value=0)
    written = BytesIO()
    with figure(written, 9.6, 1.7, STYLE) as drawn:
        axes = drawn.subplots()
        names = sorted(counts.columns, key=lambda name: (len(name), name))
        axes.stackplot(counts.index, *(counts[name] for name in names), step="post", linewidth=0,
                       labels=[f"version {name}" for name in names], colors=RIVAL_COLOURS)
        axes.set(ylabel="nodes heard", ylim=(0, None))
        _dates(axes)
        drawn.legend(loc="outside right upper")
    return svg_uri(written)


def windows(pictured: Sequence[Pictured]) -> str:
    """Every channel against time: its deviation from its mean, in colours that are the same for all windows."""
    columns = 3
    rows = -(-len(pictured) // columns)
    deviations = [each.samples - np.nanmean(each.samples, axis=1, keepdims=True) for each in pictured]
    reach = max(float(np.nanpercentile(np.abs(deviations[0]), SEEN)), 1e-6)  # of the first one
    written = BytesIO()
    with figure(written, 9.6, 1.9 * rows + 0.3, {**STYLE, "axes.titlesize": 8.5, "axes.grid": False}) as drawn:
        panels = drawn.subplots(rows, columns, squeeze=False, sharey=True).flat
        for axes, each, deviation in zip(panels, pictured, deviations, strict=False):
            axes.set_facecolor("#555555")  # where a channel was faulty
            image = axes.imshow(deviation, cmap="RdBu_r", vmin=-2 * reach, vmax=2 * reach, aspect="auto",
                                interpolation="nearest")
            axes.set_title(each.title)
            axes.set_xlabel("sample")
        drawn.axes[0].set_ylabel("channel")
        for axes in drawn.axes[len(pictured):]:
            axes.set_visible(False)
        drawn.colorbar(image, ax=drawn.axes, shrink=0.8, label="from the channel's mean")
    return svg_uri(written)


def _step(windows: pd.DataFrame) -> str:
    """How far apart the points of a course are."""
    span = windows["start"].iloc[-1] - windows["start"].iloc[0]
    return next((step for step in STEPS if span / pd.Timedelta(step) <= POINTS), STEPS[-1])


def _dates(axes: Axes) -> None:
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.margins(x=0)
