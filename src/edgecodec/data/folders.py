"""The recordings in a folder, in the order that people count in; what is none is named, never passed over."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgecodec.data.readers.kinds import KINDS, is_recording, stem_of
from edgecodec.errors import EdgeCodecError


@dataclass(frozen=True)
class Found:
    """Files of a folder and of the folders in it."""

    recordings: dict[str, Path]  # by name: the path in the folder without endings
    others: tuple[Path, ...]  # that no reader takes


def find_recordings(folder: Path, labels: str | None = None) -> Found:
    """All files of ``folder`` but its table of ``labels``; hidden ones are no recordings.

    Raises:
        EdgeCodecError: it is no folder, holds no recording, or two that have the same name.
    """
    if not folder.is_dir():
        raise EdgeCodecError(f"{folder}: data.path is no folder; give one with recordings ({_endings()})")
    files = sorted((path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(folder))
                    and (labels is None or path != folder / labels)),
                   key=lambda path: natural(path.relative_to(folder).as_posix()))
    recordings: dict[str, Path] = {}
    others = []
    for path in files:
        if not is_recording(path):
            others.append(path)
            continue
        name = (path.relative_to(folder).parent / stem_of(path)).as_posix()
        if name in recordings:
            raise EdgeCodecError(f"{folder}: two recordings are called {name}; rename one")
        recordings[name] = path
    if not recordings:
        more = f"; it holds {others[0].name}, which no reader takes" if others else ""
        raise EdgeCodecError(f"{folder}: holds no recording ({_endings()}){more}; correct data.path")
    return Found(recordings, tuple(others))


def natural(text: str) -> tuple[tuple[str, int], ...]:
    """A key that sorts run_2 before run_10."""
    return tuple((part.casefold(), 0) if not part.isdecimal() else ("", int(part))
                 for part in re.split(r"(\d+)", text) if part)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _endings() -> str:
    return ", ".join(ending for kind in KINDS for ending in kind.endings[:1])
