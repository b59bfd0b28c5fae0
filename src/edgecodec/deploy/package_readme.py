"""README.md of the firmware folder, for who builds it into a node. Its figures are the plan's: none can be stale."""

from __future__ import annotations

import json
import re

from edgecodec.deploy.c_source import index_count
from edgecodec.deploy.memory import ALIGNMENT, CLUSTER_WORKERS, MemoryPlan
from edgecodec.deploy.templates import fill_template
from edgecodec.packets.network import RUN_PAIRS, Arithmetic, ExportedCodec, Quantizer
from edgecodec.packets.packet import HEADER_BYTES, PacketFormat, compression_ratios

_STATUS = re.compile(r"^    (EC_OK|EC_ERROR_[A-Z]+) = ([0-9]+), *(?:/\* (.+) \*/)?$", re.MULTILINE)

_ARITHMETICS: dict[Arithmetic, str] = {
    "dotpex": "Their products are added up in float32 (profile `dotpex`).",
    "lanes": f"Their products are added up in float16, even and odd ones apart, for {RUN_PAIRS} pairs; what these\n"
             "give is added up in float32 (profile `lanes`).",
}


def readme(codec: ExportedCodec, plan: MemoryPlan, header: str, l1_stack_bytes: int) -> str:
    """The text of README.md.

    Args:
        header: the text of edgecodec.h, which tells what each status means.
        l1_stack_bytes: of a PULP cluster's L1, for the stacks of all cores.
    """
    form = PacketFormat.of(codec)
    rates = "\n".join(
        f"| {rate} | {form.fixed_length.stages(rate)} | {form.payload_bits(rate)} | {form.packet_bytes(rate)} "
        f"| {ratios.payload:.0f} | {ratios.on_air:.0f} |"
        for rate in form.rates for ratios in [compression_ratios(codec, rate)])
    return fill_template(
        "README.md",
        CODEC=codec.codec,
        MODEL_HASH=codec.model_hash,
        MODEL_MARK=codec.model_hash[:16],
        SAMPLES=str(codec.samples),
        CHANNELS=str(codec.channels),
        CHANNEL_NAMES=_channels_text(codec.channel_names),
        SAMPLE_RATE=f"{codec.sample_rate_hz:g}",
        MACS=f"{codec.multiply_accumulates:,}",
        QUANTIZER_MACS=f"{codec.quantizer.multiply_accumulates:,}",
        REGIMES=_regimes_text(codec.quantizer),
        MEMORY_MAP=plan.table().rstrip(),
        RATES=rates,
        CODED="".join(_coded_text(each, form) for each in codec.quantizers.values() if each.tables is not None),
        HEADER_BYTES=HEADER_BYTES,
        PROFILE=codec.arithmetic,
        ARITHMETIC=_ARITHMETICS[codec.arithmetic],
        ARENA_BYTES=f"{plan.arena_bytes:,}",
        WINDOW_BYTES=f"{plan.window_bytes:,}",
        INDICES_BYTES=f"{2 * index_count(codec):,}",
        PACKET_BYTES=f"{form.packet_bytes_max(form.rates[-1]):,}",
        MODEL_BYTES=f"{plan.weights_bytes + plan.codebooks_bytes:,}",
        STATUSES="\n".join(f"| `{name}` | {number} | {meaning} |" for name, number, meaning in _STATUS.findall(header)),
        L1_STACK_BYTES=f"{l1_stack_bytes:,}",
        CORE_STACK_BYTES=f"{l1_stack_bytes // CLUSTER_WORKERS // ALIGNMENT * ALIGNMENT:,}",
    )


def _channels_text(names: tuple[str, ...]) -> str:
    """A list in JSON, eight names a line."""
    quoted = [json.dumps(name, ensure_ascii=False) for name in names]
    return "[" + ",\n ".join(", ".join(quoted[first:first + 8]) for first in range(0, len(quoted), 8)) + "]"


def _regimes_text(quantizer: Quantizer) -> str:
    if quantizer.regimes == 1:
        return "All windows share the same codebooks."
    return (f"Windows fall into {quantizer.regimes} regimes, each with codebooks of its own. All regimes run the first "
            f"{quantizer.contested_stages} stages,\nthose of rate 1; the one that leaves the least energy runs the "
            "others alone. A window's first index is its regime.")


def _coded_text(quantizer: Quantizer, form: PacketFormat) -> str:
    rates = "\n".join(f"| {rate} | {quantizer.stages_of_rate[rate - 1]} | {form.packet_bytes_max(rate)} |"
                      for rate in form.rates)
    return f"""
## Coded packets

The model has a second kind of packet, of the same rates: `ec_encode_coded` and `ec_pack_coded` in place of `ec_encode`
and `ec_pack` (whose indices are not the same). Its codewords are chosen so that their indices are cheap to code: at
about the same mean length the error is lower, but a packet is as long as its window is unlikely. Send coded packets
where the radio takes frames of any length and energy counts; fixed-length ones where a slot's size is fixed. A receiver
tells them apart by the packet's first byte, so that a node may choose for every window anew.

| rate | stages | packet bytes, at most |
|---|---|---|
{rates}

Quantizer, all stages: {quantizer.multiply_accumulates:,} multiply-accumulates. Both kinds run the same layers and
use the same arena.
"""
