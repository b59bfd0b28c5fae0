"""The pictures of a release report, as SVG for data URIs. Equal figures give equal bytes."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from edgecodec.evaluation.style import ACCENT, COOL, GREY, INK, figure
from edgecodec.metrics import RELATIVE, Metric

STYLE = {"font.size": 8.5, "axes.axisbelow": True, "lines.linewidth": 1.4}  # but for what all pictures have
HIGHEST_SHOWN = 1.4
LEAST_NAMED = 0.055  # of the arena: smaller blocks are drawn without their name
RIVAL_COLOURS = ("#1d6996", "#0f8554", "#38a6a5", "#edad08", "#94346e", "#73af48", "#8793a0", "#5f4690", "#c77b30",
                 "#4b3f72")


def svg_uri(svg: BytesIO) -> str:
    """``svg`` as a data URI: the page needs no other file, and ids of two pictures cannot clash."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.getvalue()).decode()}"


@dataclass(frozen=True)
class ErrorCurve:
    """A codec's error against its bits."""

    name: str
    bits: Sequence[float]  # per window, at every rate
    errors: Sequence[float]  # in the metric


def rate_distortion(own: ErrorCurve, champion: ErrorCurve | None, rivals: Sequence[ErrorCurve], gate: float,
                    metric: Metric) -> str:
    """Error against bits per window, both logarithmic but for decibels; in percent up to ``HIGHEST_SHOWN`` x gate."""
    written = BytesIO()
    with figure(written, 7.2, 4.4, STYLE) as drawn:
        axes = drawn.subplots()
        for number, rival in enumerate(rivals):
            axes.plot(rival.bits, rival.errors, label=rival.name, marker="s", markersize=3.5, linewidth=1,
                      color=RIVAL_COLOURS[number % len(RIVAL_COLOURS)])
        if champion is not None:
            axes.plot(champion.bits, champion.errors, label=champion.name, color=INK, linestyle="--", marker="o",
                      markersize=6, markerfacecolor="white", zorder=4)
        axes.plot(own.bits, own.errors, label=own.name, color=ACCENT, linewidth=2.4, marker="o", zorder=5)
        for bits, error in zip(own.bits, own.errors, strict=True):
            axes.annotate(f"{error:.2f}", (bits, error), textcoords="offset points", xytext=(0, -14), ha="center",
                          color=ACCENT, fontweight="bold")
        axes.axhline(gate, color=GREY, linewidth=0.9, linestyle=":")
        axes.annotate(f"gate: {gate:g}{metric.unit}", (1, gate), xycoords=("axes fraction", "data"), ha="right",
                      va="bottom", color=GREY)
        axes.set(xscale="log", yscale="linear" if metric.more_is_better else "log", xlabel="bits per window",
                 ylabel=metric.label)
        axes.set_xticks(own.bits, [f"{bits:g}" for bits in own.bits])
        axes.set_xticks([], minor=True)
        if metric == RELATIVE:
            lowest, highest = 0.9 * min(own.errors), HIGHEST_SHOWN * gate
            ticks = [tick for tick in (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 10) if lowest < tick < highest]
            axes.set_yticks(ticks, [f"{tick:g} %" for tick in ticks])
            axes.set_yticks([], minor=True)
            axes.set_ylim(lowest, highest)
        else:
            axes.yaxis.set_major_formatter(f"{{x:g}}{metric.unit}")
        drawn.legend(loc="outside right upper")
    return svg_uri(written)


def cycles(names: Sequence[str], counts: Sequence[float]) -> str:
    """Cycles of every step, top to bottom as they run."""
    written = BytesIO()
    with figure(written, 7.2, 0.7 + 0.22 * len(names), STYLE) as drawn:
        axes = drawn.subplots()
        bars = axes.barh(range(len(names)), counts, color=COOL, height=0.7)
        axes.bar_label(bars, [f"{count / 1e3:,.1f}k" for count in counts], padding=3, fontsize=7.5)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.12)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1e3:,.0f}k")
        axes.set_xlabel("cycles")
    return svg_uri(written)


def memory(blocks: Sequence[Mapping[str, Any]], steps: Sequence[str], arena_bytes: int) -> str:
    """Which block of the arena lives where, and during which steps."""
    fills = ("#cfe3ee", "#fbe3d6", "#d9ecdc", "#f3dde6", "#f6ecc6", "#e2def0")
    written = BytesIO()
    with figure(written, 7.2, 4.2, STYLE) as drawn:
        axes = drawn.subplots()
        for number, block in enumerate(sorted(blocks, key=lambda block: (block["first_step"], block["offset"]))):
            width = block["last_step"] - block["first_step"] + 1
            axes.bar(block["first_step"], block["bytes"] / 1e3, width, block["offset"] / 1e3, align="edge",
                     color=fills[number % len(fills)], edgecolor="white", linewidth=0.8)
            if block["bytes"] > LEAST_NAMED * arena_bytes:
                name = block["name"] if width > 1 else block["name"].replace("_", "\n")
                axes.text(block["first_step"] + width / 2, (block["offset"] + block["bytes"] / 2) / 1e3, name,
                          ha="center", va="center", fontsize=6.5, linespacing=0.95)
        axes.axhline(arena_bytes / 1e3, color=ACCENT, linewidth=1)
        axes.annotate(f"{arena_bytes:,} bytes of arena", (1, arena_bytes / 1e3), xycoords=("axes fraction", "data"),
                      ha="right", va="bottom", color=ACCENT)
        axes.set_xticks([number + 0.5 for number in range(len(steps))], steps, rotation=35, ha="right", fontsize=7)
        axes.set(xlim=(0, len(steps)), ylim=(0, 1.09 * arena_bytes / 1e3), ylabel="offset, kB")
        axes.grid(axis="x", visible=False)
    return svg_uri(written)


def energy(rates: Sequence[str], compute: Sequence[float], radio: Sequence[float], raw: float) -> str:
    """Energy of one window at every rate beside that of sending it raw, logarithmic."""
    written = BytesIO()
    with figure(written, 7.2, 0.8 + 0.34 * (len(rates) + 1), STYLE) as drawn:
        axes = drawn.subplots()
        labels = [*(f"rate {rate}" for rate in rates), "raw, sent as it is"]
        totals = [*(spent + sent for spent, sent in zip(compute, radio, strict=True)), raw]
        bars = axes.barh(range(len(labels)), totals, color=[*[ACCENT] * len(rates), GREY], height=0.65)
        notes = [f"{total:.2f} mJ: {spent:.2f} to compute, {sent:.3f} to send, 1/{raw / total:.0f} of raw"
                 for total, spent, sent in zip(totals[:-1], compute, radio, strict=True)]
        axes.bar_label(bars, [*notes, f"{raw:.0f} mJ"], padding=4, fontsize=7.5)
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.set(xscale="log", xlabel="mJ per window", xlim=(0.4 * min(totals), 5 * raw))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xticks([], minor=True)
        axes.grid(axis="y", visible=False)
    return svg_uri(written)
