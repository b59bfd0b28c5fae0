"""What git says of a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str | None:
    """What git prints, without the last line's end; None if it fails, or is not there."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.rstrip("\n")


def present_commit(folder: Path) -> str | None:
    """The commit that is checked out in ``folder``; None outside of git."""
    return git(folder, "rev-parse", "HEAD")
