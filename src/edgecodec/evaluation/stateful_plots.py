"""The picture of stateful mode, as SVG in the style of :mod:`edgecodec.evaluation.plots`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.ticker import NullLocator

from edgecodec.evaluation.plots import ACCENT, INK, LOOKS, figure
from edgecodec.evaluation.rate_distortion import CODEC
from edgecodec.evaluation.rate_distortion import CODED as CODED_PACKETS
from edgecodec.evaluation.stateful import CODED, FIXED, StatefulMeasurement, expected_loss

SHADES = ("#8fbcd4", "#5a9abf", "#1d6996", "#0b3c5d", INK)  # of the key intervals, short to long


def draw_stateful(path: Path, measured: StatefulMeasurement) -> None:
    """Error against bits for every key interval; share of windows lost against packets lost."""
    intervals = list(measured.stateful)
    shades = {every: SHADES[min(number, len(SHADES) - 1)] for number, every in enumerate(intervals)}
    with figure(path, 9.5, 3.8) as drawn:
        bits, loss = drawn.subplots(1, 2, width_ratios=(3, 2))
        for kind, look in ((FIXED, LOOKS[CODEC]), (CODED, LOOKS[CODED_PACKETS])):
            points = measured.stateless[kind]
            bits.plot([point.bits_per_window for point in points], [point.error_percent for point in points],
                      label=f"stand alone, {kind}", **look)
        for every, points in measured.stateful.items():
            bits.plot([point.bits_per_window for point in points], [point.error_percent for point in points],
                      color=shades[every], marker="s", markersize=4, label=f"stateful, a key in {every}")
        bits.set(xlabel="bits per window, on average", title="Error, all windows", xscale="log")
        ticks = [point.bits_per_window for point in measured.stateless[FIXED]]
        ticks = [ticks[0] / 2, *ticks]
        bits.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        bits.xaxis.set_minor_locator(NullLocator())
        bits.yaxis.set_major_formatter("{x:g} %")
        bits.legend()
        shares = np.linspace(0, max(measured.lost), 50)
        for every in intervals:
            loss.plot(100 * shares, [100 * expected_loss(share, every) for share in shares], color=shades[every])
        loss.plot([100 * packets for packets in measured.lost], [100 * windows for windows in measured.lost.values()],
                  color=ACCENT, marker="o", linestyle="", label=f"measured, a key in {measured.key_every}")
        loss.set(xlabel="packets lost", title="Windows lost")
        for axis in (loss.xaxis, loss.yaxis):
            axis.set_major_formatter("{x:g} %")
        loss.legend()
