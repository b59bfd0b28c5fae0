"""What ``edgecodec fleet`` prints."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table

from edgecodec.console import shown, table
from edgecodec.fleet.drift import Alarm, Watched
from edgecodec.fleet.received import FieldWindows
from edgecodec.fleet.rollback import Return
from edgecodec.fleet.rollout import Verdict
from edgecodec.fleet.versions import Running
from edgecodec.registry.gates import reasons

if TYPE_CHECKING:
    from edgecodec.fleet.retraining import Retraining
    from edgecodec.registry.comparison import Comparison


def alarms_table(watched: Watched) -> Table:
    return table("Alarms" if watched.alarms else "No alarms", (
        "node", "what", "since", "found", "until", "version", "deviations", "value", "before"), (
            (alarm.node, alarm.signal, _minute(alarm.start), _minute(alarm.found),
             _minute(alarm.end) if alarm.end else "goes on", ", ".join(alarm.versions), shown(alarm.deviations, 3),
             figure(alarm, alarm.value), figure(alarm, alarm.usual)) for alarm in watched.alarms), text_columns=6)


def versions_table(found: Sequence[Running]) -> Table:
    return table("Versions", ("node", "group", "version", "since", "last window", "by the table", ""), (
        (each.node, each.group or "-", each.version or "-", _minute(each.since) if each.since else "-",
         _minute(each.last) if each.last else "-", each.listed or "-", "" if each.agrees else "differs")
        for each in found), text_columns=7)


def returns_table(found: Sequence[Return], stopped: str) -> Table:
    return table(f"{len(found)} nodes run version {stopped}", ("node", "group", "since", "before"), (
        (each.node, each.group or "-", _minute(each.since) if each.since else "-", each.before or "-")
        for each in found), text_columns=4)


def comparison_table(comparison: Comparison) -> Table:
    """Two rows for each kind of windows: the champion's errors, and the candidate's."""
    metric = comparison.measure.metric
    made = table(f"{metric.label} on validation windows".capitalize(), ("windows", "codec", *(
        f"rate {rate}" for rate in next(iter(comparison.errors.values())).champion)), text_columns=2)
    for kind, errors in comparison.errors.items():
        for codec, found in ((f"champion {comparison.champion}", errors.champion), ("candidate", errors.candidate)):
            made.add_row(f"{kind} ({errors.windows})", codec, *map(metric.shown, found.values()))
    return made


def next_steps(done: Retraining) -> Iterator[str]:
    """What became of a retraining, and what a person does next."""
    version = done.registration.version
    if version is None:
        yield f"not registered: {'; '.join(reasons(done.registration.verdicts))}"
        yield f"branch {done.branch} has settings, data and metrics"
    else:
        yield f"{version.name} version {version.number} is candidate, not champion; to promote it:"
        yield (f"git merge {done.branch} && dvc checkout --allow-missing && "
               f"edgecodec releases promote {version.number} --reason ...")


def told(verdict: Verdict) -> str:
    counted = f"{verdict.answer}: {verdict.reason}\n{verdict.canaries} canaries and {verdict.others} others count"
    if not math.isfinite(verdict.worse_percent):
        return counted
    return (f"{counted}, for {verdict.hours:.0f} hours\nerrors of the canaries are {shown(verdict.worse_percent, 3)} % "
            f"larger (p = {shown(verdict.p_no_worse, 2)} if they are not, {shown(verdict.p_too_much_worse, 2)} if they "
            "are by more than the margin)")


def as_json(found: Sequence[Alarm | Running | Return] | Verdict) -> str:
    return json.dumps(_fields(found) if isinstance(found, Verdict) else [_fields(each) for each in found], indent=2)


def _fields(each: Alarm | Running | Return | Verdict) -> dict[str, object]:
    return {name: _plain(value) for name, value in asdict(each).items()}


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
