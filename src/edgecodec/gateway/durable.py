"""Files that a loss of power leaves whole: what was written is on disk before anything else is let go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgecodec.storage import replacing_file


@contextmanager
def replacing_durably(path: Path) -> Iterator[Path]:
    """As :func:`replacing_file`; when this ends, ``path`` survives a loss of power."""
    with replacing_file(path) as temporary:
        yield temporary
        synchronize(temporary)
    synchronize(path.parent)


def synchronize(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
