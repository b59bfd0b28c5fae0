"""The one exception that users see: a single line that names what is wrong, where, and how to mend it."""

from __future__ import annotations

import sys
from collections.abc import Callable


class EdgeCodecError(Exception):
    """Input or environment that the user can mend. Its text is one line: file, field, fix."""


def exit_with_one_line(program: Callable[[], None]) -> None:
    """Run ``program``; turn an :class:`EdgeCodecError` into one line on stderr and exit status 1."""
    try:
        program()
    except EdgeCodecError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(1)
