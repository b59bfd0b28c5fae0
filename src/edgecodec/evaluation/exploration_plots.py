"""The picture of the exploration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from edgecodec.evaluation.exploration import Cell, Exploration
from edgecodec.evaluation.style import ACCENT, INK, figure


def draw_exploration(path: Path, explorations: Mapping[str, Exploration], rule: float) -> None:
    """A row per codec: error against bits, then utilization, perplexity and re-seed rate against codewords.

    ``rule`` is the utilization that the paper asks for.
    """
    with figure(path, 12.5, 0.6 + 2.7 * len(explorations)) as drawn:
        grid = drawn.subplots(len(explorations), 4, squeeze=False)
        for (error, usage, perplexity, reseeding), (name, exploration) in zip(grid, explorations.items(), strict=True):
            _draw_error(error, exploration)
            error.set_title(f"Codec {name}: error")
            _draw_by_codewords(usage, exploration, lambda cell: 100 * cell.usage)
            usage.axhline(100 * rule, color=ACCENT, linewidth=1, label="rule")
            usage.set_title("Codewords in use")
            _draw_by_codewords(perplexity, exploration, lambda cell: 100 * cell.perplexity / cell.codewords)
            perplexity.set_title("Perplexity / codewords")
            _draw_by_codewords(reseeding, exploration, lambda cell: 100 * cell.reseed_rate)
            reseeding.set_title("Drawn anew per step")
            for axes in (error, usage, perplexity, reseeding):
                axes.yaxis.set_major_formatter("{x:g} %")
        drawn.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside right upper")
        drawn.legend(*grid[0, 1].get_legend_handles_labels(), loc="outside right lower")


def _draw_error(axes: Axes, exploration: Exploration) -> None:
    sizes = sorted({cell.codewords for cell in exploration.cells})
    for size, colour in zip(sizes, _shades("viridis_r", len(sizes)), strict=True):
        cells = [cell for cell in exploration.cells if cell.codewords == size]
        axes.plot([cell.bits for cell in cells], [cell.error_percent for cell in cells], color=colour, marker="o",
                  markersize=4, label=f"{size} codewords")
    axes.axhline(exploration.unquantized_error_percent, color=INK, linewidth=1, label="no quantizer")
    axes.set_xlabel("bits per window")


def _draw_by_codewords(axes: Axes, exploration: Exploration, figure_of: Callable[[Cell], float]) -> None:
    numbers = sorted({cell.stages for cell in exploration.cells})
    for stages, colour in zip(numbers, _shades("cividis_r", len(numbers)), strict=True):
        cells = [cell for cell in exploration.cells if cell.stages == stages]
        axes.plot([cell.codewords for cell in cells], [figure_of(cell) for cell in cells], color=colour, marker="s",
                  markersize=4, label=f"{stages} stages")
    axes.set_xticks(sorted({cell.codewords for cell in exploration.cells}))
    axes.set_xlabel("codewords")


def _shades(name: str, number: int) -> list[Any]:
    """From light to dark, without the lightest."""
    return [mpl.colormaps[name](share) for share in np.linspace(0.15, 1, number)]
