"""Every gate has its limit, and nothing that was not measured passes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from rich.console import Console
from small_project import metrics, small_params

from edgecodec.metrics import RELATIVE, MetricName
from edgecodec.registry.gates import Champion, Verdict, gates_table, judge, reasons
from edgecodec.registry.measurements import Measurements, errors_of_groups

LIMITS = small_params().gates
RATES = (1, 2)


def changed(where: str, value: Any) -> Measurements:
    """The passing figures with one of them replaced, or removed if ``value`` is None."""
    content: dict[str, Any] = metrics()
    *path, last = where.split(".")
    place = content
    for part in path:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return Measurements(content)


def failed(measured: Measurements) -> list[Verdict]:
    return [verdict for verdict in judge(measured, LIMITS, RATES, None) if not verdict.passed]


def test_good_figures_pass_every_gate() -> None:
    verdicts = judge(Measurements(metrics()), LIMITS, RATES, None)
    assert all(verdict.passed for verdict in verdicts)
    assert [verdict.name for verdict in verdicts] == [
        "error_percent.rate1", "error_percent.rate2", "share_of_means.rate1", "share_of_means.rate2",
        "latency_milliseconds.rate1", "latency_milliseconds.rate2", "bit_exact", "l1_bytes", "l2_bytes",
        "codebook_usage", "float16_loss", "accuracy_loss.rate1", "accuracy_loss.rate2"]


@pytest.mark.parametrize(("remarks", "wrong"), [
    ({"makes_remarks": True, "least_correlation": 0.995, "largest_deviation": 0.06}, []),
    ({"makes_remarks": True, "least_correlation": 0.98, "largest_deviation": 0.06}, ["estimate_correlation"]),
    ({"makes_remarks": True, "least_correlation": 0.995, "largest_deviation": 0.2}, ["estimate_deviation"]),
    ({"makes_remarks": True}, ["estimate_correlation", "estimate_deviation"]),
    ({"makes_remarks": False}, []),
])
def test_remarks_must_be_near_the_truth_where_there_are_any(remarks: dict[str, Any], wrong: list[str]) -> None:
    limits = LIMITS.model_copy(update={"least_estimate_correlation": 0.99, "largest_estimate_deviation": 0.1})
    verdicts = judge(Measurements({**metrics(), "remarks": remarks}), limits, RATES, None)
    assert [verdict.name for verdict in verdicts if not verdict.passed] == wrong
    assert len(verdicts) == (15 if remarks["makes_remarks"] else 13)


ERROR = "rate_distortion.splits.validation.edgecodec.1.error_percent"


@pytest.mark.parametrize(("where", "value", "name"), [
    (ERROR, 3.001, "error_percent.rate1"),
    ("verification.total_milliseconds.2", 52.7, "latency_milliseconds.rate2"),
    ("verification.bit_exact", False, "bit_exact"),
    ("verification.l1_bytes", 131_073, "l1_bytes"),
    ("verification.l2_bytes", 1_572_865, "l2_bytes"),
    ("codebooks.least_usage", 0.49, "codebook_usage"),
    ("float16.relative_error_growth", 0.0101, "float16_loss"),
    ("damage.accuracy_loss.1", 0.0501, "accuracy_loss.rate1"),
])
def test_a_figure_beyond_its_limit_fails_its_gate_alone(where: str, value: Any, name: str) -> None:
    (verdict,) = failed(changed(where, value))
    assert verdict.name == name
    assert verdict.reason.startswith(f"{name}: ")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "3.0", True])
def test_a_figure_that_is_missing_or_no_number_fails_with_its_place(value: Any) -> None:
    (verdict,) = failed(changed(ERROR, value))
    assert verdict.evidence == "missing"
    assert verdict.reason == ("error_percent.rate1: no finite splits.validation.edgecodec.1.error_percent in "
                              "artifacts/metrics/rate_distortion.json; run the stage that writes it (dvc repro)")


SHARE = "rate_distortion.splits.validation.edgecodec.1.share_of_means"


def test_a_codec_that_does_not_clearly_beat_the_means_alone_fails_whatever_its_error_is() -> None:
    (verdict,) = failed(changed(SHARE, 0.97))
    assert verdict.reason == (
        "share_of_means.rate1: the codec leaves 0.97 of the squared error that each window's means alone leave, more "
        "than 0.8; it is not worth its bits")


def test_an_error_that_the_channels_means_alone_would_keep_is_judged_about_these() -> None:
    (verdict,) = failed(changed(ERROR.replace("error_percent", "constant_percent"), 0.006))
    assert verdict.reason == ("spread_percent.rate1: 20 is more than 3; judged about the channels' means, which by "
                              "error.metric relative would pass by themselves (0.006 %): take nmse, snr or absolute")


def test_versions_from_before_the_means_were_compared_with_are_judged_by_the_other_gates() -> None:
    content: dict[str, Any] = metrics()
    for of_rate in content["rate_distortion"]["splits"]["validation"]["edgecodec"].values():
        for name in of_rate.keys() - {"error_percent", "pointwise_error_percent", "nmse_percent", "bits_per_window"}:
            del of_rate[name]
    verdicts = judge(Measurements(content), LIMITS, RATES, None)
    assert all(verdict.passed for verdict in verdicts)
    assert not any("means" in verdict.name for verdict in verdicts)


@pytest.mark.parametrize(("metric", "limit", "name", "passes"), [
    ("relative", 2.4, "error_percent.rate1", True), ("relative", 2.2, "error_percent.rate1", False),
    ("nmse", 4.1, "variance_percent.rate1", True), ("nmse", 3.9, "variance_percent.rate1", False),
    ("snr", 13.9, "snr_db.rate1", True), ("snr", 14.1, "snr_db.rate1", False),
    ("absolute", 0.021, "absolute_error.rate1", True), ("absolute", 0.019, "absolute_error.rate1", False),
])
def test_the_gate_of_the_error_goes_by_the_metric(metric: MetricName, limit: float, name: str, passes: bool) -> None:
    limits = LIMITS.model_copy(update={"error": limit})
    first = judge(Measurements(metrics()), limits, RATES, None, metric)[0]
    assert (first.name, first.passed, first.limit) == (name, passes, limit)


@pytest.mark.parametrize(("champion", "passes"), [(14.0, True), (14.1, False)])
def test_a_candidate_may_not_have_fewer_decibels_than_the_champion(champion: float, passes: bool) -> None:
    known = Champion("7", "1b" * 32, {1: champion, 2: 14.0}, metric="snr")
    limits = LIMITS.model_copy(update={"error": 10.0})
    verdicts = judge(Measurements(metrics()), limits, RATES, known, "snr")
    assert all(verdict.passed for verdict in verdicts) == passes


def test_a_champion_of_another_metric_is_not_compared() -> None:
    (verdict,) = (verdict for verdict in judge(Measurements(metrics()), LIMITS, RATES, Champion(
        "7", "1b" * 32, {1: 1.0, 2: 1.0}, metric="nmse")) if "champion" in verdict.name)
    assert verdict.passed
    assert verdict.reason == "champion: version 7 was judged by the metric nmse; not compared"


def test_recordings_that_name_no_damage_have_no_accuracy_to_lose() -> None:
    verdicts = judge(changed("damage", {"classes": []}), LIMITS, RATES, None)
    assert all(verdict.passed for verdict in verdicts)
    assert [verdict.reason for verdict in verdicts if verdict.name == "accuracy_loss"] == [
        "accuracy_loss: the recordings have no values of classify.label to tell apart; not measured"]


def test_without_any_figure_every_gate_fails() -> None:
    verdicts = judge(Measurements({}), LIMITS, RATES, None)
    assert not any(verdict.passed for verdict in verdicts)
    assert len(reasons(verdicts)) == 13


def test_an_estimated_latency_says_so() -> None:
    evidence = {verdict.name: verdict.evidence
                for verdict in judge(changed("verification.evidence", "estimated"), LIMITS, RATES, None)}
    assert evidence["latency_milliseconds.rate1"] == "estimated"
    assert evidence["bit_exact"] == "measured"


def against(errors: dict[int, float], digest: str | None) -> list[Verdict]:
    """What the champion's presence adds to the verdicts."""
    champion = Champion("7", digest, errors)
    verdicts = judge(Measurements(metrics()), LIMITS, RATES, champion)
    return [verdict for verdict in verdicts if "champion" in verdict.name]


