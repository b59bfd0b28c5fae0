"""What a sound recording is: the checks of the pipeline, and of every other place where recordings come in."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from edgecodec.data.recordings import RecordingList
from edgecodec.params import ValidateParams


@dataclass(frozen=True)
class Check:
    """One expectation: a column of a profile table lies within limits. An empty cell means: does not apply."""

    title: str
    column: str
    least: float | None
    most: float | None
    fault: str  # what a row is that fails, formatted with the row

    def told(self, row: Mapping[Hashable, Any]) -> str:
        return self.fault.format_map(row)


@dataclass(frozen=True)
class Fault:
    recording: str
    text: str


def recording_checks(listed: RecordingList, params: ValidateParams) -> list[Check]:
    """Of a recording as a whole: its columns, its rows, its time."""
    columns = 1 + len(listed.channels)
    period = 1 / listed.sample_rate_hz
    tolerance = period * params.sample_rate_tolerance
    return [
        Check("columns", "columns", columns, columns, f"{{columns}} columns, expected {columns}"),
        Check("columns of every row", "ragged_rows", None, 0, "rows with another number of columns: {ragged_rows}"),
        Check("numbers only", "text_cells", None, 0, "cells that are not numbers: {text_cells}; {first_text}"),
        Check("length", "missing_rows", None, 0, "{rows} rows, {missing_rows} too few"),
        Check("time of every row", "missing_times", None, 0, "rows without a time: {missing_times}"),
        Check("time runs forward", "backward_steps", None, 0, "rows where time does not run forward: {backward_steps}"),
        Check("sample period", "period_seconds", period - tolerance, period + tolerance,
              f"sampled every {{period_seconds:.4g}} s, expected {period:.4g} s"),
        Check("gaps", "largest_gap_seconds", None, max(params.largest_gap_seconds, period + tolerance),
              "a gap of {largest_gap_seconds:.4g} s; samples lost: {lost_samples}"),
        Check("lost samples", "lost_share", None, params.largest_lost_fraction,
              f"{{lost_share:.2%}} of the samples lost, {params.largest_lost_fraction:.2%} may be"),
    ]


def channel_checks(listed: RecordingList, params: ValidateParams) -> list[Check]:
    """Of each channel's values, and of their course."""
    return [
        *value_checks(listed),
        Check("flat line", "flat_seconds", None, params.flat_line_seconds, "{channel}: flat for {flat_seconds:.4g} s"),
        Check("spikes", "spike_share", None, params.largest_spike_fraction, "{channel}: spikes: {spikes}"),
    ]


def value_checks(listed: RecordingList) -> list[Check]:
    """Of each channel's values, whatever their order in time."""
    checks = [
        Check("missing samples", "missing", None, 0, "{channel}: samples missing or not finite: {missing}"),
        Check("missing samples with a value", "sentinels", None, 0,
              "{channel}: {sentinels} samples read {sentinel:.10g}, which stands for a missing one; mend them, or name "
              "it in data.array.missing (or take it out of validate.sentinels if it is a value)"),
        Check("live", "varies", 1, None, "{channel}: dead, reads {minimum:.10g} throughout"),
    ]
    if listed.plausible is not None:
        least, most = listed.plausible
        checks += [
            Check("range, low end", "minimum", least, None, f"{{channel}}: reads {{minimum:.10g}}, below {least:.10g}"),
            Check("range, high end", "maximum", None, most, f"{{channel}}: reads {{maximum:.10g}}, above {most:.10g}"),
        ]
    if listed.integers:
        checks.append(Check("whole counts", "fractional", None, 0,
                            "{channel}: samples that are no whole counts: {fractional}"))
    return checks


def faults(table: pd.DataFrame, checks: Sequence[Check]) -> list[Fault]:
    """The rows of ``table`` that fail a check."""
    found = []
    for check in checks:
        for row in table.to_dict("records"):
            value = row[check.column]  # a NaN lies within all limits
            if (check.least is not None and value < check.least) or (check.most is not None and value > check.most):
                found.append(Fault(str(row["recording"]), check.told(row)))
    return found
