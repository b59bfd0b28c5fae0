"""The gates between a trained codec and the registry: every verdict has its number, its limit and its evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rich.table import Table

from edgecodec.console import markdown_table, shown, table
from edgecodec.metrics import ERROR_METRICS, RELATIVE, Metric, MetricName
from edgecodec.params import GatesParams
from edgecodec.registry.measurements import OF_RATE, VALIDATION_DIGEST, Measurements

HEADINGS = ("gate", "value", "limit", "evidence", "verdict")


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
    errors: Mapping[int, float]  # by rate, in the metric
    bits_per_window: Mapping[int, float] = field(default_factory=dict)  # by rate; empty where nobody recorded them
    metric: MetricName = "relative"  # that it was judged by


def judge(measured: Measurements, limits: GatesParams, rates: Sequence[int], champion: Champion | None,
          metric: MetricName = "relative") -> tuple[Verdict, ...]:
    """All gates, for every one of the codec's ``rates``, in the order in which they are read; errors by ``metric``."""
    return tuple(_verdicts(measured, limits, rates, champion, metric))


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
              champion: Champion | None, metric: MetricName) -> Iterator[Verdict]:
    on_target = str(measured.entry("verification.evidence"))
    error = ERROR_METRICS[metric]

    for rate in rates:
        yield _of_error(measured, rate, limits.error, error)
    yield from _beats_means(measured, rates, limits.largest_share_of_means)
    for rate in rates:
        yield _within(measured, f"latency_milliseconds.rate{rate}", _of_rate("latency_milliseconds", rate),
                      limits.largest_latency_milliseconds, on_target)
    yield _bit_exact(measured)
    yield _within(measured, "l1_bytes", "verification.l1_bytes", limits.largest_l1_bytes, on_target)
    yield _within(measured, "l2_bytes", "verification.l2_bytes", limits.largest_l2_bytes, on_target)
    yield _within(measured, "codebook_usage", "codebooks.least_usage", limits.least_codebook_usage, at_least=True)
    yield _within(measured, "float16_loss", "float16.relative_error_growth", limits.largest_float16_loss)
    yield from _remarks(measured, limits)
    yield from _accuracy_losses(measured, rates, limits.largest_accuracy_loss)
    if champion is not None:
        yield from _against(champion, measured, rates, metric)


def _within(measured: Measurements, name: str, where: str, limit: float, evidence: str = "measured",
            at_least: bool = False) -> Verdict:
    """The figure at ``where`` against its limit, which it may not exceed, or with ``at_least`` not fall below."""
    value = measured.number(where)
    if not math.isfinite(value):
        return Verdict(name, math.nan, limit, False, "missing", _absent(name, where))
    passed = value >= limit if at_least else value <= limit
    reason = "" if passed else f"{name}: {shown(value)} is {'less' if at_least else 'more'} than {shown(limit)}"
    return Verdict(name, value, limit, passed, evidence, reason)


def _of_error(measured: Measurements, rate: int, limit: float, metric: Metric) -> Verdict:
    """The gate on the metric. An error relative to the magnitude says nothing where an offset makes the magnitude: if
    each channel's mean alone would pass, the error is judged about that mean."""
    def judged(field: str) -> Verdict:
        return _within(measured, f"{field}.rate{rate}", _of_rate(field, rate), limit, at_least=metric.more_is_better)

    constant = measured.number(_of_rate("constant_percent", rate))
    if metric != RELATIVE or not constant <= limit:
        return judged(metric.field)
    verdict = judged("spread_percent")
    if verdict.passed or verdict.evidence == "missing":
        return verdict
    return replace(verdict, reason=(
        f"{verdict.reason}; judged about the channels' means, which by error.metric relative would pass by themselves "
        f"({shown(constant)} %): take nmse, snr or absolute"))


def _beats_means(measured: Measurements, rates: Sequence[int], limit: float) -> Iterator[Verdict]:
    """An offset, or a drift from window to window, makes any relative error small. It does not make this one small.

    There are versions from before it was measured.
    """
    known = measured.entry(_of_rate("error_percent", 1).rpartition(".")[0])
    if isinstance(known, Mapping) and "variance_percent" not in known:
        return
    for rate in rates:
        verdict = _within(measured, f"share_of_means.rate{rate}", _of_rate("share_of_means", rate), limit)
        if not verdict.passed and verdict.evidence != "missing":
            verdict = replace(verdict, reason=(
                f"{verdict.name}: the codec leaves {shown(verdict.value)} of the squared error that each window's "
                f"means alone leave, more than {shown(limit)}; it is not worth its bits"))
        yield verdict


def _bit_exact(measured: Measurements) -> Verdict:
    found = measured.entry("verification.bit_exact")
    if not isinstance(found, bool):
        return Verdict("bit_exact", math.nan, 1, False, "missing", _absent("bit_exact", "verification.bit_exact"))
    reason = "" if found else "bit_exact: the firmware's bits differ from the oracle's; see artifacts/verification"
    return Verdict("bit_exact", float(found), 1, found, "measured", reason)


def _remarks(measured: Measurements, limits: GatesParams) -> Iterator[Verdict]:
    """Only codecs with a monitor have something to say. There are versions from before any had one."""
    if measured.entry("remarks.makes_remarks") is False or {"remarks", "calibration"}.isdisjoint(measured.files):
        return
    yield _within(measured, "estimate_correlation", "remarks.least_correlation", limits.least_estimate_correlation,
                  at_least=True)
    yield _within(measured, "estimate_deviation", "remarks.largest_deviation", limits.largest_estimate_deviation)


def _accuracy_losses(measured: Measurements, rates: Sequence[int], limit: float) -> Iterator[Verdict]:
    """Only recordings with different values of the label have a classifier that could lose accuracy."""
    if measured.entry("damage.classes") == []:
        yield Verdict("accuracy_loss", math.nan, limit, True, "missing",
                      "accuracy_loss: the recordings have no values of classify.label to tell apart; not measured")
        return
    for rate in rates:
        yield _within(measured, f"accuracy_loss.rate{rate}", f"damage.accuracy_loss.{rate}", limit)


def _against(champion: Champion, measured: Measurements, rates: Sequence[int],
             metric: MetricName) -> Iterator[Verdict]:
    """A candidate may not be worse than the champion at any rate. Errors on other windows say nothing about that."""
    digest = measured.entry(VALIDATION_DIGEST)
    if digest is None or digest != champion.validation_digest:
        yield Verdict("champion", math.nan, math.nan, True, "missing",
                      f"champion: version {champion.version} was measured on other validation windows; not compared")
        return
    if champion.metric != metric:
        yield Verdict("champion", math.nan, math.nan, True, "missing",
                      f"champion: version {champion.version} was judged by the metric {champion.metric}; not compared")
        return
    error = ERROR_METRICS[metric]
    for rate in rates:
        yield _within(measured, f"champion.rate{rate}", _of_rate(error.field, rate),
                      champion.errors.get(rate, -math.inf if error.more_is_better else math.inf),
                      at_least=error.more_is_better)


def _of_rate(name: str, rate: int) -> str:
    return OF_RATE[name].format(rate=rate)


def _absent(name: str, where: str) -> str:
    file, _, field = where.partition(".")
    return f"{name}: no finite {field} in artifacts/metrics/{file}.json; run the stage that writes it (dvc repro)"


def _row(verdict: Verdict) -> tuple[str, ...]:
    return verdict.name, shown(verdict.value), shown(verdict.limit), verdict.evidence, verdict.outcome
