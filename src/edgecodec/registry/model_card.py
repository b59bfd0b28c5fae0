"""The model card: what a stranger needs to know of a bundle, all of it from the bundle's own figures."""

from __future__ import annotations

import json

from edgecodec.console import markdown_table
from edgecodec.packets.network import ExportedCodec
from edgecodec.registry.measurements import Measurements, figures_of_rates

CARD = """\
# EdgeCodec model {model_id}

Compresses windows of {channels} channels x {samples} samples at {sample_rate:g} Hz ({seconds:g} s) on a
microcontroller, and rebuilds them here. Codec `{codec}`; model hash

    {model_hash}

## What it reaches

Errors are those of the low-passed window, over the central 64 % of its samples, on the validation split.
"Of means" is the squared error beside what each window's exact means alone leave.
The first compression ratio counts the payload alone, the second the whole packet with header and checksum.

{costs}

{errors}

Target {target}, simulator {simulator}: latency {evidence}; bit-exact: {bit_exact};
L1 {l1_bytes} bytes, L2 {l2_bytes} bytes, code {code_bytes} bytes.

## How to decode

    import mlflow, pandas
    model = mlflow.pyfunc.load_model("models:/<name>/<version>")
    table = model.predict(pandas.DataFrame({{"packet": [...]}}))

The table has the columns window, rate, sequence and error. Rates may mix, and so may fixed-length and coded packets. A
packet that cannot be decoded is refused by its number; with `params={{"damaged": "keep"}}` it has a row without a
window, whose `error` says why.
`window` is flat, channel by channel: `numpy.reshape(window, ({channels}, {samples}))`.
Channels, in order: {channel_names}.

## How to encode

`firmware/` is portable C without dynamic memory; its README shows the calls, `firmware/golden` the expected bits.
`encoder/` holds the same float16 weights for `edgecodec encode`.

## What it is not for

Windows of other sensors, other units or another sample rate: train on them first. A packet of another model is refused.
"""


def _channels_text(names: tuple[str, ...]) -> str:
    """A list in JSON, without a sign that Markdown takes for the start of HTML."""
    return json.dumps(names, ensure_ascii=False).replace("<", "\\u003c")


def model_card(codec: ExportedCodec, measured: Measurements) -> str:
    """The card in Markdown. A figure that was not measured reads ``nan`` or ``None``."""
    rates = figures_of_rates(codec, measured)
    costs = markdown_table(("rate", "payload bits", "packet bytes", "ratio, payload", "ratio, on air"), [
        (f"{each.rate}", f"{each.payload_bits}", f"{each.packet_bytes}", f"{each.payload_ratio:.0f}",
         f"{each.on_air_ratio:.0f}") for each in rates])
    errors = markdown_table((
        "rate", "error %", "pointwise %", "NMSE %", "of variance %", "SNR dB", "of means", "ms", "mJ"), [
        (f"{each.rate}", *(f"{figure:.3g}" for figure in (
            each.error_percent, each.pointwise_error_percent, each.nmse_percent, each.variance_percent, each.snr_db,
            each.share_of_means, each.latency_milliseconds,
            each.energy_millijoules))) for each in rates])
    return CARD.format(
        model_id=codec.model_hash[:8], model_hash=codec.model_hash, codec=codec.codec,
        channels=codec.channels, samples=codec.samples, sample_rate=codec.sample_rate_hz,
        seconds=codec.samples / codec.sample_rate_hz, channel_names=_channels_text(codec.channel_names),
        costs=costs, errors=errors,
        **{name: f"{measured.number(f'verification.{name}'):,.0f}" for name in ("l1_bytes", "l2_bytes", "code_bytes")},
        **{name: measured.entry(f"verification.{name}") for name in ("target", "simulator", "evidence", "bit_exact")},
    )
