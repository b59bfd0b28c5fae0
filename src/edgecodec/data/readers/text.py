"""Numbers in text: CSV and its relatives, whatever separator, decimal sign, encoding or heading they have."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow
import pyarrow.csv

from edgecodec.data.table import Table, is_number, of_arrow
from edgecodec.errors import naming

SNIFFED_BYTES = 1 << 16
SNIFFED_ROWS = 24
PACKED: tuple[tuple[bytes, Callable[[Path], BinaryIO]], ...] = (
    (b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))  # type: ignore[assignment]
BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
                    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
COMMENTS = ("#", "%", "//")
# What separates cells, and what decimals; the first that makes most numbers is taken.
SIGNS = ((",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", "."), ("|", ","), (",", ","), (" ", "."),
         (" ", ","))
SEPARATORS = ",;\t|"
UNIT = re.compile(r"[\[(].*[\])]|[kmµμunMGh]?(s|sec|V|A|g|Pa|bar|Hz|m|m/s|m/s2|m/s\^2|m/s²|N|W|T|K)"
                  r"|°?C|degC|%|counts?|-|")


@dataclass(frozen=True)
class Dialect:
    """How a file writes its numbers."""

    separator: str
    decimal: str
    first_row: int  # lines before the first row of numbers
    width: int  # columns
    names: tuple[str, ...] | None
    units: tuple[str, ...] | None


def read_text(path: Path, variable: str | None = None) -> Table:
    """Read a file of text as far as it goes: one that is no table at all has no columns."""
    encoding, start = _start(path)
    dialect = _sniff(start)
    if dialect is None:
        return Table(None, (), 0)
    table = _read(path, encoding, dialect)
    if table is None:
        return Table(None, (), 0)
    return _without_the_trailing_column(table, dialect)


def holds_numbers(path: Path) -> bool:
    """Whether a file of text begins with a table of numbers, and not with prose."""
    lines = [line for line in _start(path)[1].splitlines() if line.strip() and not line.startswith(COMMENTS)]
    numbers, _, cells = max(_fit(lines[-SNIFFED_ROWS:], *signs) for signs in SIGNS)
    return 0 < cells <= 2 * numbers


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        first = file.read(8)
    for magic, opening in PACKED:
        if first.startswith(magic):
            return opening(path)
    return path.open("rb")


def _bytes(path: Path, most: int = -1) -> bytes:
    """The first bytes of a file, at most ``most`` (-1: all), unpacked."""
    with naming(path, "damaged", "pack it anew, or give it unpacked"), _open(path) as file:
        try:
            return file.read(most)
        except OSError as error:
            if error.errno is not None:
                raise  # of the disk
            raise ValueError(str(error)) from error  # of the content, by gzip and bz2


def _start(path: Path) -> tuple[str, str]:
    """The encoding of a file, and the text that it begins with: whole lines only."""
    content = _bytes(path, SNIFFED_BYTES)
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), None)
    if encoding is None:
        encoding = _encoding_without_mark(content)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(content)
    whole = len(content) < SNIFFED_BYTES
    return encoding, text if whole else text[:text.rfind("\n") + 1]


def _encoding_without_mark(content: bytes) -> str:
    nulls = content.count(0)
    if nulls > len(content) // 4:
        return "utf-16-le" if content[1::2].count(0) > nulls // 2 else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _sniff(text: str) -> Dialect | None:
    lines = text.splitlines()
    body = [(number, line) for number, line in enumerate(lines) if line.strip() and not line.startswith(COMMENTS)]
    if not body:
        return None
    tail = [line for _, line in body[-SNIFFED_ROWS:]]
    separator, decimal = max(SIGNS, key=lambda signs: _fit(tail, *signs))
    probe = Dialect(separator, decimal, 0, 0, None, None)
    rows = _cells([line for _, line in body], probe)
    if len(rows) != len(body):  # a quoted cell runs over several lines, or no CSV at all
        return None
    counts = Counter(map(len, rows[-SNIFFED_ROWS:]))
    width = counts.most_common(1)[0][0]
    numeric = [any(len(row) == width and _is_number(row[column], decimal) for row in rows[-SNIFFED_ROWS:])
               for column in range(width)]
    first = next((number for number, row in enumerate(rows) if _is_data(row, numeric, decimal)), None)
    if first is None:  # nothing but text: a heading, and rows of text
        first = 1
    comments = [line for line in lines[:body[first][0] if first < len(body) else len(lines)]
                if line.startswith(COMMENTS)]
    ends_empty = not any(row[-1] for row in rows[-SNIFFED_ROWS:] if len(row) == width)
    names, units = _heading(rows[:first], _commented(comments, probe), width, ends_empty)
    if names is not None:
        width = len(names)  # rows that lack one of them are ragged
    return Dialect(separator, decimal, body[first][0] if first < len(body) else len(lines), width, names, units)


def _cells(lines: Sequence[str], dialect: Dialect) -> list[list[str]]:
    if dialect.separator == " ":
        return [line.split() for line in lines]
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=dialect.separator)]
    except csv.Error:
        return []


def _fit(lines: Sequence[str], separator: str, decimal: str) -> tuple[int, int, int]:
    """How well ``lines`` are read so: cells that are numbers; fewest cells that other signs would part; all cells."""
    rows = _cells(lines, Dialect(separator, decimal, 0, 0, None, None))
    cells = [cell for row in rows for cell in row if cell]
    texts = [cell for cell in cells if not _is_number(cell, decimal)]
    return len(cells) - len(texts), -sum(any(sign in cell for sign in SEPARATORS) for cell in texts), len(cells)


def _is_number(cell: str, decimal: str) -> bool:
    if decimal == ",":
        return "." not in cell and is_number(cell.replace(",", ".", 1))
    return is_number(cell)


def _is_data(row: Sequence[str], numeric: Sequence[bool], decimal: str) -> bool:
    """Whether a row is one of numbers, maybe with a fault, and no heading or preamble."""
    if abs(len(row) - len(numeric)) > 1 and len(row) * 2 < len(numeric):
        return False
    numbers = [_is_number(cell, decimal) for cell in row]
    if not any(numbers):
        return False
    if _counts(row) or (_counts(row[1:]) and not numbers[0] and numeric[0]):
        return False
    if row[0] and numeric[0] and not numbers[0]:
        return False  # a name stands above numbers
    if row[0] and not numeric[0] and not any(letter.isdigit() for letter in row[0]):
        return False  # a name stands above time stamps
    expected = [known for known, _ in zip(numeric, row, strict=False)]
    return 2 * sum(numbers) >= sum(expected)


def _counts(cells: Sequence[str]) -> bool:
    """0, 1, 2, ...: what pandas calls columns that nobody named."""
    return len(cells) > 1 and list(cells) == [str(number) for number in range(len(cells))]


def _commented(comments: Sequence[str], dialect: Dialect) -> list[list[str]]:
    return _cells([comment.lstrip("#%/ \t") for comment in comments], dialect)


def _heading(before: Sequence[Sequence[str]], comments: Sequence[Sequence[str]], width: int,
             ends_empty: bool) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Names and units of the columns, from the rows before the first of numbers."""
    fitting = [list(row) for row in before if abs(len(row) - width) <= 1 and (width > 1 or len(row) == 1)]
    fitting = fitting or [list(row) for row in comments if abs(len(row) - width) <= 1 and width > 1][-1:]
    if not fitting:
        return None, None
    units = None
    if len(fitting) > 1 and all(UNIT.fullmatch(cell) for cell in fitting[-1]):
        units = fitting.pop()
    rows = fitting[-1:] if units is not None or len(fitting) == 1 else fitting
    fitted = [_fitted(row, width, ends_empty) for row in rows]
    names = tuple(" ".join(filter(None, parts)) for parts in zip(*fitted, strict=False))
    if units is None:
        return names, None
    return names, tuple(cell.strip("[]()") for cell in _fitted(units, width, ends_empty))


