"""The gates between a trained codec and the registry: every verdict has its number, its limit and its evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from edgecodec.console import shown, table
from edgecodec.params import GatesParams
from edgecodec.registry.markdown import markdown_table
from edgecodec.registry.measurements import Measurements

HEADINGS = ("gate", "value", "limit", "evidence", "verdict")
VALIDATION_DIGEST = "windows.splits.validation.digest"  # names the windows that errors are measured on


@dataclass(frozen=True)
class Verdict:
    """What one gate found. Whatever was not measured, or is no finite number, does not pass."""

    name: str
    value: float  # NaN where nothing was measured
    limit: float
    passed: bool
    evidence: str  # "measured", "recorded" (of the same program), "estimated", or "missing"
    reason: str  # one line, for those that did not pass or could not be compared; else empty

    @property
    def outcome(self) -> str:
        if not self.passed:
            return "FAILED"
        return "not compared" if self.reason else "passed"


@dataclass(frozen=True)
class Champion:
    """The released version that a candidate must not be worse than."""

    version: str
    validation_digest: str | None  # of the windows its errors were measured on
    error_percent: Mapping[int, float]  # by rate
    bits_per_window: Mapping[int, float] = field(default_factory=dict)  # by rate; empty where nobody recorded them


def judge(measured: Measurements, limits: GatesParams, rates: Sequence[int],
          champion: Champion | None) -> tuple[Verdict, ...]:
    """All gates, for every one of the codec's ``rates``, in the order in which they are read."""
    return tuple(_verdicts(measured, limits, rates, champion))


def gates_table(verdicts: Sequence[Verdict]) -> Table:
    """The verdicts, one row each, for a terminal."""
    made = table("Gates", HEADINGS[:3])
    for heading in HEADINGS[3:]:
        made.add_column(heading)
    for verdict in verdicts:
        made.add_row(*_row(verdict), style=None if verdict.passed else "bold red")
    return made


def gates_markdown(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as a table in Markdown."""
    return markdown_table(HEADINGS, map(_row, verdicts))


def reasons(verdicts: Sequence[Verdict]) -> list[str]:
    """Why the gates that failed did so, a line each."""
    return [verdict.reason for verdict in verdicts if not verdict.passed]


def _verdicts(measured: Measurements, limits: GatesParams, rates: Sequence[int],
              champion: Champion | None) -> Iterator[Verdict]:
    on_target = str(measured.entry("verification.evidence"))

    for rate in rates:
        yield _at_most(measured, f"error_percent.rate{rate}", error_percent(rate), limits.largest_error_percent)
    for rate in rates:
        yield _at_most(measured, f"latency_milliseconds.rate{rate}", f"verification.total_milliseconds.{rate}",
                       limits.largest_latency_milliseconds, on_target)
    yield _bit_exact(measured)
    yield _at_most(measured, "l1_bytes", "verification.l1_bytes", limits.largest_l1_bytes, on_target)
    yield _at_most(measured, "l2_bytes", "verification.l2_bytes", limits.largest_l2_bytes, on_target)
    yield _codebook_usage(measured, limits.least_codebook_usage)
    yield _at_most(measured, "float16_loss", "float16.relative_error_growth", limits.largest_float16_loss)
    yield from _accuracy_losses(measured, rates, limits.largest_accuracy_loss)
    if champion is not None:
        yield from _against(champion, measured, rates)


def error_percent(rate: int) -> str:
    """Where the error stands that the gate is about."""
    return f"rate_distortion.splits.validation.edgecodec.{rate}.error_percent"


def _at_most(measured: Measurements, name: str, where: str, limit: float, evidence: str = "measured") -> Verdict:
    value = measured.number(where)
    if not math.isfinite(value):
        return Verdict(name, math.nan, limit, False, "missing", _absent(name, where))
    reason = "" if value <= limit else f"{name}: {shown(value)} is more than {shown(limit)}"
    return Verdict(name, value, limit, value <= limit, evidence, reason)


def _bit_exact(measured: Measurements) -> Verdict:
    found = measured.entry("verification.bit_exact")
    if not isinstance(found, bool):
        return Verdict("bit_exact", math.nan, 1, False, "missing", _absent("bit_exact", "verification.bit_exact"))
    reason = "" if found else "bit_exact: the firmware's bits differ from the oracle's; see artifacts/verification"
    return Verdict("bit_exact", float(found), 1, found, "measured", reason)


def _codebook_usage(measured: Measurements, limit: float) -> Verdict:
    name, where = "codebook_usage", "codebooks.least_usage"
    value = measured.number(where)
    if not math.isfinite(value):
        return Verdict(name, math.nan, limit, False, "missing", _absent(name, where))
    reason = "" if value >= limit else f"{name}: {shown(value)} is less than {shown(limit)}"
    return Verdict(name, value, limit, value >= limit, "measured", reason)


def _accuracy_losses(measured: Measurements, rates: Sequence[int], limit: float) -> Iterator[Verdict]:
    """Only recordings that name different damages have a classifier that could lose accuracy."""
    if measured.entry("damage.classes") == []:
        yield Verdict("accuracy_loss", math.nan, limit, True, "missing",
                      "accuracy_loss: the recordings name no damages to tell apart; not measured")
        return
    for rate in rates:
        yield _at_most(measured, f"accuracy_loss.rate{rate}", f"damage.accuracy_loss.{rate}", limit)


def _against(champion: Champion, measured: Measurements, rates: Sequence[int]) -> Iterator[Verdict]:
    """A candidate may not be worse than the champion at any rate. Errors on other windows say nothing about that."""
    digest = measured.entry(VALIDATION_DIGEST)
    if digest is None or digest != champion.validation_digest:
        yield Verdict("champion", math.nan, math.nan, True, "missing",
                      f"champion: version {champion.version} was measured on other validation windows; not compared")
        return
    for rate in rates:
        yield _at_most(measured, f"champion.rate{rate}", error_percent(rate),
                       champion.error_percent.get(rate, math.inf))


def _absent(name: str, where: str) -> str:
    file, _, field = where.partition(".")
    return f"{name}: no finite {field} in artifacts/metrics/{file}.json; run the stage that writes it (dvc repro)"


def _row(verdict: Verdict) -> tuple[str, ...]:
    return verdict.name, shown(verdict.value), shown(verdict.limit), verdict.evidence, verdict.outcome
