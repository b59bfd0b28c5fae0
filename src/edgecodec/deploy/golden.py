"""Golden vectors: windows and what the firmware must print for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.oracle import Encoding, Quantized, fnv1a
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, pack


def expected_transcript(codec: ExportedCodec, encoding: Encoding) -> str:
    """What the verification program (firmware/verify/) prints for the windows of ``encoding``, by the oracle.

    Cycles are 0, as on the host, and there is one worker.
    """
    lines = [f"model {codec.model_hash[:16]} workers 1"]
    for window in range(len(encoding.latent)):
        lines.append(f"window {window}")
        lines += _layer_lines(encoding, window)
        for kind, quantized in encoding.quantized.items():
            packed = packets(codec, encoding, window, kind)
            lines += [kind.prefix(" ") + line
                      for line in (*_quantizer_lines(quantized, window), *_packet_lines(packed, window))]
    return "\n".join([*lines, "done"]) + "\n"


def packets(codec: ExportedCodec, encoding: Encoding, window: int, kind: PacketKind) -> dict[int, bytes]:
    """The packet of one window at every rate; its sequence number is the window's number."""
    form, indices = PacketFormat.of(codec), encoding.indices(kind)[window]
    return {rate: pack(form, rate, window & 0xFFFF, indices, kind) for rate in form.rates}


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
        yield f"regime {quantized.indices.regime[window]} hash {fnv1a(quantized.energies[window])} cycles 0"
    for stage, words in enumerate(quantized.indices.words[window, contested:], contested):
        yield from _stage_lines(window, stage, words)


def _stage_lines(window: int, stage: int, words: NDArray[np.uint16]) -> Iterator[str]:
    yield f"stage {stage} hash {fnv1a(words)} cycles 0"
    yield f"indices {window} {stage} {' '.join(str(word) for word in words)}"
