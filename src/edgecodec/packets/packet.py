"""Packets: what goes on air for one window.

::

    byte 0        bit 7: there are remarks; kind (next three bits): 1 fixed-length, 2 coded, 3 escape, 4 exact;
                  rate - 1 (low four bits; 0 in escapes and exact packets, which have no rate)
    bytes 1..4    first four bytes of the model hash
    bytes 5, 6    sequence number, little-endian
    remarks       if there are any: the code of the estimated error (high six bits, :mod:`edgecodec.packets.monitor`);
                  bit 1: the window is unlike those of the training; bit 0: there are faulty channels, whose mask then
                  follows, channel c at bit c % 8 of byte c / 8
    payload       fixed-length: indices, stage by stage, token by token, most significant bit first; zero bits up to a
                  whole byte. Those of the first stage tell the window's regime, all tokens the same
                  coded: the window's regime and words, arithmetically coded (:mod:`edgecodec.packets.entropy`); what
                  is not the one way to write a window is refused
                  escape: all the window's cosine bins (:mod:`edgecodec.packets.escape`). The remarks, which are always
                  there, tell the bound that they keep
                  exact: what one count is, float32, little-endian; then all counts (:mod:`edgecodec.packets.counts`).
                  There are no remarks: nothing is lost
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
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets import escape
from edgecodec.packets.counts import decode_exact, encode_exact
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import Remarks, allowed_error, error_code, error_edges
from edgecodec.packets.network import ExportedCodec, Half, Single
from edgecodec.packets.payloads import PAYLOADS, CodedPayloads, FixedLengthPayloads, Payloads
from edgecodec.packets.series import SeriesFormat

_HEADER = struct.Struct("<B4sH")
_CHECKSUM = struct.Struct("<I")
_UNIT = struct.Struct("<f")
_REMARKED = 0x80
_UNLIKE, _FAULTY = 2, 1
HEADER_BYTES = _HEADER.size
OVERHEAD_BYTES = _HEADER.size + _CHECKSUM.size


@dataclass(frozen=True)
class PacketFormat:
    """What sender and receiver of one model agree on."""

    model_hash: str  # 64 hex digits
    kinds: Mapping[PacketKind, Payloads]  # fixed-length packets, and what others the model has, all of the same rates
    channels: int
    makes_remarks: bool = False  # whether the model's nodes do, which each packet then carries
    spectrum_bins: int = 0  # of every channel, in escapes; 0: the model has none
    samples: int = 0  # of every channel, in exact packets; 0: they are not read

    @classmethod
    def of(cls, codec: ExportedCodec) -> PacketFormat:
        kinds = {kind: PAYLOADS[kind](quantizer) for kind, quantizer in codec.quantizers.items()}
        if codec.monitor is None:
            return cls(codec.model_hash, kinds, codec.channels, samples=codec.samples)
        return cls(codec.model_hash, kinds, codec.channels, True, codec.monitor.spectrum_bins, codec.samples)

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

    @cached_property
    def series(self) -> SeriesFormat:
        """
        Raises:
            EdgeCodecError: the model has no coded packets.
        """
        payloads = self.payloads(PacketKind.CODED)
        assert isinstance(payloads, CodedPayloads)
        return SeriesFormat(payloads.scalars, self.channels, self.makes_remarks)

    def payload_bits(self, rate: int) -> int:
        """Of a fixed-length packet."""
        return self.fixed_length.bits(rate)

    def packet_bytes(self, rate: int) -> int:
        """Of a fixed-length packet, the byte of remarks included where the model makes them; no channel is faulty."""
        return OVERHEAD_BYTES + self.makes_remarks + self.fixed_length.size(rate)

    def packet_bytes_max(self, rate: int) -> int:
        """Bytes that are enough for a packet of any kind but an escape, whatever its remarks."""
        return OVERHEAD_BYTES + self.remarks_bytes_max + max(payloads.size(rate) for payloads in self.kinds.values())

    @property
    def escape_bytes_max(self) -> int:
        """Bytes that are enough for any escape; 0 if the model has none."""
        if not self.spectrum_bins:
            return 0
        return OVERHEAD_BYTES + self.remarks_bytes_max + escape.longest(self.channels, self.spectrum_bins)

    @property
    def remarks_bytes_max(self) -> int:
        """Of the remarks of any window."""
        return 1 + self.mask_bytes if self.makes_remarks else 0

    @property
    def mask_bytes(self) -> int:
        """Of the mask of faulty channels."""
        return -(-self.channels // 8)


@dataclass(frozen=True)
class Header:
    """What a packet tells before its model is known."""

    kind: int  # of PacketKind, or one that is not known here
    remarked: bool
    rate: int  # 0 of kinds without
    model_id: bytes
    sequence: int


@dataclass(frozen=True, eq=False)
class Said:
    """What a packet's remarks tell."""

    error_percent: float  # the estimated error is at most this; infinite where the scale ends
    unlike: bool  # the window is unlike those of the training
    faulty: NDArray[np.bool_]  # [channels]


