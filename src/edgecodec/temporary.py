"""Temporary folders that do not stay: what a killed process leaves behind, the next one removes.

Every such folder is called ``.NAME.1a2b3c4d.part``, which git ignores, and its process holds a lock on it. The kernel
lets go of the lock when the process ends, in whatever way. Whoever makes a folder first removes those beside it that
nobody holds. (systemd-tmpfiles, which tidies up /tmp, leaves locked folders alone as well.) A file system without such
locks (NFS) works, too, but nothing is removed there after a kill.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_NAME = re.compile(r"\..+\.[0-9a-f]{8}\.part")


@contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield a new empty folder in ``parent``, and remove it at the end."""
    _sweep(parent)
    folder, lock = _make(parent, name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def gather_temporary_files() -> None:
    """Let all temporary files of this process and its children, by whatever library, lie in one such folder."""
    stack = ExitStack()
    atexit.register(stack.close)  # libraries that make files later clean up earlier
    folder = stack.enter_context(temporary_folder(shared_folder(), "edgecodec"))
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def shared_folder() -> Path:
    """The machine's folder for temporary files, whatever :func:`gather_temporary_files` did."""
    folder = Path(tempfile.gettempdir())
    return folder.parent if _NAME.fullmatch(folder.name) else folder


def _make(parent: Path, name: str) -> tuple[Path, int | None]:
    while True:
        folder = parent / f".{name}.{uuid.uuid4().hex[:8]}.part"
        folder.mkdir(mode=0o700)
        lock = _lock(folder, fcntl.LOCK_EX)
        if folder.exists():  # another process may have swept it before it was locked
            return folder, lock


def _sweep(parent: Path) -> None:
    with suppress(OSError):
        for folder in parent.iterdir():
            if _NAME.fullmatch(folder.name):
                lock = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if lock is not None:
                    shutil.rmtree(folder, ignore_errors=True)
                    os.close(lock)


def _lock(folder: Path, operation: int) -> int | None:
    """The descriptor that holds the lock; None if another process does, or there can be none."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, operation)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
