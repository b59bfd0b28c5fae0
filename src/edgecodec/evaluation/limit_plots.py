"""The pictures of what limits the codec."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecodec.evaluation.limits import ALL, Limits
from edgecodec.evaluation.style import ACCENT, COOL, FAINT, INK, figure

SHADES = ("#0b3c5d", COOL, "#8fbcd4")
TITLES = {ALL: "All windows"}


def draw_limits(path: Path, limits: Limits) -> None:
    """Error against bits, of all windows and of every group: codec, ideal quantizer, floors."""
    panels = (ALL, *limits.panels)
    bits = [rate.bits for rate in limits.rates.values()]
    with figure(path, 1.6 + 2.9 * len(panels), 3.6) as drawn:
        for axes, group in zip(drawn.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            curve = [scores[group] for scores in limits.ideal_curve.values()]
            codec = [rate.codec[group] for rate in limits.rates.values()]
            ideal = [rate.ideal[group] for rate in limits.rates.values()]
            axes.fill_between(bits, ideal, codec, color=ACCENT, alpha=0.15, linewidth=0)
            axes.plot(bits, codec, color=ACCENT, marker="o", linewidth=2.5, label="codec")
            axes.plot(list(limits.ideal_curve), curve, color=COOL, label="ideal quantizer")
            axes.axhline(limits.autoencoder[group], color=INK, linewidth=1.2, label="no quantizer")
            if limits.noise_floor is not None:
                axes.axhline(limits.noise_floor[group], color="#94346e", linestyle="--", linewidth=1.2,
                             label="signal without noise")
            axes.set(xlabel="bits per window", title=TITLES.get(group, f"{group[0].upper()}{group[1:]}"))
            axes.set_xticks(bits)
            axes.yaxis.set_major_formatter("{x:g} %")
        drawn.legend(*drawn.axes[0].get_legend_handles_labels(), loc="outside right upper")


def draw_parts(path: Path, limits: Limits) -> None:
    """The error of every group of windows, taken apart; a panel per rate."""
    groups = list(limits.windows)
    rows = np.arange(len(groups))
    floor = np.array([limits.autoencoder[group] for group in groups])
    with figure(path, 1.6 + 2.5 * len(limits.rates), 1.4 + 0.24 * len(groups)) as drawn:
        panels = drawn.subplots(1, len(limits.rates), sharex=True, sharey=True, squeeze=False)[0]
        for axes, (number, rate) in zip(panels, limits.rates.items(), strict=True):
            ideal = np.array([rate.ideal[group] for group in groups])
            codec = np.array([rate.codec[group] for group in groups])
            axes.barh(rows, floor, color=FAINT, label="noise and networks")
            axes.barh(rows, ideal - floor, left=floor, color=COOL, label="number of bits")
            axes.barh(rows, codec - ideal, left=ideal, color=ACCENT, label="quantizer")
            if limits.noise_floor is not None:
                axes.scatter([limits.noise_floor[group] for group in groups], rows, marker="|", s=90, color=INK,
                             zorder=3, label="signal without noise")
            axes.set(title=f"Rate {number}, {rate.bits} bits", xlabel="error, percent")
            axes.set_yticks(rows, [group.replace("_", " ") for group in groups])
            axes.grid(visible=False)
        panels[0].invert_yaxis()  # shared: turns all of them
        drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)


def draw_bits(path: Path, limits: Limits) -> None:
    """Where an ideal quantizer spends the bits, and what the codec would gain by not quantizing there.

    Empty for a codec whose coefficients stand for nothing in particular.
    """
    names = list(next(iter(limits.rates.values())).bits_by_coefficients)
    rates = list(limits.rates.values())
    columns = np.arange(len(rates))
    with figure(path, 8.5, 3.4) as drawn:
        spent, gained = drawn.subplots(1, 2)
        base = np.zeros(len(rates))
        for number, (name, colour) in enumerate(zip(names, SHADES, strict=False)):
            bits = np.array([rate.bits_by_coefficients[name] for rate in rates])
            spent.bar(columns, bits, bottom=base, color=colour, label=name)
            base += bits
            gain = [rate.codec[ALL] - rate.if_exact[name][ALL] for rate in rates]
            gained.bar(columns + (number - (len(names) - 1) / 2) * 0.27, gain, width=0.25, color=colour)
        spent.set(title="Bits of the ideal quantizer", ylabel="bits per window")
        gained.set(title="Error saved if not quantized", ylabel="percent")
        for axes in (spent, gained):
            axes.set_xticks(columns, [f"{rate.bits} bits" for rate in rates])
            axes.grid(visible=False, axis="x")
            axes.set_axisbelow(True)
        if names:
            drawn.legend(*spent.get_legend_handles_labels(), loc="outside lower center", ncols=len(names))