@dataclass(frozen=True)
class SealedPacket:
    """A packet whose header and checksum are sound."""

    kind: PacketKind
    sequence: int
    rate: int  # 0 of kinds without
    said: Said | None  # None: there are no remarks
    payload: bytes


@dataclass(frozen=True)
class Packet:
    sequence: int
    rate: int
    indices: Indices  # of one window, with the stages of the rate
    kind: PacketKind = PacketKind.FIXED_LENGTH
    said: Said | None = None  # None: there are no remarks


@dataclass(frozen=True)
class CompressionRatios:
    """float32 window bits over bits sent."""

    payload: float  # as the paper counts: indices alone
    on_air: float  # header, checksum and padding counted


@dataclass(frozen=True, eq=False)
class PacketParts:
    """What the bytes of a packet tell, remarks and payload as they are."""

    kind: PacketKind
    sequence: int
    rate: int  # 0 of kinds without
    is_remarked: bool
    error_code: int  # 0 without remarks, as the next two
    unlike: bool
    faulty: NDArray[np.bool_] | None  # [channels]; None: no channel is
    payload: bytes


def parts_of(form: PacketFormat, data: bytes) -> PacketParts:
    """
    Raises:
        EdgeCodecError: see :func:`open_packet`.
    """
    sealed = open_packet(form, data)
    said = sealed.said
    if said is None:
        return PacketParts(sealed.kind, sealed.sequence, sealed.rate, False, 0, False, None, sealed.payload)
    return PacketParts(sealed.kind, sealed.sequence, sealed.rate, True, data[HEADER_BYTES] >> 2, said.unlike,
                       said.faulty if said.faulty.any() else None, sealed.payload)


def packet_of_parts(form: PacketFormat, parts: PacketParts) -> bytes:
    """The packet that has these parts."""
    first = (_REMARKED if parts.is_remarked else 0) | parts.kind << 4 | max(parts.rate, 1) - 1
    remarks = _remark_bytes(parts.error_code, parts.unlike, parts.faulty) if parts.is_remarked else b""
    return _sealed(form, first, parts.sequence, remarks + parts.payload)


def pack(form: PacketFormat, rate: int, sequence: int, indices: Indices,
         kind: PacketKind = PacketKind.FIXED_LENGTH, remarks: Remarks | None = None) -> bytes:
    """The packet of one window's ``indices``, of the stages of the rate or more, which are of the same kind, and of its
    ``remarks``, if there are any.

    Raises:
        EdgeCodecError: no such rate or kind, a sequence number beyond 16 bits, too few stages, or an index without
            codeword.
    """
    payloads = form.payloads(kind)
    stages, tokens = payloads.stages(rate), payloads.tokens
    if indices.words.ndim != 2 or indices.words.shape[0] < stages or indices.words.shape[1] != tokens:
        raise EdgeCodecError(f"indices: {list(indices.words.shape)}; rate {rate} needs [{stages}, {tokens}]")
    (payload,) = payloads.write(indices.sent(stages)[None])
    flag = 0 if remarks is None else _REMARKED
    written = b"" if remarks is None else _written(remarks, float(remarks.error_percent[rate - 1]))
    return _sealed(form, flag | kind << 4 | rate - 1, sequence, written + payload)


def pack_escape(form: PacketFormat, sequence: int, bins: Half, of_one_percent: float, bound: float,
                remarks: Remarks) -> bytes:
    """The escape of one window, whose error is within ``bound`` per cent.

    Args:
        bins: [channels, bins]
        of_one_percent: the squared error that one per cent allows (:mod:`edgecodec.packets.monitor`).

    Raises:
        EdgeCodecError: the model has no escapes, a sequence number beyond 16 bits, or a bin is not finite.
    """
    if not form.spectrum_bins:
        raise EdgeCodecError("packet: escape, but the model has no such packets; send fixed-length ones")
    bound = bound if bound > 0 else 0.0
    payload = escape.encode(bins, allowed_error(of_one_percent, bound))
    return _sealed(form, _REMARKED | PacketKind.ESCAPE << 4, sequence, _written(remarks, bound) + payload)


def pack_exact(form: PacketFormat, sequence: int, counts: NDArray[np.int32], unit: float) -> bytes:
    """The packet of one window without loss.

    Args:
        counts: [channels, samples], of the sensors' converter.
        unit: of what windows are in, that one count is.

    Raises:
        EdgeCodecError: counts of another shape or beyond 24 bits, a unit that is no positive number of float32, or a
            sequence number beyond 16 bits.
    """
    if counts.shape != (form.channels, form.samples):
        raise EdgeCodecError(f"counts: {list(counts.shape)}; the model takes [{form.channels}, {form.samples}]")
    if not 0 < np.float32(unit) < np.inf:
        raise EdgeCodecError(f"unit of a count: {unit}; must be a positive number of float32")
    return _sealed(form, PacketKind.EXACT << 4, sequence, _UNIT.pack(unit) + encode_exact(counts))


