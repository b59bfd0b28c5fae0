"""Fingerprints of the code behind every stage: they change with what the code does, not with what is said about it.

DVC compares the bytes of a dependency, or nothing. So a stage depends on a file that lists the modules behind it, each
with a hash of its code, and a first stage writes these files.
"""

from __future__ import annotations

import hashlib
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

from edgecodec.sources.closure import Sources

STAGE = "fingerprint_code"  # which writes them
FOLDER = Path("artifacts/code")
DIGITS = 16  # of a hash: 64 bits tell all versions of a file apart

Fingerprint = dict[str, str]  # path in the repository > hash of the file's code
Position = tuple[int, int]  # of a token: row, from 1; column, from 0


def fingerprints(repository: Path) -> dict[str, Fingerprint]:
    """Of every script in ``repository``/stages, by its name without ending; but of the one that writes them.

    Raises:
        EdgeCodecError: see :func:`edgecodec.sources.closure.Sources.closure`.
    """
    sources = Sources(repository)
    scripts = sorted(path for path in (repository / "stages").glob("*.py") if path.stem != STAGE)
    closures = {script.stem: sources.closure(script) for script in scripts}
    hashes = {path: code_hash(path) for path in frozenset[Path]().union(*closures.values())}
    return {stage: {path.relative_to(repository).as_posix(): hashes[path] for path in sorted(closure)}
            for stage, closure in closures.items()}


def code_hash(path: Path) -> str:
    """Of what a Python file does, the same in every version of Python; of the bytes of any other file."""
    content = path.read_bytes()
    if path.suffix == ".py":
        content = "\n".join(_statements(path.read_text(encoding="utf-8"))).encode()
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def _statements(source: str) -> Iterator[str]:
    """Every statement as its depth and tokens; without comments, layout, and statements that are strings alone."""
    depth = 0
    tokens: list[tuple[str, str]] = []
    for kind, text in _tokens(source):
        if kind == "NEWLINE":
            if {kind for kind, _ in tokens} != {"STRING"}:
                yield f"{depth} {' '.join(text for _, text in tokens)}"
            tokens = []
        elif kind in ("INDENT", "DEDENT"):
            depth += 1 if kind == "INDENT" else -1
        elif kind not in ("COMMENT", "NL", "ENDMARKER"):
            tokens.append((kind, text))


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    """Kind and text of every token. An f-string is one string, as it was before Python 3.12."""
    lines = list(io.StringIO(source))
    starts: list[Position] = []  # of the f-strings around a token
    for token in tokenize.generate_tokens(iter(lines).__next__):
        kind = tokenize.tok_name[token.type]
        if kind == "FSTRING_START":
            starts.append(token.start)
        elif kind == "FSTRING_END":
            start = starts.pop()
            if not starts:
                yield "STRING", _between(lines, start, token.end)
        elif not starts:
            yield kind, token.string


def _between(lines: list[str], start: Position, end: Position) -> str:
    rows = lines[start[0] - 1:end[0]]
    rows[-1] = rows[-1][:end[1]]
    rows[0] = rows[0][start[1]:]
    return "".join(rows)
