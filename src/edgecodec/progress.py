"""A progress bar where someone watches; silence where output goes to a file or a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def progress(items: Iterable[Item], title: str) -> Iterator[Item]:
    """Yield ``items``, with a bar named ``title`` on stderr if that is a terminal."""
    console = Console(stderr=True)
    total = len(items) if isinstance(items, Sized) else None
    yield from track(items, title, total=total, console=console, disable=not console.is_terminal)
