"""The style of all pictures, which are SVG. Equal data gives equal bytes, so that DVC and git see no change."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

INK, GREY, FAINT, ACCENT, COOL = "#1f2933", "#8793a0", "#c3cbd4", "#d1495b", "#1d6996"
STYLE: dict[str, Any] = {
    "svg.hashsalt": "edgecodec",
    "font.family": "DejaVu Sans",  # the one that matplotlib brings along
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6eaee",
    "grid.linewidth": 0.8,
    "axes.prop_cycle": "cycler(color=['#1d6996', '#38a6a5', '#edad08', '#94346e', '#73af48'])",
    "legend.frameon": False,
    "text.color": INK,
    "text.parse_math": False,  # a channel's name may hold dollars
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "lines.linewidth": 1.5,
    "figure.constrained_layout.use": True,
}
AS_TEXT = {"svg.fonttype": "none"}  # small files, and names in any script


@contextmanager
def figure(file: Path | BytesIO, width: float, height: float, more: Mapping[str, Any] = {}) -> Iterator[Figure]:
    """A figure of ``width`` x ``height`` inches, saved to ``file`` in the end; ``more`` are settings of its style."""
    with mpl.rc_context({**STYLE, **more}):
        drawn = Figure(figsize=(width, height))
        yield drawn
        for axis in (axis for axes in drawn.axes for axis in (axes.xaxis, axes.yaxis)):
            if isinstance(axis.get_major_formatter(), LogFormatter):  # it would write its powers of ten as formulas
                axis.set_major_formatter("{x:g}")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # of a name in another script
            drawn.savefig(file, format="svg", metadata={"Date": None})
