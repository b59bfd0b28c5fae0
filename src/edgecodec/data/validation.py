"""Great Expectations over every recording: which ones are sound, and what exactly is wrong with the others.

Expectations are not held against millions of samples but against profiles of them (:mod:`edgecodec.data.profile`), one
row per recording or per channel of a recording. So a failed row names its recording and channel, and the suite takes
seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from edgecodec.aerosense import CP_SPREAD
from edgecodec.data.checks import Check, Fault, channel_checks, recording_checks
from edgecodec.data.profile import profile
from edgecodec.data.recordings import Recording, RecordingList, read_samples
from edgecodec.data.table import Samples
from edgecodec.params import ValidateParams, WindowParams
from edgecodec.progress import progress

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read when the package is imported
import great_expectations as gx


@dataclass(frozen=True)
class Outcome:
    """Verdict of Great Expectations on one check."""

    title: str
    limits: str
    rows: int
    failed: int


@dataclass(frozen=True)
class Validation:
    """Verdicts, and the profiles they are about."""

    recordings: pd.DataFrame  # a row per recording
    channels: pd.DataFrame  # a row per recording and channel, those outside the preset included
    outcomes: tuple[Outcome, ...]
    faults: tuple[Fault, ...]
    dead_channels: tuple[str, ...]  # outside the preset, and without a change in any recording

    @property
    def excluded(self) -> dict[str, str]:
        """Reason by recording."""
        texts: dict[str, list[str]] = {}
        for fault in self.faults:
            texts.setdefault(fault.recording, []).append(fault.text)
        return {name: first + (f" (and {len(more)} more)" if more else "") for name, (first, *more) in texts.items()}


def validate(raw: Path, listed: RecordingList, params: ValidateParams, window: WindowParams) -> Validation:
    """Read and judge every recording under ``raw``."""
    content = ((recording, read_samples(raw / recording.path, listed.channels))
               for recording in progress(listed.recordings, "Validating recordings"))
    return judge(content, listed, params, window)


def judge(
    content: Iterable[tuple[Recording, Samples]], listed: RecordingList, params: ValidateParams, window: WindowParams
) -> Validation:
    """Judge recordings as they come; only one of them needs to be in memory at a time."""
    preset = listed.preset(window.preset)
    tables = profile(content, listed, params, window.samples + sum(listed.skipped_rows(window)))
    recordings, channels = tables.recordings, tables.channels
    used = channels[channels["channel"].isin(preset)].reset_index(drop=True)

    outcomes, faults = [], []
    for table, checks in ((recordings, recording_checks(listed, params)), (used, channel_checks(listed, params))):
        held, failed = _expect(table, checks)
        outcomes += held
        faults += failed
    sound = [recording for recording in listed.recordings
             if recording.name not in {fault.recording for fault in faults}]
    held, failed = _expect(_agreement(listed, sound, used), _agreement_checks())
    varies = channels.groupby("channel", sort=False)["varies"].any()
    return Validation(
        recordings, channels, (*outcomes, *held), (*faults, *failed),
        tuple(str(name) for name in varies.index[~varies] if name not in preset),
    )


def _agreement_checks() -> list[Check]:
    least, most = CP_SPREAD
    return [
        Check("in the labbook", "listed", 1, None, "not in the labbook; add its line"),
        Check("zeroing run", "references", 1, None, "no sound zeroing run before or after it in the labbook"),
        Check("wind speed fits the pressures", "cp_spread", least, most,
              "pressures do not fit the labbook's {wind} m/s (spread of Cp {cp_spread:.2f})"),
    ]


def _agreement(listed: RecordingList, sound: list[Recording], used: pd.DataFrame) -> pd.DataFrame:
    """What the labbook says, against what was recorded; a row per sound recording."""
    unsound = frozenset(recording.name for recording in listed.recordings) - {recording.name for recording in sound}
    means = used.pivot(index="recording", columns="channel", values="mean") * listed.scale
    rows = []
    for recording in sound:
        row = {"recording": recording.name, "wind": recording.wind, "listed": int(recording.kind != "unlisted"),
               "references": np.nan, "cp_spread": np.nan}
        if recording.kind == "wind":
            references = [reference.name for reference in listed.zeroing_references(recording, unsound)]
            row["references"] = len(references)
            if references:
                pressure = means.loc[recording.name] - means.loc[references].mean()
                row["cp_spread"] = np.std(pressure.to_numpy()) / recording.divisor
        rows.append(row)
    return pd.DataFrame(rows, columns=["recording", "wind", "listed", "references", "cp_spread"])


def _expect(table: pd.DataFrame, checks: list[Check]) -> tuple[list[Outcome], list[Fault]]:
    """Run one suite of Great Expectations over a profile table."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("profiles").add_dataframe_asset("profile")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(batch_parameters={"dataframe": table})
    suite = gx.ExpectationSuite(name="recordings", expectations=[
        gx.expectations.ExpectColumnValuesToBeBetween(column=check.column, min_value=check.least, max_value=check.most)
        for check in checks
    ])
    results = batch.validate(suite, result_format={"result_format": "COMPLETE"}).results
    outcomes, faults = [], []
    for check, result in zip(checks, results, strict=True):
        failed = result.result["unexpected_index_list"] or []
        rows = result.result["element_count"] - result.result["missing_count"]
        outcomes.append(Outcome(check.title, _limits(check), rows, len(failed)))
        for row in table.loc[failed].to_dict("records"):
            faults.append(Fault(str(row["recording"]), check.told(row)))
    return outcomes, faults


def _limits(check: Check) -> str:
    if check.least == check.most:
        return f"= {check.least:.10g}"
    least = None if check.least is None else f">= {check.least:.10g}"
    most = None if check.most is None else f"<= {check.most:.10g}"
    return ", ".join(limit for limit in (least, most) if limit)
