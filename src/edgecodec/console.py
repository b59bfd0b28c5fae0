"""What people read: tables, and the numbers in them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

APART = "\N{NO-BREAK SPACE}" * 3  # a blank would be trimmed
WIDTH_OF_FILES = 160  # characters; holds every table without a word cut short


def standard_output() -> Console:
    """As wide as the terminal. In a pipe or a file, which nobody can widen afterwards, wide enough, or $COLUMNS."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=WIDTH_OF_FILES)


def table(title: str | None, headings: Sequence[str], rows: Iterable[Sequence[RenderableType]] = (),
          text_columns: int = 1, **style: Any) -> Table:
    """A table whose first columns hold text and whose others hold numbers, flush right."""
    made = Table(title=title, title_justify="left", **style)
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="left" if number < text_columns else "right")
    for row in rows:
        made.add_row(*row)
    return made


def facts(known: Mapping[str, str]) -> Table:
    """A line for each of them, its name first."""
    grid = Table.grid(padding=(0, 2))
    for name, fact in known.items():
        grid.add_row(Text(name, style="bold"), Text(fact))
    return grid


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown whose columns stay apart wherever it is shown: MLflow leaves no space between them."""
    lines = [[f"{cell}{APART}" for cell in row] for row in (headings, *rows)]
    lines.insert(1, ["---"] * len(headings))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(value: Any, digits: int = 6) -> str:
    """A number with so many significant digits, whole from 1,000 on; a dash where there is no finite number."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
