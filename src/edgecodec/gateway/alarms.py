"""The alarms of a fleet as a table beside its windows: ``edgecodec fleet alarms --record`` writes it, gateways read it.

It is made whole each time, from windows alone. So it has no state that could disagree with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from edgecodec.storage import replacing_file

ALARMS = "alarms.parquet"
_TIME = pyarrow.timestamp("us", tz="UTC")
ALARM_COLUMNS = pyarrow.schema([
    ("node", pyarrow.string()), ("signal", pyarrow.string()), ("start", _TIME), ("found", _TIME), ("end", _TIME),
    ("versions", pyarrow.list_(pyarrow.string())), ("deviations", pyarrow.float64()), ("value", pyarrow.float64()),
    ("usual", pyarrow.float64())], {"schema_version": "1"})


def write_alarms(folder: Path, alarms: Iterable[Mapping[str, Any]]) -> Path:
    """Replace the table in ``folder``; its path."""
    with replacing_file(folder / ALARMS) as temporary:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([*alarms], ALARM_COLUMNS), temporary)
    return folder / ALARMS


def alarms_for(folder: Path) -> Path | None:
    """The table that a gateway's ``folder`` has, or else the one above, which may be of several gateways."""
    return next((each / ALARMS for each in (folder, folder.resolve().parent) if (each / ALARMS).is_file()), None)


def ringing(table: Path) -> Mapping[tuple[str, str], bool]:
    """By node and signal: whether an alarm goes on. Those are absent that never had one."""
    found: dict[tuple[str, str], bool] = {}
    for alarm in pyarrow.parquet.read_table(table, columns=["node", "signal", "end"]).to_pylist():
        key = alarm["node"], alarm["signal"]
        found[key] = found.get(key, False) or alarm["end"] is None
    return found
