"""Gathers a bundle's figures and pictures into the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from edgecodec.console import shown
from edgecodec.metrics import ERROR_METRICS, Metric
from edgecodec.packaged import packaged
from edgecodec.packets.network import load_codec
from edgecodec.packets.packet import PacketFormat
from edgecodec.registry.gates import Champion, Verdict
from edgecodec.registry.measurements import VALIDATION, Measurements, errors_of_groups, figures_of_rates
from edgecodec.registry.report import charts
from edgecodec.storage import read_json, write_text

OWN = "edgecodec"
NAMES = {"edgecodec_coded": "coded packets", "klt_dct": "KLT + DCT", "klt_dct_plain": "KLT + DCT, plain",
         "joint_rvq": "PCA + RVQ", "means": "means alone", "sz3_abs": "SZ3, absolute", "sz3_rel": "SZ3, relative",
         "sz3_abs_rel": "SZ3, both", "zfp": "ZFP"}
MEANINGS = {  # of the metrics, by the field of the errors
    "error_percent": "mean deviation over mean magnitude, channel by channel",
    "variance_percent": "mean squared deviation over the variance about the mean, channel by channel",
    "snr_db": "the variance about the mean over the mean squared deviation, in decibels",
    "absolute_error": "the mean deviation of the worst channel, in its unit or tolerance",
}
PICTURES = {  # among the results that a run keeps
    "reconstructions": "analysis/reconstructions.svg", "codebook_usage": "analysis/codebook_usage.svg",
    "estimates": "remarks/estimates.svg", "disturbances": "remarks/disturbances.svg"}


@dataclass(frozen=True)
class Subject:
    """What the page is about."""

    name: str
    version: str
    bundle: Path
    bundle_sha256: str
    pictures: Path  # a folder with PICTURES; whatever is absent is left out
    verdicts: Sequence[Verdict]
    gate: float  # of the error
    metric: Metric
    champion: Champion | None  # whom it is compared with
    facts: Mapping[str, str]  # of the release: run, commit, dates, who and why


def write_report(subject: Subject, path: Path) -> None:
    """Write the page to ``path``, whole or not at all.

    Raises:
        EdgeCodecError: a file of the bundle is absent or damaged.
    """
    write_text(path, rendered(packaged("registry/report/page.html.j2"), _content(subject)))


def rendered(page: Path, content: Mapping[str, Any]) -> str:
    """The template ``page`` in the style of all reports."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(figure=lambda value, digits=3: shown(value, digits), bytes=_bytes)
    style = packaged("registry/report/style.css").read_text(encoding="utf-8")
    return environment.from_string(page.read_text(encoding="utf-8")).render(content, style=style)


def _content(subject: Subject) -> dict[str, Any]:
    codec = load_codec(subject.bundle / "encoder")
    measured = Measurements.read(subject.bundle / "metrics")
    report = read_json(subject.bundle / "verification" / "report.json")
    rates = figures_of_rates(codec, measured)
    return {
        "subject": subject, "meaning": MEANINGS[subject.metric.field],
        "interval": lambda rate: measured.entry(f"rate_distortion.intervals.{rate.rate}"),
        "error": lambda rate: f"{shown(getattr(rate, subject.metric.field), 3)}{subject.metric.unit}",
        "codec": codec, "rates": rates, "seconds": codec.samples / codec.sample_rate_hz,
        "verification": {name: measured.entry(f"verification.{name}") for name in (
            "target", "simulator", "evidence", "bit_exact", "l1_bytes", "l2_bytes", "code_bytes", "clock_mhz")},
        "checks": report.get("checks", []), "remark": report.get("remark", ""),
        "codewords": max(PacketFormat.of(codec).fixed_length.numbers),
        "codebooks": {name: measured.number(f"codebooks.{name}") for name in (
            "least_usage", "mean_perplexity", "mean_reseed_rate", "dead", "near_duplicates")},
        "told_apart": measured.entry("damage.label") or "damage", "damage": measured.entry("damage.accuracy") or {},
        "by_group": errors_of_groups(measured, [each.rate for each in rates], subject.metric),
        "rate_distortion": _rate_distortion(subject, measured),
        "cycles": _cycles(measured), "memory": _memory(subject.bundle), "energy": _energy(report),
        "pictures": _pictures(subject.pictures),
        "lineage": read_json(subject.bundle / "lineage.json"),
    }


def _rate_distortion(subject: Subject, measured: Measurements) -> str | None:
    def curve(name: str, label: str) -> charts.ErrorCurve:
        points = [point for _, point in sorted(codecs[name].items(), key=lambda item: int(item[0]))]
        return charts.ErrorCurve(label, [point["bits_per_window"] for point in points],
                                 [point[metric.field] for point in points])

    metric = subject.metric
    codecs: Mapping[str, Any] = measured.entry(VALIDATION) or {}
    if OWN not in codecs:
        return None
    champion = None
    if subject.champion is not None and subject.champion.bits_per_window \
            and ERROR_METRICS[subject.champion.metric] == metric:
        known = subject.champion
        rates = sorted(known.errors.keys() & known.bits_per_window.keys())
        champion = charts.ErrorCurve(f"champion, version {known.version}",
                                     [known.bits_per_window[rate] for rate in rates],
                                     [known.errors[rate] for rate in rates])
    rivals = [curve(name, NAMES.get(name, name)) for name in codecs if name != OWN]
    return charts.rate_distortion(curve(OWN, f"version {subject.version}"), champion, rivals,
                                  subject.gate, metric)


def _cycles(measured: Measurements) -> str | None:
    layers: Sequence[Mapping[str, Any]] = measured.entry("verification.encoder.layers") or []
    quantizer: Mapping[str, Any] = measured.entry("verification.rvq") or {}
    if not layers:
        return None
    return charts.cycles([*(layer["name"] for layer in layers), *(f"quantizer, rate {rate}" for rate in quantizer)],
                         [*(layer["cycles"] for layer in layers), *(each["cycles"] for each in quantizer.values())])


def _memory(bundle: Path) -> dict[str, Any] | None:
    path = bundle / "firmware" / "memory_map.json"
    if not path.is_file():
        return None
    planned = read_json(path)
    return {**planned, "picture": charts.memory(planned["blocks"], planned["steps"], planned["arena_bytes"])}


def _energy(report: Mapping[str, Any]) -> dict[str, Any] | None:
    energy = report.get("energy")
    if energy is None:
        return None
    by_rate = dict(sorted(energy["by_rate"].items(), key=lambda item: int(item[0])))
    picture = charts.energy(list(by_rate), [each["compute_millijoules"] for each in by_rate.values()],
                            [each["radio_millijoules"] for each in by_rate.values()], energy["raw_window_millijoules"])
    return {**energy, "by_rate": by_rate, "picture": picture}


def _pictures(folder: Path) -> dict[str, str | None]:
    paths = {name: folder / file for name, file in PICTURES.items()}
    return {name: charts.svg_uri(BytesIO(path.read_bytes())) if path.is_file() else None
            for name, path in paths.items()}


def _bytes(value: Any) -> str:
    return f"{value / 1000:,.1f} kB" if isinstance(value, int | float) and math.isfinite(value) else "-"
