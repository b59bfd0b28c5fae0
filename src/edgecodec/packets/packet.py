"""Packets: what goes on air for one window.

::

    byte 0        kind (high four bits): 1 fixed-length, 2 coded; rate - 1 (low four bits)
    bytes 1..4    first four bytes of the model hash
    bytes 5, 6    sequence number, little-endian
    payload       fixed-length: indices, stage by stage, token by token, most significant bit first; zero bits up to a
                  whole byte. Those of the first stage tell the window's regime, all tokens the same
                  coded: the window's regime and words, arithmetically coded (:mod:`edgecodec.packets.entropy`); what
                  is not the one way to write a window is refused
    last 4 bytes  CRC-32 (IEEE 802.3, zlib.crc32) of everything before, little-endian

The rate in the header and the model say how long a fixed-length packet is, so that a receiver sees at once when one
was cut short. A coded packet is as long as the window is unlikely: its payload is what lies between header and
checksum. All kinds have the same rates, but codebooks of their own: the indices of one are not those of another.

Stages come in order: those of a lower rate are the first of a higher one's. A node chooses the rate when it packs. A
cut through the bytes is damage, and is refused as such. Every packet decodes by itself.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.payloads import PAYLOADS, FixedLengthPayloads, Payloads

_HEADER = struct.Struct("<B4sH")
_CHECKSUM = struct.Struct("<I")
HEADER_BYTES = _HEADER.size
OVERHEAD_BYTES = _HEADER.size + _CHECKSUM.size


@dataclass(frozen=True)
class PacketFormat:
    """What sender and receiver of one model agree on."""

    model_hash: str  # 64 hex digits
    kinds: Mapping[PacketKind, Payloads]  # fixed-length packets, and what others the model has, all of the same rates

    @classmethod
    def of(cls, codec: ExportedCodec) -> PacketFormat:
        return cls(codec.model_hash, {kind: PAYLOADS[kind](quantizer)
                                      for kind, quantizer in codec.quantizers.items()})

    @property
    def model_id(self) -> bytes:
        return bytes.fromhex(self.model_hash[:8])

    @property
    def fixed_length(self) -> FixedLengthPayloads:
        payloads = self.kinds[PacketKind.FIXED_LENGTH]
        assert isinstance(payloads, FixedLengthPayloads)
        return payloads

    @property
    def rates(self) -> range:
        return range(1, len(self.fixed_length.stages_of_rate) + 1)

    def payloads(self, kind: PacketKind) -> Payloads:
        """
        Raises:
            EdgeCodecError: the model has no packets of this kind.
        """
        if kind not in self.kinds:
            raise EdgeCodecError(f"packet: {kind.label}, but the model has no such packets; send fixed-length ones")
        return self.kinds[kind]

    def payload_bits(self, rate: int) -> int:
        """Of a fixed-length packet."""
        return self.fixed_length.bits(rate)

    def packet_bytes(self, rate: int) -> int:
        """Of a fixed-length packet."""
        return OVERHEAD_BYTES + self.fixed_length.size(rate)

    def packet_bytes_max(self, rate: int) -> int:
        """Bytes that are enough for a packet of any kind."""
        return OVERHEAD_BYTES + max(payloads.size(rate) for payloads in self.kinds.values())


@dataclass(frozen=True)
class Header:
    """What a packet tells before its model is known."""

    kind: int  # of PacketKind, or one that is not known here
    rate: int
    model_id: bytes
    sequence: int


@dataclass(frozen=True)
class SealedPacket:
    """A packet whose header and checksum are sound."""

    kind: PacketKind
    sequence: int
    rate: int
    payload: bytes


@dataclass(frozen=True)
class Packet:
    sequence: int
    rate: int
    indices: Indices  # of one window, with the stages of the rate
    kind: PacketKind = PacketKind.FIXED_LENGTH


@dataclass(frozen=True)
class CompressionRatios:
    """float32 window bits over bits sent."""

    payload: float  # as the paper counts: indices alone
    on_air: float  # header, checksum and padding counted


def pack(form: PacketFormat, rate: int, sequence: int, indices: Indices,
         kind: PacketKind = PacketKind.FIXED_LENGTH) -> bytes:
    """The packet of one window's ``indices``, of the stages of the rate or more, which are of the same kind.

    Raises:
        EdgeCodecError: no such rate or kind, a sequence number beyond 16 bits, too few stages, or an index without
            codeword.
    """
    if not 0 <= sequence <= 0xFFFF:
        raise EdgeCodecError(f"sequence number {sequence}: must be 0 to 65535; count modulo 65536")
    payloads = form.payloads(kind)
    stages, tokens = payloads.stages(rate), form.fixed_length.tokens
    if indices.words.ndim != 2 or indices.words.shape[0] < stages or indices.words.shape[1] != tokens:
        raise EdgeCodecError(f"indices: {list(indices.words.shape)}; rate {rate} needs [{stages}, {tokens}]")
    (payload,) = payloads.write(indices.sent(stages)[None])
    content = _HEADER.pack(kind << 4 | rate - 1, form.model_id, sequence) + payload
    return content + _CHECKSUM.pack(zlib.crc32(content))


def unpack(form: PacketFormat, data: bytes) -> Packet:
    """Read a packet of any kind.

    Raises:
        EdgeCodecError: as :func:`open_packet`, or no window has this payload.
    """
    sealed = open_packet(form, data)
    (indices,) = form.payloads(sealed.kind).read(sealed.rate, [sealed.payload])
    return Packet(sealed.sequence, sealed.rate, indices, sealed.kind)


def open_packet(form: PacketFormat, data: bytes) -> SealedPacket:
    """Check a packet and read its header; the payload stays as it is.

    Raises:
        EdgeCodecError: it is cut short or too long, of another kind or model, or damaged.
    """
    header = read_header(data)
    if header.kind not in list(PacketKind):
        raise EdgeCodecError(f"packet: of kind {header.kind}; this program reads "
                             f"{' and '.join(f'{kind:d} ({kind.label})' for kind in PacketKind)}")
    if header.model_id != form.model_id:
        raise EdgeCodecError(f"packet: of model {header.model_id.hex()}, but the decoder is model "
                             f"{form.model_id.hex()}; decode with the bundle that the node was given")
    kind = PacketKind(header.kind)
    payloads = form.payloads(kind)
    size = OVERHEAD_BYTES + payloads.size(header.rate)
    if payloads.always_full and len(data) != size:
        raise EdgeCodecError(f"packet: {len(data)} bytes where rate {header.rate} has {size}")
    return SealedPacket(kind, header.sequence, header.rate, data[_HEADER.size : -_CHECKSUM.size])


def read_header(data: bytes) -> Header:
    """Check a packet's bytes and read its header, whatever the model.

    Raises:
        EdgeCodecError: it is cut short or damaged.
    """
    if len(data) < OVERHEAD_BYTES:
        raise EdgeCodecError(f"packet: cut short, {len(data)} bytes are less than header and checksum")
    content, (checksum,) = data[: -_CHECKSUM.size], _CHECKSUM.unpack(data[-_CHECKSUM.size :])
    if zlib.crc32(content) != checksum:
        raise EdgeCodecError(f"packet: damaged or cut short, the checksum does not match its {len(data)} bytes; "
                             "leave it out")
    first, model_id, sequence = _HEADER.unpack_from(content)
    return Header(first >> 4, (first & 15) + 1, model_id, sequence)


def compression_ratios(codec: ExportedCodec, rate: int) -> CompressionRatios:
    """Both ratios at ``rate``; the first is the paper's (10240, 5120, 3413 and 2560 for 90 to 360 bits)."""
    form = PacketFormat.of(codec)
    window_bits = 32 * codec.channels * codec.samples
    return CompressionRatios(window_bits / form.payload_bits(rate), window_bits / (8 * form.packet_bytes(rate)))
