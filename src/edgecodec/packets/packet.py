"""Packets: what goes on air for one window.

::

    byte 0        kind (high four bits): 1 fixed-length, 2 coded; rate - 1 (low four bits)
    bytes 1..4    first four bytes of the model hash
    bytes 5, 6    sequence number, little-endian
    payload       fixed-length: indices, stage by stage, token by token, most significant bit first; zero bits up to a
                  whole byte. Those of the first stage tell the window's regime, all tokens the same
                  coded: the window's regime and indices, arithmetically coded (:mod:`edgecodec.packets.entropy`); what
                  is not the one way to write a window is refused
    last 4 bytes  CRC-32 (IEEE 802.3, zlib.crc32) of everything before, little-endian

The rate in the header and the model say how long a fixed-length packet is, so that a receiver sees at once when one
was cut short. A coded packet is as long as the window is unlikely: its payload is what lies between header and
checksum. Both kinds have the same rates, but codebooks of their own: the indices of one are not those of the other.

Stages come in order: those of a lower rate are the first of a higher one's. A node chooses the rate when it packs; a
gateway that must save air time lowers it with :func:`truncate`, which checks the packet first and seals it anew. A bare
cut through the bytes is damage, and is refused as such. Every packet decodes by itself.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.entropy import PRECISION_BITS, EntropyTables, ManyWindowIndices
from edgecodec.packets.network import ExportedCodec

_HEADER = struct.Struct("<B4sH")
_CHECKSUM = struct.Struct("<I")
HEADER_BYTES = _HEADER.size
OVERHEAD_BYTES = _HEADER.size + _CHECKSUM.size


class PacketKind(IntEnum):
    """How the payload holds the indices; the value is on air."""

    FIXED_LENGTH = 1
    CODED = 2


@dataclass(frozen=True)
class CodedFormat:
    """Payloads of coded packets: a window's regime and one index per stage."""

    tables: EntropyTables
    stages_of_rate: tuple[int, ...]
    first_codewords: int  # of one regime; an index of the first stage is regime * first_codewords + word

    def stages(self, rate: int) -> int:
        """Stages that a coded packet of rate ``rate`` sends. Errors as of :meth:`PacketFormat.stages`."""
        return _stages(self.stages_of_rate, rate)

    def payload_bytes_max(self, rate: int) -> int:
        """Enough for any window."""
        return -(-(1 + self.stages(rate)) * PRECISION_BITS // 8)

    def payload(self, rate: int, indices: NDArray[np.uint16]) -> bytes:
        """The first ``stages(rate)`` rows of ``indices`` [stages, 1], coded."""
        (first, *words) = indices[: self.stages(rate), 0].tolist()
        regime, word = divmod(first, self.first_codewords)
        return self.tables.encode(regime, [word, *words])

    def of_windows(self, indices: NDArray[np.uint16]) -> ManyWindowIndices:
        """The regimes and words that ``indices`` [n, stages, 1] of coded packets tell."""
        regimes, words = np.divmod(indices[:, 0, 0], np.uint16(self.first_codewords))
        return ManyWindowIndices(regimes, np.column_stack([words, indices[:, 1:, 0]]))

    def indices(self, rate: int, payload: bytes) -> NDArray[np.uint16]:
        """What :meth:`payload` coded: [stages, 1]."""
        try:
            window = self.tables.decode(payload, self.stages(rate))
        except EdgeCodecError:
            raise EdgeCodecError(f"packet: no window of rate {rate} has this payload of {len(payload)} bytes; the "
                                 "sender is faulty") from None
        indices = window.indices[:, np.newaxis]
        indices[0] += window.regime * self.first_codewords
        return indices

    def indices_of_many(self, rate: int, payloads: Sequence[bytes]) -> NDArray[np.uint16]:
        """The indices [n, stages, 1] of n payloads."""
        windows = self.tables.decode_many(payloads, self.stages(rate))
        indices = windows.indices[:, :, np.newaxis]
        indices[:, 0, 0] += windows.regimes * np.uint16(self.first_codewords)
        return indices


@dataclass(frozen=True)
class PacketFormat:
    """What sender and receiver of one model agree on."""

    model_hash: str  # 64 hex digits
    tokens: int
    codewords: tuple[int, ...]  # of every stage, the first one's of all regimes
    stages_of_rate: tuple[int, ...]
    regimes: int = 1  # share the codewords of the first stage, each has as many
    coded: CodedFormat | None = None  # None: there are no coded packets

    @classmethod
    def of(cls, codec: ExportedCodec) -> PacketFormat:
        quantizer, coded = codec.quantizer, None
        if codec.coded is not None:
            coded = CodedFormat(codec.coded.tables, codec.coded.quantizer.stages_of_rate,
                                codec.coded.quantizer.stages[0].codewords.shape[1])
        return cls(codec.model_hash, quantizer.tokens, quantizer.codewords, quantizer.stages_of_rate,
                   quantizer.regimes, coded)

    @property
    def model_id(self) -> bytes:
        return bytes.fromhex(self.model_hash[:8])

    @property
    def rates(self) -> range:
        return range(1, len(self.stages_of_rate) + 1)

    @property
    def kinds(self) -> tuple[PacketKind, ...]:
        return (PacketKind.FIXED_LENGTH,) if self.coded is None else tuple(PacketKind)

    def payloads(self, kind: PacketKind) -> PacketFormat | CodedFormat:
        """Who knows the payloads of ``kind``.

        Raises:
            EdgeCodecError: the model has no packets of this kind.
        """
        if kind is PacketKind.FIXED_LENGTH:
            return self
        if self.coded is None:
            raise EdgeCodecError("packet: coded, but the model has fixed-length packets only")
        return self.coded

    def payload_bits(self, rate: int) -> int:
        return sum(bits for _, bits in self._fields(rate))

    def packet_bytes(self, rate: int) -> int:
        return OVERHEAD_BYTES + -(-self.payload_bits(rate) // 8)

    def packet_bytes_max(self, rate: int) -> int:
        """Bytes that are enough for a packet of either kind."""
        coded = 0 if self.coded is None else self.coded.payload_bytes_max(rate)
        return max(self.packet_bytes(rate), OVERHEAD_BYTES + coded)

    def stages(self, rate: int) -> int:
        """Stages that a fixed-length packet of rate ``rate`` sends.

        Raises:
            EdgeCodecError: there is no such rate.
        """
        return _stages(self.stages_of_rate, rate)

    def _fields(self, rate: int) -> Iterator[tuple[int, int]]:
        """Codewords and bits of every index in the payload."""
        for codewords in self.codewords[: self.stages(rate)]:
            for _ in range(self.tokens):
                yield codewords, index_bits(codewords)

    def payload(self, rate: int, indices: NDArray[np.uint16]) -> bytes:
        """The first ``stages(rate)`` rows of ``indices`` as bits."""
        if not self._of_one_regime(indices):
            raise EdgeCodecError(f"indices: the tokens of stage 0 are of several regimes: {indices[0].tolist()}")
        bits = 0
        for number, ((codewords, width), index) in enumerate(zip(
                self._fields(rate), indices[: self.stages(rate)].ravel().tolist(), strict=True)):
            if not 0 <= index < codewords:
                raise EdgeCodecError(f"indices: stage {number // self.tokens}, token {number % self.tokens}: {index} "
                                     f"is not one of {codewords} codewords")
            bits = bits << width | index
        return (bits << -self.payload_bits(rate) % 8).to_bytes(-(-self.payload_bits(rate) // 8), "big")

    def indices(self, rate: int, payload: bytes) -> NDArray[np.uint16]:
        """What :meth:`payload` packed: [stages, tokens]."""
        codewords, weights, starts = _places(self.codewords[: self.stages(rate)], self.tokens)
        bits = np.unpackbits(np.frombuffer(payload, np.uint8))
        if bits[len(weights) :].any():
            raise EdgeCodecError("packet: bits behind the last index; the sender is faulty")
        found = np.add.reduceat(bits[: len(weights)] * weights, starts)
        if (found >= codewords).any():
            first = int(np.argmax(found >= codewords))
            raise EdgeCodecError(f"packet: index {found[first]} in a stage of {codewords[first]} codewords; the sender "
                                 "is faulty")
        indices = found.astype(np.uint16).reshape(self.stages(rate), self.tokens)
        if not self._of_one_regime(indices):
            raise EdgeCodecError("packet: tokens of several regimes; the sender is faulty")
        return indices

    def _of_one_regime(self, indices: NDArray[np.uint16]) -> bool:
        regimes = indices[0].astype(np.int64) // (self.codewords[0] // self.regimes)
        return bool((regimes == regimes[0]).all())


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
    indices: NDArray[np.uint16]  # [stages of the rate, tokens]
    kind: PacketKind = PacketKind.FIXED_LENGTH


@dataclass(frozen=True)
class CompressionRatios:
    """float32 window bits over bits sent."""

    payload: float  # as the paper counts: indices alone
    on_air: float  # header, checksum and padding counted


def index_bits(codewords: int) -> int:
    """Bits of an index on air: a size that is no power of two wastes a part of a bit."""
    return max(1, (codewords - 1).bit_length())


@cache
def _places(codewords: tuple[int, ...], tokens: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of every index in a payload its stage's codewords and where its bits start; of every bit its weight."""
    widths = np.repeat([index_bits(count) for count in codewords], tokens)
    ends = np.cumsum(widths)
    weights = 1 << np.repeat(ends, widths) - 1 - np.arange(ends[-1])
    return np.repeat(codewords, tokens), weights, ends - widths


def pack(form: PacketFormat, rate: int, sequence: int, indices: NDArray[np.uint16],
         kind: PacketKind = PacketKind.FIXED_LENGTH) -> bytes:
    """The packet of ``indices`` [stages of the rate or more, tokens], which are of the same kind.

    Raises:
        EdgeCodecError: no such rate or kind, a sequence number beyond 16 bits, too few stages, an index without
            codeword, or tokens of several regimes.
    """
    if not 0 <= sequence <= 0xFFFF:
        raise EdgeCodecError(f"sequence number {sequence}: must be 0 to 65535; count modulo 65536")
    payloads = form.payloads(kind)
    stages = payloads.stages(rate)
    if indices.ndim != 2 or indices.shape[0] < stages or indices.shape[1] != form.tokens:
        raise EdgeCodecError(f"indices: {list(indices.shape)}; rate {rate} needs [{stages}, {form.tokens}]")
    header = _HEADER.pack(kind << 4 | rate - 1, form.model_id, sequence)
    content = header + payloads.payload(rate, indices)
    return content + _CHECKSUM.pack(zlib.crc32(content))


def unpack(form: PacketFormat, data: bytes) -> Packet:
    """Read a packet of either kind.

    Raises:
        EdgeCodecError: as :func:`open_packet`, or no window has this payload.
    """
    sealed = open_packet(form, data)
    indices = form.payloads(sealed.kind).indices(sealed.rate, sealed.payload)
    return Packet(sealed.sequence, sealed.rate, indices, sealed.kind)


def open_packet(form: PacketFormat, data: bytes) -> SealedPacket:
    """Check a packet and read its header; the payload stays as it is.

    Raises:
        EdgeCodecError: it is cut short or too long, of another kind or model, or damaged.
    """
    header = read_header(data)
    if header.kind not in list(PacketKind):
        raise EdgeCodecError(f"packet: of kind {header.kind}; this program reads 1 (fixed-length) and 2 (coded)")
    if header.model_id != form.model_id:
        raise EdgeCodecError(f"packet: of model {header.model_id.hex()}, but the decoder is model "
                             f"{form.model_id.hex()}; decode with the bundle that the node was given")
    kind = PacketKind(header.kind)
    form.payloads(kind).stages(header.rate)  # refuses what the model does not have
    if kind is PacketKind.FIXED_LENGTH and len(data) != form.packet_bytes(header.rate):
        raise EdgeCodecError(f"packet: {len(data)} bytes where rate {header.rate} has "
                             f"{form.packet_bytes(header.rate)}")
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


def _stages(stages_of_rate: tuple[int, ...], rate: int) -> int:
    if not 1 <= rate <= len(stages_of_rate):
        raise EdgeCodecError(f"rate {rate}: the model has rates 1 to {len(stages_of_rate)}")
    return stages_of_rate[rate - 1]


def compression_ratios(codec: ExportedCodec, rate: int) -> CompressionRatios:
    """Both ratios at ``rate``; the first is the paper's (10240, 5120, 3413 and 2560 for 90 to 360 bits)."""
    form = PacketFormat.of(codec)
    window_bits = 32 * codec.channels * codec.samples
    return CompressionRatios(window_bits / form.payload_bits(rate), window_bits / (8 * form.packet_bytes(rate)))
