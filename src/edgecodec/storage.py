"""Files that are either wholly there or not there at all: written to a temporary folder beside, then renamed."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edgecodec.errors import EdgeCodecError
from edgecodec.temporary import temporary_folder

Kind = TypeVar("Kind")


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path; what is written there becomes ``path`` on success, and is removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path.parent, path.name) as folder:
        yield folder / path.name
        (folder / path.name).replace(path)


@contextmanager
def replacing_directory(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder; it takes the place of ``path`` on success, and is removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path.parent, path.name) as folder:
        new = folder / path.name
        new.mkdir()
        yield new
        if os.path.lexists(path):
            path.rename(folder / f"old {path.name}")  # a rename takes no time; to remove it takes some
        new.rename(path)


def write_text(path: Path, text: str) -> None:
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` with sorted keys, so that equal results are equal bytes. NaN and Inf are refused."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EdgeCodecError(f"{path}: not found; run the stage that writes it (dvc repro)") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise EdgeCodecError(f"{path}: not valid JSON ({error}); run the stage that writes it again") from None


def kind_by_name(path: Path, kinds: Mapping[str, Kind], content: str) -> Kind:
    """How to write ``content`` to ``path``: what ``kinds`` says of the end of its name.

    Raises:
        EdgeCodecError: it says nothing of it.
    """
    if path.suffix.lower() not in kinds:
        raise EdgeCodecError(f"{path}: {content} cannot be written as {path.suffix or 'a file without an ending'}; "
                             f"call it {' or '.join(filter(None, kinds))}")
    return kinds[path.suffix.lower()]


def sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rounded(value: float, digits: int = 6) -> float:
    """``value`` with ``digits`` significant digits: metrics stay readable and do not change with the last bit."""
    if value == 0 or not math.isfinite(value):
        return float(value)
    return round(float(value), digits - 1 - math.floor(math.log10(abs(value))))
