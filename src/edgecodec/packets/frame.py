"""Frames: packets without what the link or the receiver knows already.

A packet (:mod:`edgecodec.packets.packet`) tells its model and is found intact by its own means, wherever it turns up. A
frame is the same packet for a link whose ends know each other: the receiver knows the sender's model. Bits, the most
significant ones first::

    2 bits        kind of packet - 1
    4 bits        rate - 1; 0 of kinds without
    1 bit         the window is unlike those of the training
    1 bit         there are faulty channels
    8 bits        the low ones of the sequence number; not on a checked link
    6 bits        the code of the estimated error, of kinds with remarks
    channels      which are faulty, a bit for each, if any is
    payload       of a fixed-length packet its bits without those that fill its last byte; else whole bytes
    zeros         to a whole byte
    2 bytes       a checksum, little-endian; not on a checked link

Frames of fixed-length and coded packets have remarks if the model makes them, those of escapes always, those of exact
packets never.

A series is one frame of up to 16 coded packets of one rate whose numbers follow each other. It has the bits of a frame
of an exact packet that is unlike the training, which there is not::

    2 bits        3
    4 bits        windows - 1
    2 bits        2
    8 bits        the low ones of the first sequence number; not on a checked link
    payload       rate, remarks, regimes and words (:mod:`edgecodec.packets.series`)
    2 bytes       the checksum; not on a checked link

The checksum is the CRC-16 of ITU-T X.25, polynomial 0x1021, reflected. In frames of up to 4 kB it finds any three
flipped bits, and every burst of up to 16. Its register begins with the first two bytes of the model hash. So a frame of
another model is damaged, without the model being sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.link import CHECKSUM_BYTES, Link
from edgecodec.packets.packet import PacketFormat, PacketParts, packet_of_parts, parts_of
from edgecodec.packets.series import WINDOWS_MAX, SeriesWindow

POLYNOMIAL = 0x8408  # 0x1021, reflected
_SEQUENCE_BITS = 8
_SERIES, _COUNT = 0b11_0000_10, 0b00_1111_00  # the first byte of a series, and where in it their number is
Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class _Reader:
    """Takes bits from the front."""

    bits: Bits
    at: int = 0

    def number(self, count: int) -> tuple[int, _Reader]:
        taken, rest = self.take(count)
        return int("".join(map(str, taken)) or "0", 2), rest

    def take(self, count: int) -> tuple[Bits, _Reader]:
        """
        Raises:
            EdgeCodecError: there are not so many left.
        """
        if self.at + count > len(self.bits):
            raise EdgeCodecError("frame: cut short; the sender is faulty, or of another model")
        return self.bits[self.at : self.at + count], _Reader(self.bits, self.at + count)


def frame(form: PacketFormat, packet: bytes, link: Link) -> bytes:
    """The frame of a packet of the model.

    Raises:
        EdgeCodecError: the packet is damaged, of another model, or without the remarks that frames of its kind have.
    """
    parts = parts_of(form, packet)
    if parts.is_remarked is not _is_remarked(form, parts.kind):
        raise EdgeCodecError("packet: without remarks, which frames of this model have; pack it with them")
    bits = [_bits(parts.kind - 1, 2), _bits(max(parts.rate, 1) - 1, 4), _bits(parts.unlike, 1),
            _bits(parts.faulty is not None, 1)]
    if link is Link.RADIO:
        bits.append(_bits(parts.sequence & 0xFF, _SEQUENCE_BITS))
    if parts.is_remarked:
        bits.append(_bits(parts.error_code, 6))
    if parts.faulty is not None:
        bits.append(parts.faulty.astype(np.uint8))
    payload = np.unpackbits(np.frombuffer(parts.payload, np.uint8))
    if parts.kind is PacketKind.FIXED_LENGTH:
        payload = payload[: form.payload_bits(parts.rate)]
    return _sealed(form, np.packbits(np.concatenate([*bits, payload])).tobytes(), link)


def series(form: PacketFormat, packets: Sequence[bytes], link: Link) -> bytes:
    """The one frame of 1 to 16 coded packets of the model.

    Raises:
        EdgeCodecError: a packet is damaged, of another model or kind, or without the remarks that frames have; rates
            differ; or numbers do not follow each other.
    """
    if not 1 <= len(packets) <= WINDOWS_MAX:
        raise EdgeCodecError(f"series: of {len(packets)} packets; give 1 to {WINDOWS_MAX}")
    parts = [parts_of(form, packet) for packet in packets]
    first, coded = parts[0], form.payloads(PacketKind.CODED)
    for number, each in enumerate(parts):
        if each.kind is not PacketKind.CODED or each.rate != first.rate or each.is_remarked is not form.makes_remarks:
            raise EdgeCodecError(f"series: packet {number} is not a coded one of rate {first.rate} with the model's "
                                 "remarks; give it a frame of its own")
        if each.sequence != (first.sequence + number) & 0xFFFF:
            raise EdgeCodecError(f"series: packet {number} has number {each.sequence}, which does not follow; begin "
                                 "another series")
    indices = coded.read(first.rate, [each.payload for each in parts])
    payload = form.series.encode(first.rate, [
        SeriesWindow(regime, words, each.error_code, each.unlike,
                     None if each.faulty is None else tuple(each.faulty.tolist()))
        for each, regime, words in zip(parts, indices.regime.tolist(), indices.words[:, -1].tolist(), strict=True)])
    low = bytes([first.sequence & 0xFF]) if link is Link.RADIO else b""
    return _sealed(form, bytes([_SERIES | len(parts) - 1 << 2]) + low + payload, link)


def unframe(form: PacketFormat, data: bytes, link: Link, expected: int = 0) -> list[bytes]:
    """The packets of a frame: one, or those of a series.

    Args:
        expected: the sequence number that comes next. Of a frame by radio, the first number is the least one from there
            on with its eight bits; on a checked link it is this one.

    Raises:
        EdgeCodecError: the frame is damaged, cut short or of another model.
    """
    content = _checked(form, data) if link is Link.RADIO else data
    if content and content[0] & ~_COUNT == _SERIES:
        return _packets_of_series(form, content, link, expected)
    return [_packet_of(form, content, link, expected)]


def _packets_of_series(form: PacketFormat, content: bytes, link: Link, expected: int) -> list[bytes]:
    count, before = 1 + ((content[0] & _COUNT) >> 2), 2 if link is Link.RADIO else 1
    if len(content) < before:
        raise EdgeCodecError("frame: cut short; the sender is faulty, or of another model")
    sequence = _number(content[1], expected) if link is Link.RADIO else expected
    rate, windows = form.series.decode(content[before:], count)
    words = np.zeros((count, rate, len(windows[0].words)), np.uint16)
    words[:, -1] = [each.words for each in windows]
    payloads = form.payloads(PacketKind.CODED).write(
        Indices(np.array([each.regime for each in windows], np.uint16), words))
    return [packet_of_parts(form, PacketParts(
        PacketKind.CODED, sequence + number & 0xFFFF, rate, form.makes_remarks, each.error_code, each.unlike,
        None if each.faulty is None else np.array(each.faulty), payload))
        for number, (each, payload) in enumerate(zip(windows, payloads, strict=True))]


def _packet_of(form: PacketFormat, content: bytes, link: Link, expected: int) -> bytes:
    reader = _Reader(np.unpackbits(np.frombuffer(content, np.uint8)))
    number, reader = reader.number(2)
    rate, reader = reader.number(4)
    unlike, reader = reader.number(1)
    has_faulty, reader = reader.number(1)
    kind, sequence = PacketKind(number + 1), expected & 0xFFFF
    if kind not in {*form.kinds, PacketKind.ESCAPE, PacketKind.EXACT}:
        raise EdgeCodecError(f"frame: {kind.label}, but the model has no such packets; the sender is faulty")
    if link is Link.RADIO:
        low, reader = reader.number(_SEQUENCE_BITS)
        sequence = _number(low, expected)
    is_remarked = _is_remarked(form, kind)
    if (rate and not kind.has_rate) or ((unlike or has_faulty) and not is_remarked):
        raise EdgeCodecError(f"frame: a rate or remarks that {kind.label} ones do not have; the sender is faulty")
    if kind.has_rate:
        form.payloads(kind).stages(rate + 1)  # refuses a rate that there is not
    code, reader = reader.number(6 if is_remarked else 0)
    mask, reader = reader.take(form.channels) if has_faulty else (None, reader)
    if mask is not None and not mask.any():
        raise EdgeCodecError("frame: a mask of no channel; the sender is faulty")
    payload, filling = _payload(form, kind, rate + 1, reader)
    if filling.any() or len(filling) > 7:
        raise EdgeCodecError("frame: bits behind its end; the sender is faulty, or of another model")
    return packet_of_parts(form, PacketParts(
        kind, sequence, rate + 1 if kind.has_rate else 0, is_remarked, code, bool(unlike),
        None if mask is None else mask.astype(bool), payload))


def frame_all(form: PacketFormat, packets: Iterable[bytes], link: Link, together: int = 1) -> Iterator[bytes]:
    """The frames of packets in order. Up to ``together`` coded packets that a series can have share one.

    Raises:
        EdgeCodecError: as of :func:`frame`.
    """
    def ends(parts: PacketParts, before: PacketParts) -> bool:
        return (parts.kind, parts.rate, parts.sequence) != (
            PacketKind.CODED, before.rate, (before.sequence + 1) & 0xFFFF) or before.kind is not PacketKind.CODED

    waiting: list[bytes] = []
    for packet in packets:
        if waiting and (len(waiting) == together or ends(parts_of(form, packet), parts_of(form, waiting[-1]))):
            yield _frame_of(form, waiting, link)
            waiting = []
        waiting.append(packet)
    if waiting:
        yield _frame_of(form, waiting, link)


def _frame_of(form: PacketFormat, packets: Sequence[bytes], link: Link) -> bytes:
    return frame(form, packets[0], link) if len(packets) == 1 else series(form, packets, link)


def windows_in(data: bytes | None) -> int:
    """Of a sound frame."""
    return 1 + ((data[0] & _COUNT) >> 2) if data and data[0] & ~_COUNT == _SERIES else 1


def unframe_all(form: PacketFormat, frames: Iterable[bytes | None], link: Link, first: int = 0) -> Iterator[bytes]:
    """The packets of frames that come in order; the first one's sequence number is ``first`` or a later one.

    Raises:
        EdgeCodecError: see :func:`unframe`; the text gives the frame's number.
    """
    expected = first
    for number, data in enumerate(frames):
        try:
            if data is None:
                raise EdgeCodecError("frame: none, its row is empty")
            packets = unframe(form, data, link, expected)
        except EdgeCodecError as error:
            raise EdgeCodecError(f"frame {number}: {str(error).removeprefix('frame: ')}") from None
        yield from packets
        expected = parts_of(form, packets[-1]).sequence + 1


def frame_bytes(form: PacketFormat, rate: int, link: Link) -> int:
    """Of a fixed-length packet without faulty channels."""
    bits = 8 + _SEQUENCE_BITS * (link is Link.RADIO) + 6 * form.makes_remarks + form.payload_bits(rate)
    return -(-bits // 8) + link.overhead_bytes


def checksum(form: PacketFormat, content: bytes) -> int:
    """Of a frame of the model that begins with ``content``."""
    register = int.from_bytes(form.model_id[:2], "little")
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (POLYNOMIAL if register & 1 else 0)
    return register


def _sealed(form: PacketFormat, content: bytes, link: Link) -> bytes:
    return content + (checksum(form, content).to_bytes(CHECKSUM_BYTES, "little") if link is Link.RADIO else b"")


def _number(low: int, expected: int) -> int:
    """The first one from ``expected`` on with these low bits."""
    return (expected + (low - expected) % (1 << _SEQUENCE_BITS)) & 0xFFFF


def _checked(form: PacketFormat, data: bytes) -> bytes:
    content, found = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    if len(data) <= CHECKSUM_BYTES or checksum(form, content) != int.from_bytes(found, "little"):
        raise EdgeCodecError(f"frame: damaged, or of another model than {form.model_hash[:8]}; leave it out")
    return content


def _is_remarked(form: PacketFormat, kind: PacketKind) -> bool:
    return kind is PacketKind.ESCAPE or (kind.has_rate and form.makes_remarks)


def _payload(form: PacketFormat, kind: PacketKind, rate: int, reader: _Reader) -> tuple[bytes, Bits]:
    """As a packet has it, and the bits behind it."""
    left = len(reader.bits) - reader.at
    count = form.payload_bits(rate) if kind is PacketKind.FIXED_LENGTH else left // 8 * 8
    bits, reader = reader.take(count)
    return np.packbits(bits).tobytes(), reader.bits[reader.at :]


def _bits(number: int, count: int) -> Bits:
    return np.array([number >> place & 1 for place in reversed(range(count))], np.uint8)

