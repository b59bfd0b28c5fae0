"""Whether a version may go on from the nodes that have it first, the canaries, to the others.

A node's windows are alike, however many they are. So a node makes one observation: by how much its typical error has
changed since the canaries' update, against as long a time before. The canaries' changes are held against those of the
others by the test of Mann and Whitney. What all nodes see, as wind, and what sets a node apart for good, cancel out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log1p, nan
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from edgecodec.evaluation.reference import LARGEST_PERCENT, Floats
from edgecodec.fleet.versions import Running

LEVEL = 0.05  # probability of a wrong stop, and of a wrong "go on", at a look
LEAST_HOURS = 24  # with windows, before and after, of a node that counts

Answer = Literal["go on", "wait", "stop"]


@dataclass(frozen=True)
class Verdict:
    answer: Answer
    reason: str
    canaries: int  # that count
    others: int
    updated: datetime | None = None  # when the last canary began to run the version
    hours: float = nan  # since then
    worse_percent: float = nan  # by how much the canaries' error has grown against the others', the median of all pairs
    p_no_worse: float = nan  # of changes like these, if the canaries' errors had not grown more
    p_too_much_worse: float = nan  # of changes like these, if they had grown by more than the margin


def judge(windows: pd.DataFrame, fleet: Sequence[Running], canaries: Collection[str], version: str,
          margin_percent: float) -> Verdict:
    """Go on if the canaries' errors have grown by less than the margin; stop if they have grown; wait if nothing shows.

    Nodes count that have windows of ``LEAST_HOURS`` hours on either side; of the others, those that ran one version.

    Args:
        windows: columns node, start, version, rate, estimated_error; in order of start.
        fleet: what the nodes of ``windows`` run.
        canaries: names of nodes; those that do not run ``version`` do not count.
    """
    updates = [each.since for each in fleet if each.node in canaries and each.version == version and each.since]
    if not updates:
        return Verdict("wait", f"no canary runs version {version}", 0, 0)
    updated, end = max(updates), windows["start"].iloc[-1].to_pydatetime()
    before = windows["start"].ge(min(updates) - (end - updated)) & windows["start"].lt(min(updates))
    after = windows["start"].ge(updated)
    changes = (_typical(windows[after]) - _typical(windows[before])).dropna()
    versions = windows[before | after].groupby("node")["version"].nunique()
    has_it = {each.node for each in fleet if each.version == version}
    of_canaries = changes[changes.index.isin(has_it & {*canaries})].to_numpy()
    of_others = changes[~changes.index.isin(has_it | {*canaries}) & versions[changes.index].eq(1)].to_numpy()
    return _verdict(of_canaries, of_others, updated, end - updated, margin_percent)


def _typical(windows: pd.DataFrame) -> pd.Series:
    """The logarithm of the error by node, the mean of the hours' means; without nodes of few hours."""
    said = windows[windows["rate"].gt(0) & windows["estimated_error"].notna()]
    hours = pd.DataFrame({"node": said["node"], "hour": said["start"].dt.floor("h"), "error": np.log(
        said["estimated_error"].astype(float).clip(upper=LARGEST_PERCENT))}).groupby(["node", "hour"])["error"].mean()
    by_node = hours.groupby("node").agg(["mean", "size"])
    return by_node.loc[by_node["size"] >= LEAST_HOURS, "mean"]


def _verdict(canaries: Floats, others: Floats, updated: datetime, since: timedelta,
             margin_percent: float) -> Verdict:
    """By the changes of the canaries [n] and of the others [m]."""
    hours = since.total_seconds() / 3600
    if not len(canaries) or not len(others):
        return Verdict("wait", f"too few: no {'others' if len(canaries) else 'canaries'} with windows of {LEAST_HOURS} "
                       "hours before and after the update", len(canaries), len(others), updated, hours)
    no_worse = float(mannwhitneyu(canaries, others, alternative="greater").pvalue)
    too_much_worse = float(mannwhitneyu(canaries - log1p(margin_percent / 100), others, alternative="less").pvalue)
    worse_percent = 100 * float(np.expm1(np.median(np.subtract.outer(canaries, others))))
    answer: Answer
    if too_much_worse < LEVEL:
        answer, reason = "go on", f"the error has grown by less than {margin_percent:g} %"
    elif no_worse < LEVEL:
        answer, reason = "stop", "the error has grown"
    else:
        answer, reason = "wait", "too few nodes or hours to tell"
    return Verdict(answer, reason, len(canaries), len(others), updated, hours, worse_percent, no_worse, too_much_worse)
