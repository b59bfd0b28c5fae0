"""The few figures by which runs are compared in MLflow: names there, and where the metrics files have them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from edgecodec.registry.measurements import Measurements

PER_RATE = {
    "error_percent": "rate_distortion.splits.validation.edgecodec.{rate}.error_percent",
    "pointwise_error_percent": "rate_distortion.splits.validation.edgecodec.{rate}.pointwise_error_percent",
    "nmse_percent": "rate_distortion.splits.validation.edgecodec.{rate}.nmse_percent",
    "bits_per_window": "rate_distortion.splits.validation.edgecodec.{rate}.bits_per_window",
    "damage_accuracy": "damage.accuracy.heave_line.by_rate.{rate}.decoded",
    "latency_milliseconds": "verification.total_milliseconds.{rate}",
    "energy_millijoules": "verification.energy_millijoules.{rate}",
}
PER_RUN = {
    "codebook.least_usage": "codebooks.least_usage",
    "codebook.mean_perplexity": "codebooks.mean_perplexity",
    "codebook.mean_reseed_rate": "codebooks.mean_reseed_rate",
    "codebook.dead": "codebooks.dead",
    "damage_accuracy.raw": "damage.accuracy.heave_line.raw",
    "float16.relative_error_growth": "float16.relative_error_growth",
    "target.encoder_cycles": "verification.encoder.cycles",
    "target.encoder_macs": "verification.encoder.macs",
    "target.l1_bytes": "verification.l1_bytes",
    "target.l2_bytes": "verification.l2_bytes",
    "target.code_bytes": "verification.code_bytes",
    "data.train_windows": "windows.splits.train.windows",
    "data.validation_windows": "windows.splits.validation.windows",
}


def summary(measured: Measurements, rates: Iterable[int]) -> dict[str, float]:
    """The figures that were measured, under their names in MLflow (``error_percent.rate1``)."""
    where = {f"{name}.rate{rate}": path.format(rate=rate) for name, path in PER_RATE.items() for rate in rates}
    found = {name: measured.number(path) for name, path in (where | PER_RUN).items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}
