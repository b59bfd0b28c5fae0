"""Labels of recordings: what is known of them beside their samples, such as machine, subject or load.

They come from a table beside the recordings, from parts of the recordings' names, or from both.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from edgecodec.data.readers.kinds import name_without_ending
from edgecodec.errors import EdgeCodecError, naming
from edgecodec.params import LabelParams

KEY = "recording"  # the table's column of names
SEPARATORS = ",;\t"
MOST_VALUES = 8  # of a label, that are told; more are counted
SETTING = "params.yaml: data.array.labels"

Labels = Mapping[str, str]  # the label's value by its name


@dataclass(frozen=True, eq=False)
class LabelSource:
    """Where the labels of a folder's recordings come from."""

    table: Path | None
    rows: Mapping[str, Labels]  # of the table, by the recording's name
    pattern: re.Pattern[str] | None

    @classmethod
    def open(cls, folder: Path, params: LabelParams) -> LabelSource:
        """What ``params`` name of ``folder``.

        Raises:
            EdgeCodecError: the table is absent or no such table, or it has two rows for one recording.
        """
        table = None if params.file is None else folder / params.file
        return cls(table, {} if table is None else dict(_rows(table)),
                   None if params.pattern is None else re.compile(normalize("NFC", params.pattern)))

    def of(self, recording: str) -> dict[str, str]:
        """The labels of ``recording``; those without a value are left out.

        Raises:
            EdgeCodecError: the table has no row for it, the pattern is not in its name, or both give the same label.
        """
        name = normalize("NFC", recording)
        in_table: Labels = {}
        if self.table is not None:
            if name not in self.rows:
                raise EdgeCodecError(f"{self.table}: no row for recording {recording}; add one (column {KEY})")
            in_table = self.rows[name]
        in_name: dict[str, str | None] = {}
        if self.pattern is not None:
            found = self.pattern.search(name)
            if found is None:
                raise EdgeCodecError(f"{SETTING}.pattern: is nowhere in the name of recording {recording}; correct it, "
                                     "or leave the recording out")
            in_name = found.groupdict()
        for twice in in_table.keys() & in_name.keys():
            raise EdgeCodecError(f"{SETTING}: {twice} is a column of {self.table} and a group of pattern; rename one")
        return {label: value for label, value in {**in_table, **in_name}.items() if value}


def remarks_on(labelled: Iterable[Labels]) -> Iterator[str]:
    """A line for every label: its values."""
    values: dict[str, dict[str, None]] = {}
    for labels in labelled:
        for label, value in labels.items():
            values.setdefault(label, {})[value] = None
    for label, found in sorted(values.items()):
        more = f" and {len(found) - MOST_VALUES} more" if len(found) > MOST_VALUES else ""
        yield f"label {label}: {', '.join(list(found)[:MOST_VALUES])}{more}"


def pattern_in(names: Sequence[str]) -> str | None:
    """A pattern whose groups are the parts of ``names``, between / and _, that have few values; None if none does."""
    parts = [re.split("[/_]", name) for name in names]
    if len({len(each) for each in parts}) != 1:
        return None
    counts = [len(set(values)) for values in zip(*parts, strict=True)]
    named = [f"(?P<part{place}>[^/_]+)" if 1 < count <= min(MOST_VALUES, len(names) // 2) else "[^/_]+"
             for place, count in enumerate(counts, 1)]
    return None if not any("?P" in part for part in named) else f"^{'[/_]'.join(named)}$"


def _rows(path: Path) -> Iterator[tuple[str, Labels]]:
    if not path.is_file():
        raise EdgeCodecError(f"{path}: not found; correct data.array.labels.file, which is a name in data.path")
    with naming(path, "no readable CSV table", "save it as CSV in UTF-8"):
        lines = normalize("NFC", path.read_text(encoding="utf-8-sig")).splitlines() or [""]
        separator = max(SEPARATORS, key=lines[0].count)
        heading, *rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator, strict=True)]
    if KEY not in heading or "" in heading or len(set(heading)) < len(heading) or len(heading) < 2:
        raise EdgeCodecError(f"{path}: its first line is {', '.join(heading)}; it must name a column {KEY}, and one "
                             "for every label")
    seen = set()
    for number, row in enumerate(rows, 2):
        if not any(row):
            continue
        if len(row) != len(heading):
            raise EdgeCodecError(f"{path}: row {number} has {len(row)} cells, its heading {len(heading)}; correct it")
        labels = dict(zip(heading, row, strict=True))
        name = name_without_ending(labels.pop(KEY))
        if name in seen:
            raise EdgeCodecError(f"{path}: two rows for recording {name}; keep one")
        seen.add(name)
        yield name, labels
