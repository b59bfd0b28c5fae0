"""What each rate of a codec costs and reaches: bits on air, error, time and energy on the target."""

from __future__ import annotations

from dataclasses import dataclass

from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, compression_ratios
from edgecodec.registry.measurements import Measurements


@dataclass(frozen=True)
class RateFigures:
    """Figures of one rate; NaN where nothing was measured."""

    rate: int
    payload_bits: int
    packet_bytes: int
    payload_ratio: float  # compression as the paper counts it: indices alone
    on_air_ratio: float  # header, checksum and padding counted
    error_percent: float  # this and the next two on the validation split
    pointwise_error_percent: float
    nmse_percent: float
    milliseconds: float  # on the target, encoder and quantizer
    millijoules: float  # computing and sending


def figures_of_rates(codec: ExportedCodec, measured: Measurements) -> list[RateFigures]:
    """Figures of every rate, from the codec itself and from what the stages measured."""
    form = PacketFormat.of(codec)
    return [_figures(codec, form, measured, rate) for rate in form.rates]


def _figures(codec: ExportedCodec, form: PacketFormat, measured: Measurements, rate: int) -> RateFigures:
    ratios = compression_ratios(codec, rate)
    errors = f"rate_distortion.splits.validation.edgecodec.{rate}"
    return RateFigures(
        rate=rate, payload_bits=form.payload_bits(rate), packet_bytes=form.packet_bytes(rate),
        payload_ratio=ratios.payload, on_air_ratio=ratios.on_air,
        error_percent=measured.number(f"{errors}.error_percent"),
        pointwise_error_percent=measured.number(f"{errors}.pointwise_error_percent"),
        nmse_percent=measured.number(f"{errors}.nmse_percent"),
        milliseconds=measured.number(f"verification.total_milliseconds.{rate}"),
        millijoules=measured.number(f"verification.energy_millijoules.{rate}"),
    )
