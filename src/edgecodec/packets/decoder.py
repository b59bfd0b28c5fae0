"""Packets to windows, with the trained decoder and the very codebooks that the firmware holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.packet import CodedFormat, PacketFormat, PacketKind, SealedPacket, open_packet
from edgecodec.packets.receiver import Receiver

STREAMED = 256  # packets that a stream decodes at a time


@dataclass(frozen=True)
class DecodedWindows:
    """What n packets held, in their order."""

    windows: NDArray[np.float32]  # [n, channels, samples]
    rate: NDArray[np.int32]  # [n]
    sequence: NDArray[np.int64]  # [n]


@dataclass(frozen=True)
class _Numbered:
    """A packet that is sound so far, and the number that errors about it tell."""

    number: int
    packet: SealedPacket


class PacketDecoder:
    """The receiver of one model's packets. A window is the same bits whatever it is decoded together with."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.codec = receiver.codec
        self.form = PacketFormat.of(receiver.codec)

    @classmethod
    def open(cls, receiver: Path, float16: Path, threads: int = 1) -> PacketDecoder:
        """Open the receiver's network in the folder ``receiver`` and the codebooks in ``float16``.

        Raises:
            EdgeCodecError: a file is absent or damaged, or the folders are of different codecs.
        """
        return cls(Receiver.open(receiver, float16, threads))

    def decode(self, packets: Sequence[bytes | None], first_number: int = 0) -> DecodedWindows:
        """Rates and kinds may mix freely.

        Raises:
            EdgeCodecError: a packet is absent, damaged, cut short or of another model; the text gives its number, which
                counts from ``first_number``.
        """
        opened = [self._open(number, packet) for number, packet in enumerate(packets, first_number)]
        windows = np.empty((len(opened), self.codec.channels, self.codec.samples), np.float32)
        for kind, quantizer in zip(self.form.kinds, self.codec.quantizers, strict=True):
            alike = [each for each in opened if each.packet.kind is kind]
            indices = self._fixed_length(alike) if kind is PacketKind.FIXED_LENGTH else self._coded(alike)
            which = [each.number - first_number for each in alike]
            windows[which] = self.receiver.rebuild(quantizer, indices)
        return DecodedWindows(windows, np.array([each.packet.rate for each in opened], np.int32),
                              np.array([each.packet.sequence for each in opened], np.int64))

    def flaw(self, packet: bytes | None) -> str | None:
        """Why ``packet`` cannot be decoded; None if it can."""
        try:
            opened = open_packet(self.form, _bytes_of(packet))
            self.form.payloads(opened.kind).indices(opened.rate, opened.payload)
        except EdgeCodecError as error:
            return str(error).removeprefix("packet: ")
        return None

    def stream(self, packets: Iterable[bytes | None]) -> Iterator[DecodedWindows]:
        """Decode any number of packets, some at a time: memory does not grow with their number.

        Raises:
            EdgeCodecError: see :meth:`decode`.
        """
        remaining, number = iter(packets), 0
        while batch := list(islice(remaining, STREAMED)):
            yield self.decode(batch, number)
            number += len(batch)

    def _open(self, number: int, packet: bytes | None) -> _Numbered:
        with _naming(number):
            return _Numbered(number, open_packet(self.form, _bytes_of(packet)))

    def _fixed_length(self, packets: Sequence[_Numbered]) -> list[NDArray[np.uint16]]:
        """Indices [stages of its rate, tokens] of every packet."""
        indices = []
        for each in packets:
            with _naming(each.number):
                indices.append(self.form.indices(each.packet.rate, each.packet.payload))
        return indices

    def _coded(self, packets: Sequence[_Numbered]) -> list[NDArray[np.uint16]]:
        """The same; payloads of a rate all at once, which is many times faster than one by one."""
        coded = self.form.payloads(PacketKind.CODED)
        assert isinstance(coded, CodedFormat)
        indices: dict[int, NDArray[np.uint16]] = {}
        for rate in {each.packet.rate for each in packets}:
            alike = [each for each in packets if each.packet.rate == rate]
            try:
                found = coded.indices_of_many(rate, [each.packet.payload for each in alike])
            except EdgeCodecError:
                for each in alike:
                    with _naming(each.number):
                        coded.indices(rate, each.packet.payload)
                raise
            indices.update(zip((each.number for each in alike), found, strict=True))
        return [indices[each.number] for each in packets]


def _bytes_of(packet: object) -> bytes:
    """``packet``, unless it is what tables have in place of a packet: null, which pandas may turn into NaN."""
    if isinstance(packet, bytes | bytearray | memoryview):
        return bytes(packet)
    if packet is None or (isinstance(packet, float) and math.isnan(packet)):
        raise EdgeCodecError("packet: no packet, its row is empty")
    raise EdgeCodecError(f"packet: no packet, but {type(packet).__name__}; give bytes")


@contextmanager
def _naming(number: int) -> Iterator[None]:
    """Errors about a packet tell its number."""
    try:
        yield
    except EdgeCodecError as error:
        raise EdgeCodecError(f"packet {number}: {str(error).removeprefix('packet: ')}") from None
