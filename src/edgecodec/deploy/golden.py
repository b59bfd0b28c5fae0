"""Golden vectors: windows and what the firmware must print for them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.oracle import Encoding, Quantized, fnv1a
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import Remarks
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, pack, pack_escape

RATES_MAX, CHANNELS_MAX = 16, 1024  # EC_RATES_MAX, EC_CHANNELS_MAX
ESCAPE_BOUND = 3.0  # per cent, of the escapes that are verified


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
            remarks = [] if codec.monitor is None else [_remarks_line(encoding.remarks[kind][window])]
            lines += [kind.prefix(" ") + line for line in (
                *_quantizer_lines(quantized, window), *remarks, *_packet_lines("pack", packed))]
            if kind is PacketKind.FIXED_LENGTH and encoding.escapable is not None:
                lines.append(_escape_line(escape_of(codec, encoding, window, ESCAPE_BOUND)))
            if window == 0:
                pushed = {max(packed): packed[max(packed)]}
                lines += [kind.prefix(" ") + line for line in (
                    *_packet_lines("chain", packed), *_packet_lines("pushed", pushed))]
    return "\n".join([*lines, "done"]) + "\n"


def packets(codec: ExportedCodec, encoding: Encoding, window: int, kind: PacketKind) -> dict[int, bytes]:
    """The packet of one window at every rate; its sequence number is the window's number."""
    form, indices = PacketFormat.of(codec), encoding.indices(kind)[window]
    remarks = None if codec.monitor is None else encoding.remarks[kind][window]
    return {rate: pack(form, rate, window & 0xFFFF, indices, kind, remarks) for rate in form.rates}


def escape_of(codec: ExportedCodec, encoding: Encoding, window: int, bound: float) -> bytes:
    """The escape of one window within ``bound`` per cent, of a codec with a monitor."""
    assert encoding.escapable is not None
    remarks = encoding.remarks[PacketKind.FIXED_LENGTH][window]
    return pack_escape(PacketFormat.of(codec), window & 0xFFFF, encoding.escapable.bins[window],
                       float(encoding.escapable.of_one_percent[window]), bound, remarks)


def _layer_lines(encoding: Encoding, window: int) -> Iterator[str]:
    for step, (name, outputs) in enumerate(encoding.layers.items()):
        yield f"layer {step} {name} hash {fnv1a(outputs[window])} cycles 0"


def _packet_lines(what: str, packets: dict[int, bytes]) -> Iterator[str]:
    for rate, packet in packets.items():
        yield f"{what} {rate} hash {fnv1a(np.frombuffer(packet, np.uint8))} cycles 0"


def _escape_line(packet: bytes) -> str:
    return f"escape {len(packet)} hash {fnv1a(np.frombuffer(packet, np.uint8))} cycles 0"


def _remarks_line(remarks: Remarks) -> str:
    return f"remarks {remarks.faulty.sum()} hash {fnv1a(np.frombuffer(remarks_on_node(remarks), np.uint8))} cycles 0"


def remarks_on_node(remarks: Remarks) -> bytes:
    """One window's remarks as C has them: ec_remarks, with little-endian numbers."""
    rates = np.zeros((2, RATES_MAX), "<f4")
    rates[:, : len(remarks.error_percent)] = remarks.error_percent, remarks.nmse_percent
    mask = np.packbits(np.pad(remarks.faulty, (0, CHANNELS_MAX - len(remarks.faulty))), bitorder="little")
    numbers = struct.pack("<ffI", remarks.margin, remarks.unlike, remarks.faulty.sum())
    return b"".join((rates.tobytes(), numbers, mask.tobytes()))


def _quantizer_lines(quantized: Quantized, window: int) -> Iterator[str]:
    contested = len(quantized.candidates[window])
    competing = quantized.energies.shape[1] > 1
    for stage, candidates in enumerate(quantized.candidates[window]):
        yield from _stage_lines(window, stage, candidates)
    if competing:
        yield f"regime {quantized.indices.regime[window]} hash {fnv1a(quantized.energies[window])} cycles 0"
    for stage, words in enumerate(quantized.indices.words[window, contested:], contested):
        yield from _stage_lines(window, stage, words)


def _stage_lines(window: int, stage: int, words: NDArray[np.uint16]) -> Iterator[str]:
    yield f"stage {stage} hash {fnv1a(words)} cycles 0"
    yield f"indices {window} {stage} {' '.join(str(word) for word in words)}"
