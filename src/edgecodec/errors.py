"""The one exception that users see: a single line that names what is wrong, where, and how to mend it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

DEBUG = "--debug"  # anywhere behind a program's name: the traceback of what ends it
DEBUG_VARIABLE = "EDGECODEC_DEBUG"  # the same, for stages that dvc runs
LONGEST_CAUSE = 200  # characters of what a library says


class EdgeCodecError(Exception):
    """Input or environment that the user can mend. Its text is one line: file, field, fix."""


@contextmanager
def naming(path: Path, problem: str, fix: str) -> Iterator[None]:
    """Whatever a library raises about the content of ``path`` becomes an :class:`EdgeCodecError` with its cause."""
    try:
        yield
    except (EdgeCodecError, OSError, MemoryError):
        raise
    except Exception as error:
        raise EdgeCodecError(f"{path}: {problem} ({_cause(error)}); {fix}") from error


def exit_with_one_line(program: Callable[[], None]) -> None:
    """Run ``program``; turn whatever it raises into one line on stderr and exit status 1 (130 for Ctrl-C).

    With ``--debug`` among the arguments, or the variable ``EDGECODEC_DEBUG``, the traceback comes before that line.
    """
    debug = DEBUG in sys.argv[1:] or bool(os.environ.get(DEBUG_VARIABLE))
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument != DEBUG]
    try:
        program()
    except KeyboardInterrupt:
        _print_error("interrupted")
        sys.exit(130)
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        _print_error(_told(error))
        sys.exit(1)


def _told(error: Exception) -> str:
    if isinstance(error, EdgeCodecError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    given = "".join(f" {argument}" for argument in sys.argv[1:] if Path(argument).exists())  # no other: secrets
    return f"{Path(sys.argv[0]).name}{given}: {_cause(error)}; {DEBUG} (or {DEBUG_VARIABLE}=1) shows where it happened"


def _cause(error: Exception) -> str:
    text = " ".join(str(error).split())
    shown = text if len(text) <= LONGEST_CAUSE else f"{text[:LONGEST_CAUSE]} ..."
    return f"{type(error).__name__}: {shown}" if text else type(error).__name__


def _print_error(text: str) -> None:
    print(f"error: {' '.join(text.split())}", file=sys.stderr)
