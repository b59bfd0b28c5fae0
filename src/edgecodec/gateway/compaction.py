"""Few large files instead of many small ones, for the days that are over.

The small files go when the large one is on disk. Its name tells which journals it is of, so whatever moment the process
ends at, :func:`windows_of` reads every window once, and the next compaction removes what is left over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow
import pyarrow.parquet

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.journal import journals, number_of, replacing_durably
from edgecodec.gateway.tables import (
    WINDOW_COLUMNS,
    WINDOWS,
    day_of,
    delta_table,
    is_delta,
    journals_in,
    naming_delta,
    not_superseded,
    table_writer,
)

TOGETHER = 1024  # windows that are read and written at a time


@dataclass(frozen=True)
class Compaction:
    """How many files went, and how many came for them."""

    removed: int = 0
    added: int = 0


def compact(folder: Path, before: date) -> Compaction:
    """Leave one file of each node and day before ``before`` in a gateway's ``folder``. The gateway may run meanwhile.

    Raises:
        EdgeCodecError: there are no windows, or files cannot be read, written or removed.
    """
    if not (folder / WINDOWS).is_dir():
        raise EdgeCodecError(f"{folder / WINDOWS}: not found; give the folder of a gateway that has received windows")
    return (_compact_delta if is_delta(folder) else _compact_files)(folder, before)


def _compact_files(folder: Path, before: date) -> Compaction:
    done = [_compact_partition(folder, partition) for partition in sorted(folder.glob(f"{WINDOWS}/date=*/node=*"))
            if day_of(partition) < before]
    return Compaction(sum(each.removed for each in done), sum(each.added for each in done))


def _compact_partition(folder: Path, partition: Path) -> Compaction:
    present = list(partition.glob("*.parquet"))
    pending = {number_of(journal) for journal in journals(folder)}  # behind the files: they may be written once more
    finished = [path for path in present if journals_in(path)[1] not in pending]
    whole = not_superseded(finished)
    removed = set(finished) - set(whole)
    try:
        if len(whole) > 1:
            path = partition / f"{journals_in(whole[0])[0]:08d}-{journals_in(whole[-1])[1]:08d}.parquet"
            with replacing_durably(path) as temporary, table_writer(temporary, WINDOW_COLUMNS) as file:
                for table in _tables(whole):
                    file.write_table(table)
            removed |= set(whole)
        for each in sorted(removed):
            each.unlink(missing_ok=True)
    except (OSError, pyarrow.ArrowException) as failure:
        raise EdgeCodecError(f"{partition}: cannot be compacted ({failure}); nothing is lost: mend this, then compact "
                             "again") from failure
    return Compaction(len(removed), int(len(whole) > 1))


def _tables(paths: Iterable[Path]) -> Iterator[pyarrow.Table]:
    """All rows, as many at a time as make good row groups."""
    waiting: list[pyarrow.RecordBatch] = []
    for path in paths:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(TOGETHER):
            waiting.append(batch)
            if sum(map(len, waiting)) >= TOGETHER:
                yield pyarrow.Table.from_batches(waiting)
                waiting = []
    if waiting:
        yield pyarrow.Table.from_batches(waiting)


def _compact_delta(folder: Path, before: date) -> Compaction:
    """In one commit. What it replaced is removed when the table's own retention is over: a week."""
    try:
        with naming_delta(folder / WINDOWS):
            table = delta_table()(folder / WINDOWS)
            done = table.optimize.compact([("date", "<", before.isoformat())])
            table.vacuum(dry_run=False)
    except OSError as failure:
        raise EdgeCodecError(f"{folder / WINDOWS}: cannot be compacted ({failure}); nothing is lost: mend this, then "
                             "compact again") from failure
    return Compaction(done["numFilesRemoved"], done["numFilesAdded"])
