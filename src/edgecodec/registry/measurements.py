"""The numbers that the stages left in ``artifacts/metrics/``: read by dotted name, by rate, and in summary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecodec.metrics import Metric, shown_groups
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, compression_ratios
from edgecodec.storage import read_json

VALIDATION_DIGEST = "windows.splits.validation.digest"  # names the windows that errors are measured on
VALIDATION = "rate_distortion.splits.validation"  # every codec on these windows
CODEC = f"{VALIDATION}.edgecodec"  # ours
OF_RATE = {  # figures by which runs are compared: their names in MLflow, and where metrics files have them
    "error_percent": f"{CODEC}.{{rate}}.error_percent",
    "pointwise_error_percent": f"{CODEC}.{{rate}}.pointwise_error_percent",
    "nmse_percent": f"{CODEC}.{{rate}}.nmse_percent",
    "variance_percent": f"{CODEC}.{{rate}}.variance_percent",
    "snr_db": f"{CODEC}.{{rate}}.snr_db",
    "absolute_error": f"{CODEC}.{{rate}}.absolute_error",
    "spread_percent": f"{CODEC}.{{rate}}.spread_percent",
    "constant_percent": f"{CODEC}.{{rate}}.constant_percent",
    "share_of_means": f"{CODEC}.{{rate}}.share_of_means",
    "bits_per_window": f"{CODEC}.{{rate}}.bits_per_window",
    "damage_accuracy": "damage.accuracy.heave_line.by_rate.{rate}.decoded",
    "latency_milliseconds": "verification.total_milliseconds.{rate}",
    "energy_millijoules": "verification.energy_millijoules.{rate}",
}
OF_RUN = {
    "codebook.least_usage": "codebooks.least_usage",
    "codebook.mean_perplexity": "codebooks.mean_perplexity",
    "codebook.mean_reseed_rate": "codebooks.mean_reseed_rate",
    "codebook.dead": "codebooks.dead",
    "damage_accuracy.raw": "damage.accuracy.heave_line.raw",
    "remarks.least_correlation": "remarks.least_correlation",
    "remarks.largest_deviation": "remarks.largest_deviation",
    "remarks.bits_within_bound": "remarks.within.fixed_length.mean_bits",
    "float16.relative_error_growth": "float16.relative_error_growth",
    "target.encoder_cycles": "verification.encoder.cycles",
    "target.encoder_macs": "verification.encoder.macs",
    "target.l1_bytes": "verification.l1_bytes",
    "target.l2_bytes": "verification.l2_bytes",
    "target.code_bytes": "verification.code_bytes",
    "data.train_windows": "windows.splits.train.windows",
    "data.validation_windows": "windows.splits.validation.windows",
}


@dataclass(frozen=True)
class Measurements:
    """The content of every metrics file under its stem: ``verification.total_milliseconds.4``."""

    files: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Measurements:
        """Read ``folder``/*.json.

        Raises:
            EdgeCodecError: a file is no JSON.
        """
        return cls({path.stem: read_json(path) for path in sorted(folder.glob("*.json"))})

    def entry(self, name: str) -> Any:
        """Whatever stands at ``name``; None if nothing does."""
        found: Any = self.files
        for part in name.split("."):
            if not isinstance(found, Mapping) or part not in found:
                return None
            found = found[part]
        return found

    def number(self, name: str) -> float:
        """The number at ``name``; NaN if there is none."""
        found = self.entry(name)
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else math.nan

    def of_rate(self, name: str, rate: int) -> float:
        """The figure ``name`` of :data:`OF_RATE`; NaN if there is none."""
        return self.number(OF_RATE[name].format(rate=rate))

    def summary(self, rates: Iterable[int]) -> dict[str, float]:
        """The figures that were measured, under their names in MLflow (``error_percent.rate1``)."""
        found = {f"{name}.rate{rate}": self.of_rate(name, rate) for name in OF_RATE for rate in rates}
        found |= {name: self.number(path) for name, path in OF_RUN.items()}
        return {name: value for name, value in found.items() if math.isfinite(value)}


@dataclass(frozen=True)
class RateFigures:
    """What one rate of a codec costs and reaches; NaN where nothing was measured."""

    rate: int
    payload_bits: int
    packet_bytes: int
    payload_ratio: float  # compression as the paper counts it: indices alone
    on_air_ratio: float  # header, checksum and padding counted
    error_percent: float  # this and the next six on the validation split
    pointwise_error_percent: float
    nmse_percent: float
    variance_percent: float
    snr_db: float
    absolute_error: float
    share_of_means: float
    latency_milliseconds: float  # on the target, encoder and quantizer
    energy_millijoules: float  # computing and sending


def figures_of_rates(codec: ExportedCodec, measured: Measurements) -> list[RateFigures]:
    """Figures of every rate, from the codec itself and from what the stages measured."""
    form = PacketFormat.of(codec)
    found = []
    for rate in form.rates:
        ratios = compression_ratios(codec, rate)
        found.append(RateFigures(
            rate, form.payload_bits(rate), form.packet_bytes(rate), ratios.payload, ratios.on_air,
            *(measured.of_rate(name, rate) for name in (
                "error_percent", "pointwise_error_percent", "nmse_percent", "variance_percent", "snr_db",
                "absolute_error", "share_of_means", "latency_milliseconds", "energy_millijoules"))))
    return found


def errors_of_groups(measured: Measurements, rates: Sequence[int], metric: Metric) -> dict[str, list[float]]:
    """Our codec's errors at ``rates`` by ``metric``, by the names of groups. Older versions have wind speeds alone."""
    def at(rate: int) -> dict[str, float]:
        point: Mapping[str, Any] = measured.entry(f"{CODEC}.{rate}") or {}
        groups = {f"wind {speed}m/s": found for speed, found in point.get("by_wind", {}).items()}
        groups |= point.get("by_group", {})
        return {name: found.get(metric.field, math.nan) for name, found in groups.items()}

    by_rate = [at(rate) for rate in rates]
    return {name: [found.get(name, math.nan) for found in by_rate] for name in shown_groups(by_rate[0], metric)}
