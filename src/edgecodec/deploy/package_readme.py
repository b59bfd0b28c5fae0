"""README.md of the firmware folder, for who builds it into a node. Its figures are the plan's: none can be stale."""

from __future__ import annotations

import json
import re

from edgecodec.deploy.c_source import index_count, shape_hash
from edgecodec.deploy.memory import MemoryPlan, core_stack_bytes
from edgecodec.deploy.templates import filled
from edgecodec.packets.frame import frame_bytes
from edgecodec.packets.link import Link
from edgecodec.packets.network import RUN_PAIRS, ExportedCodec
from edgecodec.packets.packet import HEADER_BYTES, PacketFormat, compression_ratios

_STATUS = re.compile(r"^    (EC_OK|EC_ERROR_[A-Z]+) = ([0-9]+), *(?:/\* (.+) \*/)?$", re.MULTILINE)


def readme(codec: ExportedCodec, plan: MemoryPlan, alone: MemoryPlan, header: str, l1_stack_bytes: int) -> str:
    """The text of README.md.

    Args:
        plan: of a team's memory; ``alone`` that of a single worker.
        header: the text of edgecodec.h, which tells what each status means.
        l1_stack_bytes: of a PULP cluster's L1, for the stacks of all cores.
    """
    form = PacketFormat.of(codec)
    return filled(
        "README.md", codec=codec, coded=codec.coded, plan=plan, alone=alone,
        shape_hash=shape_hash(codec, plan, alone),
        form=form, packet_bytes=max(map(form.packet_bytes_max, form.rates)), frame_bytes=frame_bytes, links=Link,
        compression_ratios=compression_ratios,
        index_count=index_count, number="{:,}".format, channel_names=_channels_text(codec.channel_names),
        header_bytes=HEADER_BYTES, run_pairs=RUN_PAIRS, statuses=_STATUS.findall(header),
        l1_stack_bytes=l1_stack_bytes, core_stack_bytes=core_stack_bytes(l1_stack_bytes))


def _channels_text(names: tuple[str, ...]) -> str:
    """A list in JSON, eight names a line."""
    quoted = [json.dumps(name, ensure_ascii=False) for name in names]
    return "[" + ",\n ".join(", ".join(quoted[first:first + 8]) for first in range(0, len(quoted), 8)) + "]"