def read_exact(form: PacketFormat, payload: bytes) -> Single:
    """The window [channels, samples] of an exact packet's ``payload``: every count times its unit, rounded once.

    Raises:
        EdgeCodecError: no window has this payload.
    """
    unit = _UNIT.unpack_from(payload)[0] if len(payload) > _UNIT.size else 0.0
    if not 0 < unit < np.inf:
        raise EdgeCodecError("exact payload: one count is no positive number; the sender is faulty")
    counts = decode_exact(payload[_UNIT.size :], form.channels, form.samples)
    return (counts * np.float64(unit)).astype(np.float32)


def unpack(form: PacketFormat, data: bytes) -> Packet:
    """Read a packet of indices.

    Raises:
        EdgeCodecError: as :func:`open_packet`, it holds a window whole, or no window has this payload.
    """
    sealed = open_packet(form, data)
    if not sealed.kind.has_rate:
        raise EdgeCodecError(f"packet: of kind {sealed.kind.label}, which holds no indices; decode it to a window")
    (indices,) = form.payloads(sealed.kind).read(sealed.rate, [sealed.payload])
    return Packet(sealed.sequence, sealed.rate, indices, sealed.kind, sealed.said)


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
    if kind in _CHECKS:
        _CHECKS[kind](form, header)
    content = data[_HEADER.size : -_CHECKSUM.size]
    said, behind = _read_remarks(content, form) if header.remarked else (None, 0)
    if kind.has_rate:
        _check_size(form.payloads(kind), header.rate, len(data), OVERHEAD_BYTES + behind)
    return SealedPacket(kind, header.sequence, header.rate, said, content[behind:])


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
    kind = first >> 4 & 7
    has_rate = kind not in list(PacketKind) or PacketKind(kind).has_rate
    return Header(kind, bool(first & _REMARKED), (first & 15) + has_rate, model_id, sequence)


def _check_escape(form: PacketFormat, header: Header) -> None:
    if not form.spectrum_bins:
        raise EdgeCodecError("packet: escape, but the model has no such packets; the sender is faulty")
    if header.rate or not header.remarked:
        raise EdgeCodecError("packet: an escape of a rate, or without remarks; the sender is faulty")


def _check_exact(form: PacketFormat, header: Header) -> None:
    if not form.samples:
        raise EdgeCodecError("packet: exact, but the model has no such packets; the sender is faulty")
    if header.rate or header.remarked:
        raise EdgeCodecError("packet: an exact one of a rate, or with remarks; the sender is faulty")


_CHECKS = {PacketKind.ESCAPE: _check_escape, PacketKind.EXACT: _check_exact}  # of kinds that hold a window whole


def _check_size(payloads: Payloads, rate: int, found: int, before: int) -> None:
    """Of ``found`` bytes, ``before`` are not of the payload."""
    size = before + payloads.size(rate)
    if payloads.always_full and found != size:
        raise EdgeCodecError(f"packet: {found} bytes where rate {rate} has {size}")


def _sealed(form: PacketFormat, first: int, sequence: int, content: bytes) -> bytes:
    """The packet of ``content``, which is its remarks and its payload."""
    if not 0 <= sequence <= 0xFFFF:
        raise EdgeCodecError(f"sequence number {sequence}: must be 0 to 65535; count modulo 65536")
    content = _HEADER.pack(first, form.model_id, sequence) + content
    return content + _CHECKSUM.pack(zlib.crc32(content))


def _written(remarks: Remarks, error_percent: float) -> bytes:
    """One window's remarks, as they are in a packet of that error."""
    return _remark_bytes(error_code(error_percent), bool(remarks.unlike > 1),
                         remarks.faulty if remarks.faulty.any() else None)


def _remark_bytes(code: int, unlike: bool, faulty: NDArray[np.bool_] | None) -> bytes:
    first = code << 2 | _UNLIKE * unlike | _FAULTY * (faulty is not None)
    return bytes([first]) + (b"" if faulty is None else np.packbits(faulty, bitorder="little").tobytes())


def _read_remarks(content: bytes, form: PacketFormat) -> tuple[Said, int]:
    """What the remarks that ``content`` begins with say, and their bytes."""
    first = content[0] if content else 0
    behind = 1 + (form.mask_bytes if first & _FAULTY else 0)
    if len(content) < behind:
        raise EdgeCodecError("packet: it ends within its remarks; the sender is faulty")
    mask = np.unpackbits(np.frombuffer(content[1:behind], np.uint8), bitorder="little").astype(bool)
    faulty = np.zeros(form.channels, bool)
    if mask.size:
        faulty[:] = mask[: form.channels]
        if not faulty.any() or mask[form.channels :].any():
            raise EdgeCodecError("packet: a mask of no channel, or of one that there is not; the sender is faulty")
    error_percent = float([*error_edges(), np.inf][first >> 2])
    return Said(error_percent, bool(first & _UNLIKE), faulty), behind


def compression_ratios(codec: ExportedCodec, rate: int) -> CompressionRatios:
    """Both ratios at ``rate``; the first is the paper's (10240, 5120, 3413 and 2560 for 90 to 360 bits)."""
    form = PacketFormat.of(codec)
    window_bits = 32 * codec.channels * codec.samples
    return CompressionRatios(window_bits / form.payload_bits(rate), window_bits / (8 * form.packet_bytes(rate)))
