"""Tables for MLflow's pages, which leave no space between the columns of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

APART = "\N{NO-BREAK SPACE}" * 3  # a blank would be trimmed


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown whose columns stay apart wherever it is shown."""
    lines = [[f"{cell}{APART}" for cell in row] for row in (headings, *rows)]
    lines.insert(1, ["---"] * len(headings))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