def _fitted(row: list[str], width: int, ends_empty: bool) -> list[str]:
    """A heading over ``width`` columns: R leaves the name of row names out, others end rows alone with a separator."""
    if len(row) > width:
        return row if row[-1] else row[:-1]
    missing = [""] * (width - len(row))
    return [*row, *missing] if ends_empty else [*missing, *row]


def _read(path: Path, encoding: str, dialect: Dialect) -> Table | None:
    ragged_rows = 0
    positions = [str(number) for number in range(dialect.width)]  # names that are unique, which a heading's may not be

    def leave_out(row: object) -> str:
        nonlocal ragged_rows
        ragged_rows += 1
        return "skip"

    def read(kind: pyarrow.DataType) -> pyarrow.Table:
        nonlocal ragged_rows
        ragged_rows = 0
        content = _content(path, encoding, dialect)
        return pyarrow.csv.read_csv(
            content,
            read_options=pyarrow.csv.ReadOptions(
                column_names=positions, skip_rows=dialect.first_row if isinstance(content, Path) else 0),
            parse_options=pyarrow.csv.ParseOptions(delimiter="\t" if dialect.separator == " " else dialect.separator,
                                                   invalid_row_handler=leave_out),
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(positions, kind),
                                                       decimal_point=dialect.decimal),
        )

    try:
        table = read(pyarrow.float64())
    except pyarrow.ArrowInvalid:
        try:
            table = _with_points(read(pyarrow.binary()), dialect)  # some cell is no number: keep the rest, count those
        except pyarrow.ArrowInvalid:
            return None  # no CSV at all
    return of_arrow(table.schema.types, table.column, table.num_rows, dialect.names, ragged_rows,
                    first_line=dialect.first_row + 1)


def _content(path: Path, encoding: str, dialect: Dialect) -> Path | BinaryIO:
    """What pyarrow reads: the file itself if it can, else its rows in memory."""
    if encoding in ("utf-8", "utf-8-sig") and dialect.separator != " ":
        with path.open("rb") as file:
            first = file.read(8)
        if not first.startswith(tuple(magic for magic, _ in PACKED)):
            return path
    lines = _bytes(path).decode(encoding, errors="replace").splitlines()[dialect.first_row:]
    if dialect.separator == " ":
        lines = ["\t".join(line.split()) for line in lines]
    return io.BytesIO("\n".join(lines).encode())


def _with_points(table: pyarrow.Table, dialect: Dialect) -> pyarrow.Table:
    """``table`` with decimal points in the cells of numbers."""
    if dialect.decimal == ".":
        return table
    frame = pd.DataFrame({name: pd.Series(cells.to_pylist(), dtype=object) for name, cells in
                          zip(table.column_names, table.columns, strict=True)})

    def pointed(cell: bytes) -> bytes:
        changed = cell.replace(b",", b".", 1)
        return changed if is_number(changed.decode(errors="replace")) else cell

    return pyarrow.table({name: pyarrow.array([pointed(cell) for cell in frame[name]], pyarrow.binary())
                          for name in frame})


def _without_the_trailing_column(table: Table, dialect: Dialect) -> Table:
    """Without the empty column behind a separator that ends the rows."""
    last = table.columns[-1] if len(table.columns) > 1 else None
    if last is None or not last.is_empty or (table.names and table.names[-1]):
        return Table(table.names, table.columns, table.rows, table.ragged_rows, dialect.units)
    return Table(table.names and table.names[:-1], table.columns[:-1], table.rows, table.ragged_rows,
                 dialect.units and dialect.units[:-1])
