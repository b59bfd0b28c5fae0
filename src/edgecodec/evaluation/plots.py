"""The pictures of the analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgecodec.evaluation.codebooks import Utilization
from edgecodec.evaluation.rate_distortion import CODEC, CODED, Comparison
from edgecodec.evaluation.style import ACCENT, AS_TEXT, COOL, FAINT, GREY, INK, figure
from edgecodec.metrics import RELATIVE, ErrorTable, Metric, central

Floats = NDArray[np.float32]
POINTS_PER_SECOND = 20  # of a picture of low-passed windows
LOOKS: dict[str, dict[str, Any]] = {  # of the codecs; the three kinds of SZ3 lie on one another
    CODEC: {"color": ACCENT, "marker": "o", "linewidth": 2.5, "zorder": 5},
    CODED: {"color": ACCENT, "marker": "o", "markerfacecolor": "white", "linestyle": "--", "zorder": 5},
    "paper": {"color": "#e17c05", "marker": "P"},
    "paper_original": {"color": "#e17c05", "marker": "p", "linestyle": "--"},
    "transform": {"color": "#6f4070", "marker": "h"},
    "klt_dct": {"color": COOL, "marker": "s"},
    "klt_dct_plain": {"color": COOL, "marker": "s", "markerfacecolor": "white", "linestyle": "--"},
    "joint_rvq": {"color": "#0f8554", "marker": "D"},
    "means": {"color": INK, "marker": "_", "linestyle": ":"},
    "sz3_abs": {"color": "#38a6a5", "marker": "^"},
    "sz3_rel": {"color": "#73af48", "marker": "v", "linestyle": "--"},
    "sz3_abs_rel": {"color": "#edad08", "marker": "d", "linestyle": ":"},
    "zfp": {"color": "#94346e", "marker": "x"},
}


def draw_rate_distortion(path: Path, comparison: Comparison, gate: float) -> None:
    """The project's metric against bits, for every codec: of all windows, of every group; then NMSE.

    ``gate`` is the limit of the first.
    """
    metric = comparison[CODEC].metric
    groups = comparison[CODEC].points[0].errors.shown_groups(metric)
    panels: dict[str, Callable[[ErrorTable], float]] = {f"{_capital(metric)}, all windows": metric.of}
    panels |= {f"{_capital(metric)}, {group}": _error_of(group, metric) for group in groups}
    if metric.label != "NMSE":
        panels["NMSE, all windows"] = lambda errors: errors.nmse_percent
    units = [*(metric.unit for _ in range(1 + len(groups))), " %"]
    bits = [round(point.bits_per_window) for point in comparison[CODEC].points]
    with figure(path, 1.6 + 2.9 * len(panels), 3.6) as drawn:
        grid = drawn.subplots(1, len(panels), squeeze=False)[0]
        for axes, unit, (title, error) in zip(grid, units[: len(panels)], panels.items(), strict=True):
            for name, curve in comparison.items():
                axes.plot([point.bits_per_window for point in curve.points],
                          [error(point.errors) for point in curve.points], label=name, markersize=5, **LOOKS[name])
            axes.set(xscale="log", yscale="linear" if unit == " dB" else "log", xlabel="bits per window", title=title)
            axes.set_xticks(bits, [str(each) for each in bits])
            axes.set_xticks([], minor=True)
            axes.yaxis.set_major_formatter(f"{{x:g}}{unit}")
            axes.yaxis.set_minor_formatter(f"{{x:g}}{unit}")
        pooled = drawn.axes[0]
        pooled.axhline(gate, color=FAINT, linewidth=1, zorder=0)
        pooled.annotate("gate", (1, gate), xycoords=("axes fraction", "data"), color=GREY,
                        ha="right", va="bottom", fontsize=8)
        drawn.legend(*pooled.get_legend_handles_labels(), loc="outside right upper")


def draw_reconstructions(
    path: Path, inputs: Floats, targets: Floats, rebuilt: Mapping[int, Floats], sample_rate_hz: float,
    channel_names: Sequence[str],
) -> None:
    """The best, the middle and the worst window of a set at the highest rate, each on three channels.

    Args:
        inputs, targets: [windows, channels, samples].
        rebuilt: per rate, of the shape of ``targets``.
    """
    inner = central(targets.shape[-1])
    order, channels = _by_error(targets, rebuilt[max(rebuilt)]), _three_channels(targets)
    chosen = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
    seconds = np.arange(targets.shape[-1]) / sample_rate_hz
    with figure(path, 10.5, 7, AS_TEXT) as drawn:
        grid = drawn.subplots(len(chosen), len(channels), sharex=True, squeeze=False)
        for row, (which, window) in zip(grid, chosen.items(), strict=True):
            for axes, channel in zip(row, channels, strict=True):
                axes.plot(seconds, inputs[window, channel], color=FAINT, linewidth=0.5, label="recorded")
                axes.plot(seconds, targets[window, channel], color=INK, linewidth=1.2, label="target")
                for (rate, windows), colour in zip(rebuilt.items(), _shades(len(rebuilt)), strict=True):
                    axes.plot(seconds, windows[window, channel], color=colour, linewidth=1.2,
                              label=f"rebuilt, rate {rate}")
                axes.axvspan(seconds[inner.start], seconds[inner.stop - 1], color="#f5f7f9", zorder=0)
                axes.set_title(f"{which} window, channel {channel_names[channel]}")
        for axes in grid[-1]:
            axes.set_xlabel("s")
        drawn.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)


def draw_window(path: Path, targets: Floats, rebuilt: Mapping[int, Floats], sample_rate_hz: float,
                channel_names: Sequence[str]) -> None:
    """The middle window of a set on three channels, before and after.

    Args:
        targets: [windows, channels, samples].
        rebuilt: by the bits of a window, of the shape of ``targets``.
    """
    order = _by_error(targets, rebuilt[max(rebuilt)])
    window = order[len(order) // 2]
    shown = slice(None, None, max(1, round(sample_rate_hz / POINTS_PER_SECOND)))
    seconds = np.arange(targets.shape[-1]) / sample_rate_hz
    with figure(path, 10.5, 2.6, AS_TEXT) as drawn:
        for axes, channel in zip(drawn.subplots(1, 3), _three_channels(targets), strict=True):
            axes.plot(seconds[shown], targets[window, channel, shown], color=INK, label="recorded, low-passed")
            for (bits, windows), colour in zip(rebuilt.items(), _shades(len(rebuilt)), strict=True):
                axes.plot(seconds[shown], windows[window, channel, shown], color=colour, linewidth=1.2,
                          label=f"rebuilt from {bits} bits")
            axes.set(xlabel="s", title=f"channel {channel_names[channel]}")
        drawn.legend(*drawn.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def draw_codebook_usage(path: Path, utilization: Utilization) -> None:
    """How often the codewords of every stage are chosen, most frequent first, against all being equally frequent."""
    counts = [np.sort(stage.pooled.counts)[::-1] for stage in utilization.stages]
    share = np.full((len(counts), max(map(len, counts))), np.nan)
    for row, of_stage in zip(share, counts, strict=True):
        row[: len(of_stage)] = of_stage / of_stage.sum() * len(of_stage)
    with figure(path, 8, 1.4 + 0.13 * len(counts)) as drawn:
        axes = drawn.subplots()
        colours = mpl.colormaps["magma"].with_extremes(bad="white")
        image = axes.imshow(np.where(share > 0, share, np.nan), aspect="auto", cmap=colours,
                            norm=mpl.colors.LogNorm(0.05, 20), interpolation="nearest",
                            extent=(0, share.shape[1], len(counts) + 0.5, 0.5))
        axes.grid(visible=False)
        axes.set(xlabel="codewords, most frequent first (white: never chosen)", ylabel="stage",
                 title=f"Codebook usage, {utilization.windows} windows")
        drawn.colorbar(image, ax=axes, label="frequency x codewords", format="{x:g}")


def draw_learning_curves(path: Path, history: Sequence[Mapping[str, float]], metric: Metric = RELATIVE) -> None:
    """Parts of the loss, and the validation error at every rate, step by step."""
    with figure(path, 9.5, 3.8) as drawn:
        losses, error = drawn.subplots(1, 2)
        for name, (steps, values) in _series(history, "loss_").items():
            if np.any(values > 0):
                losses.plot(steps, values, label=name)
        losses.set(yscale="log", xlabel="step", title="Loss")
        rates = _series(history, f"{metric.field}_rate")
        for (rate, points), colour in zip(rates.items(), _shades(len(rates)), strict=True):
            error.plot(*points, color=colour, label=f"rate {rate}")
        error.set(xlabel="step", ylabel=metric.unit.replace("%", "percent").strip(),
                  title=f"Validation {metric.label}")
        for axes in (losses, error):
            if axes.lines:
                axes.legend()


def _by_error(targets: Floats, rebuilt: Floats) -> NDArray[np.int64]:
    """Numbers of the windows, the best rebuilt first."""
    inner = central(targets.shape[-1])
    deviation = np.abs(rebuilt - targets)[..., inner].mean(axis=(1, 2))
    return np.argsort(deviation / np.abs(targets[..., inner]).mean(axis=(1, 2)))


def _three_channels(targets: Floats) -> NDArray[np.int64]:
    """The weakest, a middle and the strongest."""
    by_magnitude = np.argsort(np.abs(targets).mean(axis=(0, 2)))
    return by_magnitude[[0, len(by_magnitude) // 2, -1]]


def _error_of(group: str, metric: Metric) -> Callable[[ErrorTable], float]:
    return lambda errors: metric.of(errors.by_group[group])


def _capital(metric: Metric) -> str:
    return metric.label[0].upper() + metric.label[1:]


def _series(history: Sequence[Mapping[str, float]], prefix: str) -> dict[str, NDArray[np.float64]]:
    """Steps and values [2, evaluations] of every column that begins with ``prefix``, by the rest of its name."""
    rows = pd.DataFrame(history)
    return {name.removeprefix(prefix): rows[["step", name]].dropna().to_numpy().T
            for name in sorted(map(str, rows)) if name.startswith(prefix)}


def _shades(rates: int) -> list[Any]:
    """From light to dark, the accent among them."""
    ramp = mpl.colors.LinearSegmentedColormap.from_list("rates", ["#f4a582", ACCENT, "#5c1a33"])
    return [ramp(share) for share in np.linspace(0, 1, rates)]
