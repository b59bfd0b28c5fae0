"""Which column is the time, and in what unit; which only counts rows. A time taken for a channel shifts all others."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.table import Column, Table
from edgecodec.errors import EdgeCodecError

Unit = Literal["auto", "s", "ms", "us", "ns"]
SECONDS: dict[str, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
AUTO, NONE = "auto", "none"
CALLED = frozenset((
    "time", "times", "timestamp", "timestamps", "datetime", "date", "t", "sec", "secs", "second", "seconds", "millis",
    "milliseconds", "micros", "microseconds", "elapsed", "elapsedtime", "epoch", "unixtime", "unix", "utc", "clock",
    "zeit", "temps", "tiempo", "tempo"))
OFTEN_CHANNELS = frozenset(("t", "date"))  # T is a temperature as well: only if it runs like a time
_UNIT = re.compile(r"^(?P<name>.*?)[ _./-]*[\[(]?(?P<unit>"
                   r"ns|nsec|us|µs|μs|usec|micros|ms|msec|millis|s|sec|seconds)[\])]?$")
_UNIT_CALLED = {"nsec": "ns", "µs": "us", "μs": "us", "usec": "us", "micros": "us", "msec": "ms", "millis": "ms",
                "sec": "s", "seconds": "s"}
EPOCH = {"s": 1e8, "ms": 1e11, "us": 1e14, "ns": 1e17}  # later than 1973 in such a unit; the next unit's is beyond
FEWEST_ROWS = 8  # that tell a time from a channel
REGULAR_SHARE = 0.99  # of the steps of a time: the others are gaps and faults
REGULAR = 0.5  # part of the median step that they may differ from it: rounded stamps, jitter
EVEN = 1e-3  # the same of a column that is nothing but a ramp
RATE_TOLERANCE = 0.05


@dataclass(frozen=True, eq=False)
class TimeBase:
    """What was understood of a table's time."""

    column: int | None  # none: rows are taken as evenly spaced
    seconds: NDArray[np.float64] | None  # what the column says
    others: tuple[int, ...]  # more columns that are times, or count rows: no channels
    told: tuple[str, ...]  # all of it, for people

    @property
    def no_channels(self) -> frozenset[int]:
        return frozenset((*(() if self.column is None else (self.column,)), *self.others))


def find_time(table: Table, wanted: str = AUTO, unit: Unit = "auto", sample_rate_hz: float | None = None,
              channels: Collection[str] = ()) -> TimeBase:
    """The time among the columns of ``table``.

    In turn: a column of time stamps, one that is called so, an index or first column that runs evenly, any ramp. A
    whole-numbered ramp by 1 counts rows, unless it is called a time.

    Args:
        wanted: ``auto``, ``none``, or the name or number of the column.
        unit: of a column of numbers; ``auto``: by its heading, by its size since 1970, else the unit that gives
            ``sample_rate_hz``, else seconds.
        channels: names that are channels whatever they look like.

    Raises:
        EdgeCodecError: ``wanted`` is no column.
    """
    if wanted == NONE:
        return TimeBase(None, None, (), ())
    column: int | None
    ramps: list[int] = []
    if wanted != AUTO:
        column = _wanted(table, wanted)
    else:
        free = [number for number in range(len(table.columns))
                if not table.names or table.names[number] not in channels or not table.names[number].strip()]
        column = _find(table, free)
        ramps = [number for number in free if number != column and _is_even(table.columns[number])]
    if column is None:
        return TimeBase(None, None, tuple(ramps), tuple(f"{_told(table, number)} counts rows and is left out"
                                                        for number in ramps))
    found = _unit_of(table, column, unit, sample_rate_hz)
    seconds = _in_seconds(table.columns[column], found)
    told = [f"{_told(table, column)} is the time, in {found}"]
    told += [f"{_told(table, number)} rises by a constant step and is left out; name it in data.array.channels if it "
             "is a channel" for number in ramps]
    return TimeBase(column, seconds, tuple(ramps), tuple(told))


def rate_of(seconds: NDArray[np.float64]) -> float | None:
    """Samples per second, by the median step; None where there is no such thing."""
    steps = np.diff(seconds)
    steps = steps[np.isfinite(steps)]
    period = float(np.median(steps)) if len(steps) else 0.0
    if period <= 0:
        return None
    usual = steps[np.abs(steps - period) <= REGULAR * period]  # the mean of these: stamps may be rounded
    return float(1 / usual.mean())


