"""Golden vectors: windows and what the firmware must print for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.oracle import Encoding, Quantized, fnv1a
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, PacketKind, pack


def expected_transcript(codec: ExportedCodec, encoding: Encoding) -> str:
    """What the verification program (firmware/verify/) prints for the windows of ``encoding``, by the oracle.

    Cycles are 0, as on the host, and there is one worker.
    """
    lines = [f"model {codec.model_hash[:16]} workers 1"]
    for window in range(len(encoding.indices)):
        lines.append(f"window {window}")
        lines += _layer_lines(encoding, window)
        lines += _quantizer_lines(encoding.quantized, window)
        lines += _packet_lines(packets(codec, encoding, window), window)
        if encoding.coded is not None:
            coded = (*_quantizer_lines(encoding.coded, window),
                     *_packet_lines(packets(codec, encoding, window, PacketKind.CODED), window))
            lines += [f"coded {line}" for line in coded]
    return "\n".join([*lines, "done"]) + "\n"


def packets(codec: ExportedCodec, encoding: Encoding, window: int,
            kind: PacketKind = PacketKind.FIXED_LENGTH) -> dict[int, bytes]:
    """The packet of one window at every rate; its sequence number is the window's number."""
    form = PacketFormat.of(codec)
    indices = encoding.coded_indices if kind is PacketKind.CODED else encoding.indices
    return {rate: pack(form, rate, window & 0xFFFF, indices[window], kind) for rate in form.rates}


def _layer_lines(encoding: Encoding, window: int) -> Iterator[str]:
    for step, (name, outputs) in enumerate(encoding.layers.items()):
        yield f"layer {step} {name} hash {fnv1a(outputs[window])} cycles 0"


def _packet_lines(packets: dict[int, bytes], window: int) -> Iterator[str]:
    for what in ("pack", "chain") if window == 0 else ("pack",):
        for rate, packet in packets.items():
            yield f"{what} {rate} hash {fnv1a(np.frombuffer(packet, np.uint8))} cycles 0"


def _quantizer_lines(quantized: Quantized, window: int) -> Iterator[str]:
    contested = len(quantized.candidates[window])
    for stage, candidates in enumerate(quantized.candidates[window]):
        yield from _stage_lines(window, stage, candidates)
    if contested:
        yield f"regime {quantized.regime[window]} hash {fnv1a(quantized.energies[window])} cycles 0"
    for stage, indices in enumerate(quantized.indices[window, contested:], contested):
        yield from _stage_lines(window, stage, indices)


def _stage_lines(window: int, stage: int, indices: NDArray[np.uint16]) -> Iterator[str]:
    yield f"stage {stage} hash {fnv1a(indices)} cycles 0"
    yield f"indices {window} {stage} {' '.join(str(index) for index in indices)}"
