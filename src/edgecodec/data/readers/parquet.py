"""Parquet, pandas' index columns included."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet

from edgecodec.data.table import Table, of_arrow
from edgecodec.errors import naming

_NAMELESS = re.compile(r"__index_level_\d+__")  # what pandas calls an index without a name
_LEVELS = re.compile(r"\(('[^']*'|[\w.]+)(, ('[^']*'|[\w.]+))+\)")  # what it calls a column of several levels


def read_parquet(path: Path, variable: str | None = None) -> Table:
    """Read a file, or a folder with the parts of one. An index comes first: it may be the time."""
    with naming(path, "not a readable Parquet file", "write it again"):
        if path.is_dir():
            file = pyarrow.parquet.ParquetDataset(path)
            schema, rows = file.schema, sum(part.count_rows() for part in file.fragments)
        else:
            file = pyarrow.parquet.ParquetFile(path)  # may have two columns of one name, which a folder may not
            schema, rows = file.schema_arrow, file.metadata.num_rows
        pandas = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    called = [name for name in pandas.get("index_columns", ()) if isinstance(name, str)]
    names = schema.names
    index = [number for number, name in enumerate(names) if name in called or _NAMELESS.fullmatch(name)]
    order = [*index, *(number for number in range(len(names)) if number not in index)]
    shown = tuple("" if _NAMELESS.fullmatch(names[number]) else _name(names[number]) for number in order)

    def cells(number: int) -> pyarrow.ChunkedArray:
        name, place = names[order[number]], names[:order[number]].count(names[order[number]])
        with naming(path, "not a readable Parquet file", "write it again"):
            found = file.read(columns=[name])  # the parts of a nested column, too
        return [column for called, column in zip(found.column_names, found.columns, strict=True)
                if called == name][place]

    return of_arrow([schema.types[number] for number in order], cells, rows, shown, index=tuple(range(len(index))))


def _name(name: str) -> str:
    return " ".join(part.strip("' ") for part in name[1:-1].split(",")) if _LEVELS.fullmatch(name) else name
