"""What ``edgecodec fleet`` prints."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from rich.table import Table

from edgecodec.console import shown, table
from edgecodec.fleet.drift import Alarm, Watched
from edgecodec.fleet.received import FieldWindows


def alarms_table(watched: Watched) -> Table:
    return table("Alarms" if watched.alarms else "No alarms", (
        "node", "what", "since", "found", "until", "deviations", "value", "before"), (
            (alarm.node, alarm.signal, _minute(alarm.start), _minute(alarm.found),
             _minute(alarm.end) if alarm.end else "goes on", shown(alarm.deviations, 3),
             figure(alarm, alarm.value), figure(alarm, alarm.usual)) for alarm in watched.alarms), text_columns=5)


def alarms_json(watched: Watched) -> str:
    return json.dumps([{name: _plain(value) for name, value in asdict(alarm).items()} for alarm in watched.alarms],
                      indent=2)


def left_out(received: FieldWindows, watched: Watched) -> Iterator[str]:
    """What was not tested, and why."""
    if received.undated:
        yield f"{received.undated} windows left out: nothing tells their start, or a clock was not set"
    if watched.untested:
        yield (f"not tested: windows of version {', '.join(watched.untested)}, which has no reference; versions that "
               "are registered from now on have one")


def figure(alarm: Alarm, value: float) -> str:
    """A median error, or a share of windows."""
    return f"{shown(value, 3)} %" if alarm.signal == "error" else f"{shown(100 * value, 3)} % unlike"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
