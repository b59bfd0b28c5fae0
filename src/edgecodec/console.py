"""Where commands print their tables."""

from __future__ import annotations

import os

from rich.console import Console

WIDTH_OF_FILES = 160  # characters; holds every table without a word cut short


def standard_output() -> Console:
    """As wide as the terminal. In a pipe or a file, which nobody can widen afterwards, wide enough, or $COLUMNS."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=WIDTH_OF_FILES)