def test_a_candidate_as_good_as_the_champion_passes() -> None:
    assert [verdict.passed for verdict in against({1: 2.3, 2: 2.1}, "1b" * 32)] == [True, True]


def test_a_candidate_worse_than_the_champion_fails_at_that_rate() -> None:
    verdicts = against({1: 2.2, 2: 2.2}, "1b" * 32)
    assert [verdict.name for verdict in verdicts if not verdict.passed] == ["champion.rate1"]


@pytest.mark.parametrize("digest", ["0a" * 32, None])
def test_a_champion_measured_on_other_windows_is_not_compared(digest: str | None) -> None:
    (verdict,) = against({1: 1.0, 2: 1.0}, digest)
    assert verdict.passed
    assert "version 7 was measured on other validation windows" in verdict.reason


def test_the_table_shows_number_limit_evidence_and_verdict() -> None:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(gates_table(judge(changed(ERROR, 3.25), LIMITS, RATES, None)))
    row = next(line for line in captured.get().splitlines() if "error_percent.rate1" in line)
    assert [word.strip() for word in row.strip(" │").split("│")] == \
        ["error_percent.rate1", "3.25", "3", "measured", "FAILED"]


@pytest.mark.parametrize("groups", [
    {"by_wind": {"10": {"error_percent": 3.0}, "20": {"error_percent": 1.0}}},  # of versions from before other labels
    {"by_group": {"wind 10m/s": {"error_percent": 3.0}, "wind 20m/s": {"error_percent": 1.0}}}])
def test_reports_have_the_errors_of_groups_whenever_they_were_measured(groups: dict[str, Any]) -> None:
    files = {"rate_distortion": {"splits": {"validation": {"edgecodec": {"1": groups, "2": groups}}}}}
    assert errors_of_groups(Measurements(files), (1, 2), RELATIVE) == {
        "wind 10m/s": [3.0, 3.0], "wind 20m/s": [1.0, 1.0]}


def test_reports_of_what_has_no_groups_have_no_errors_of_them() -> None:
    assert errors_of_groups(changed("damage", {}), RATES, RELATIVE) == {}
