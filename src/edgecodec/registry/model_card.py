"""The model card: what a stranger needs to know of a bundle, all of it from the bundle's own figures."""

from __future__ import annotations

import math

from edgecodec.deploy.network import ExportedCodec
from edgecodec.deploy.packet import PacketFormat, compression_ratios
from edgecodec.registry.measurements import Measurements

CARD = """\
# EdgeCodec model {model_id}

Compresses windows of {channels} channels x {samples} samples at {sample_rate:g} Hz ({seconds:g} s) on a
microcontroller, and rebuilds them here. Codec `{codec}`; model hash

    {model_hash}

## What it reaches

Errors are those of the low-passed window, over the central 64 % of its samples, on the validation split.
The first compression ratio counts the payload alone, the second the whole packet with header and checksum.

| rate | payload bits | packet bytes | ratio, payload | ratio, on air | error % | pointwise % | NMSE % | ms | mJ |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{rates}

Target {target}, simulator {simulator}: latency {evidence}; bit-exact {bit_exact};
L1 {l1_bytes} bytes, L2 {l2_bytes} bytes, code {code_bytes} bytes.

## How to decode

    import mlflow
    model = mlflow.pyfunc.load_model("models:/edgecodec@candidate")
    table = model.predict(pandas.DataFrame({{"packet": [...]}}))      # columns window, rate, sequence

`window` is flat, channel by channel: `numpy.reshape(window, ({channels}, {samples}))`.
Channels, in order: {channel_names}.

## How to encode

`firmware/` is portable C without dynamic memory; its README shows the calls, `firmware/golden` the expected bits.
`encoder/` holds the same float16 weights for `edgecodec encode`.

## What it is not for

Windows of other sensors, other units or another sample rate: train on them first. A packet of another model is refused.
"""

ROW = ("| {rate} | {bits} | {packet} | {payload:.0f} | {on_air:.0f} | {error_percent} | {pointwise_error_percent} | "
       "{nmse_percent} | {milliseconds} | {millijoules} |")


def model_card(codec: ExportedCodec, measured: Measurements) -> str:
    """The card in Markdown."""
    return CARD.format(
        model_id=codec.model_hash[:8], model_hash=codec.model_hash, codec=codec.codec,
        channels=codec.channels, samples=codec.samples, sample_rate=codec.sample_rate_hz,
        seconds=codec.samples / codec.sample_rate_hz, channel_names=", ".join(codec.channel_names),
        rates="\n".join(_row(codec, measured, rate) for rate in PacketFormat.of(codec).rates),
        **{name: _whole(measured.number(f"verification.{name}")) for name in ("l1_bytes", "l2_bytes", "code_bytes")},
        **{name: _text(measured.entry(f"verification.{name}"))
           for name in ("target", "simulator", "evidence", "bit_exact")},
    )


def _row(codec: ExportedCodec, measured: Measurements, rate: int) -> str:
    form, ratios = PacketFormat.of(codec), compression_ratios(codec, rate)
    errors = f"rate_distortion.splits.validation.edgecodec.{rate}"
    return ROW.format(
        rate=rate, bits=form.payload_bits(rate), packet=form.packet_bytes(rate),
        payload=ratios.payload, on_air=ratios.on_air,
        milliseconds=_digits(measured.number(f"verification.total_milliseconds.{rate}")),
        millijoules=_digits(measured.number(f"verification.energy_millijoules.{rate}")),
        **{name: _digits(measured.number(f"{errors}.{name}"))
           for name in ("error_percent", "pointwise_error_percent", "nmse_percent")},
    )


def _digits(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not measured"


def _whole(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "not measured"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not known" if value is None else str(value)
