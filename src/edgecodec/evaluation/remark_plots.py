"""The pictures of what nodes say of windows: estimated against true errors, and what becomes of disturbed windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import numpy as np
from numpy.typing import NDArray

from edgecodec.evaluation.remarks import Remarked
from edgecodec.evaluation.style import ACCENT, COOL, GREY, INK, figure

PANELS_IN_ROW = 3
TEXT_IN_LINE = 46  # characters


@dataclass(frozen=True, eq=False)
class Shown:
    """One channel of a window that was disturbed, at the lowest rate."""

    description: str
    seconds: NDArray[np.float64]  # [samples]
    sent: NDArray[np.float32]  # [samples], what the node got
    target: NDArray[np.float32]  # [samples], low-passed; of a faulty sensor, what it should have sent
    returned: NDArray[np.float32]  # [samples], what the receiver gave; NaN where the node called the channel faulty
    error_percent: float  # of the window
    estimated_percent: float
    unlike: bool
    faulty: int  # channels that were called so

    @property
    def said(self) -> str:
        """In words."""
        remarks = [f"said {_percent(self.estimated_percent)}"]
        if self.unlike:
            remarks.append("unlike the training")
        if self.faulty:
            remarks.append(f"{self.faulty} channel{'s' * (self.faulty > 1)} faulty")
        return ", ".join(remarks)


def draw_estimates(path: Path, found: Mapping[str, Remarked]) -> None:
    """Estimated against true errors, a dot per window and rate; a panel per kind of packets, named by its label."""
    with figure(path, 1 + 3.4 * len(found), 3.8) as drawn:
        for axes, (label, remarked) in zip(drawn.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
            true, estimated = remarked.error_percent, remarked.remarks.error_percent
            ends = np.array([0.9 * min(true.min(), estimated.min()), 1.1 * max(true.max(), estimated.max())])
            axes.fill_between(ends, 0.9 * ends, 1.1 * ends, color=GREY, alpha=0.2, linewidth=0, label="10 % off")
            axes.plot(ends, ends, color=GREY, linewidth=1)
            for rate in range(true.shape[1]):
                axes.plot(true[:, rate], estimated[:, rate], ".", markersize=3, alpha=0.7, label=f"rate {rate + 1}")
            axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal", xlabel="true error, percent",
                     ylabel="estimated by the node, percent", title=f"{label.replace('_', ' ').capitalize()} packets")
            ticks = [tick for tick in (0.2, 0.5, 1, 2, 3, 5, 10, 20, 50) if ends[0] < tick < ends[1]]
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.set_xticks([], minor=True)
            axes.set_yticks([], minor=True)
        drawn.legend(*drawn.axes[0].get_legend_handles_labels(), loc="outside right upper")


def draw_disturbances(path: Path, shown: Sequence[Shown]) -> None:
    """A panel each: what was sent, what came back, and what was said of it."""
    rows = -(-len(shown) // PANELS_IN_ROW)
    with figure(path, 10, 1.75 * rows, {"axes.titlesize": 8.5}) as drawn:
        panels = drawn.subplots(rows, PANELS_IN_ROW, squeeze=False, sharex=True).flat
        for axes, one in zip(panels, shown, strict=False):
            axes.plot(one.seconds, one.sent, color=GREY, linewidth=0.8, label="what was measured")
            axes.plot(one.seconds, one.target, color=INK, linewidth=1, label="the signal in it, below the low-pass")
            axes.plot(one.seconds, one.returned, color=ACCENT, linewidth=1.4, label="what came back")
            axes.set_title(shorten(one.description, TEXT_IN_LINE, placeholder=" …"))
            axes.text(0, 1, f"error {_percent(one.error_percent)}, {one.said}", transform=axes.transAxes, fontsize=8.5,
                      color=COOL, va="top", bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0})
            low, high = _seen(one)
            axes.set_ylim(low - 0.15 * (high - low), high + 0.45 * (high - low))
            if np.isnan(one.returned).all():
                axes.text(0.5, 0.08, "came back as NaN", transform=axes.transAxes, fontsize=8.5, color=INK, ha="center")
        for axes in list(drawn.axes)[len(shown):]:
            axes.set_visible(False)
        for axes in drawn.axes[max(0, len(shown) - PANELS_IN_ROW): len(shown)]:
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("seconds")
        drawn.legend(*drawn.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def _percent(value: float) -> str:
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


def _seen(one: Shown) -> tuple[float, float]:
    """The range of a panel's values."""
    values = np.concatenate([one.sent, one.target, one.returned])
    if not np.isfinite(values).any():
        return 0.0, 1.0
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high) if high > low else (low - 0.5, high + 0.5)