def _wanted(table: Table, wanted: str) -> int:
    if table.names is not None and wanted in table.names:
        return table.names.index(wanted)
    if wanted.isdecimal() and int(wanted) < len(table.columns):
        return int(wanted)
    raise EdgeCodecError(f"has no column {wanted}; correct data.array.time (it has "
                         f"{', '.join((table.names or ())[:6]) or f'{len(table.columns)} columns without names'})")


def _find(table: Table, free: list[int]) -> int | None:
    columns = table.columns
    clocks = [number for number in free if columns[number].is_clock]
    if clocks:
        return clocks[0]
    named = [number for number in free if table.names and _called(table.names[number]) in CALLED]
    for number in named:
        if _called(table.names[number]) not in OFTEN_CHANNELS or _is_regular(columns[number]):  # type: ignore[index]
            return number
    first = [number for number in dict.fromkeys((*table.index, 0)) if number in free and columns]
    for number in first:
        if _is_regular(columns[number]) and not _counts_rows(columns[number]):
            return number
    return next((number for number in free if _is_even(columns[number]) and not _counts_rows(columns[number])), None)


def _called(name: str) -> str:
    """A heading in small letters, without signs of comments, blanks and unit."""
    plain = name.strip().lstrip("#%/").strip("\"' ").casefold()
    match = _UNIT.match(plain)
    if match and match["name"]:
        plain = match["name"]
    return re.sub(r"[\[(].*?[\])]|[\s_.:/-]", "", plain)


def _steps(column: Column) -> tuple[NDArray[np.float64], float]:
    steps = np.diff(column.values)
    steps = steps[np.isfinite(steps)]
    return steps, float(np.median(steps)) if len(steps) else 0.0


def _is_regular(column: Column) -> bool:
    """Whether a column runs like a time, maybe with gaps, jitter, and rows that are torn."""
    steps, median = _steps(column)
    if len(steps) + 1 < FEWEST_ROWS or median == 0 or len(steps) < REGULAR_SHARE * (len(column.values) - 1):
        return False
    return bool(np.mean(np.abs(steps - median) <= REGULAR * abs(median)) >= REGULAR_SHARE)


def _is_even(column: Column) -> bool:
    """Whether a column is a ramp and nothing else."""
    steps, median = _steps(column)
    if len(steps) + 1 < FEWEST_ROWS or median == 0 or len(steps) + 1 < len(column.values):
        return False
    slack = 4 * float(np.spacing(np.abs(column.values).max()))  # of the differences of rounded numbers
    return bool((np.abs(steps - median) <= EVEN * abs(median) + slack).all()) and slack < EVEN * abs(median)


def _counts_rows(column: Column) -> bool:
    steps, median = _steps(column)
    return bool(median == 1 and column.values[0] in (0, 1) and (steps == 1).all())


def _unit_of(table: Table, number: int, unit: Unit, sample_rate_hz: float | None) -> str:
    column = table.columns[number]
    if column.is_clock:
        return "s"
    if unit != "auto":
        return unit
    for text in (table.units[number] if table.units else "", table.names[number] if table.names else ""):
        match = _UNIT.match(text.strip().lstrip("#").casefold().strip())
        if match and (not match["name"] or re.search(r"[ _./\[(-]", text)):
            return _UNIT_CALLED.get(match["unit"], match["unit"])
    start = float(np.nanmax(np.abs(column.values))) if np.isfinite(column.values).any() else 0.0
    since_1970 = [name for name, least in EPOCH.items() if start >= least]
    if since_1970:
        return since_1970[-1]
    rate = rate_of(column.values)
    if rate and sample_rate_hz:
        for name, seconds in SECONDS.items():
            if abs(rate / seconds / sample_rate_hz - 1) <= RATE_TOLERANCE:
                return name
    return "s"


def _in_seconds(column: Column, unit: str) -> NDArray[np.float64]:
    if unit == "s":
        return column.values
    first = column.values[np.isfinite(column.values)][:1]
    return (column.values - first if len(first) else column.values) * SECONDS[unit]


def _told(table: Table, number: int) -> str:
    return f"column {table.name_of(number)}"
