"""Packets to windows, with the trained decoder and the very codebooks that the firmware holds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets import escape
from edgecodec.packets.cosines import cosines, samples_of
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.packet import PacketFormat, SealedPacket, open_packet, read_exact
from edgecodec.packets.receiver import Receiver

STREAMED = 256  # packets that a stream decodes at a time


@dataclass(frozen=True)
class DecodedWindows:
    """What n packets held, in their order."""

    windows: NDArray[np.float32]  # [n, channels, samples]
    rate: NDArray[np.int32]  # [n], 0 of kinds without: escapes and exact packets
    sequence: NDArray[np.int64]  # [n]
    estimated_error: NDArray[np.float32]  # [n], per cent, at most; NaN where the node did not say
    unlike_training: NDArray[np.bool_]  # [n], as the node said
    faulty: NDArray[np.bool_]  # [n, channels], as the node said: such a channel of a window is NaN


@dataclass(frozen=True, eq=False)
class _Alike:
    """Some packets of one kind and rate."""

    kind: PacketKind
    numbers: tuple[int, ...]
    packets: tuple[SealedPacket, ...]
    indices: Indices


@dataclass(frozen=True, eq=False)
class _Whole:
    """A packet that holds its window whole."""

    number: int
    packet: SealedPacket
    window: NDArray[np.float32]  # [channels, samples]


@dataclass(frozen=True, eq=False)
class _Reading:
    alike: tuple[_Alike, ...]
    whole: tuple[_Whole, ...]
    flaws: Mapping[int, str]  # of the packets that cannot be decoded, by number

    @property
    def packets(self) -> Iterator[tuple[int, SealedPacket]]:
        """Those that can, with their numbers."""
        for alike in self.alike:
            yield from zip(alike.numbers, alike.packets, strict=True)
        yield from ((each.number, each.packet) for each in self.whole)


class PacketDecoder:
    """The receiver of one model's packets. A window is the same bits whatever it is decoded together with."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.codec = receiver.codec
        self.form = PacketFormat.of(receiver.codec)
        self._cosines = cosines(self.form.spectrum_bins, self.codec.samples) if self.form.spectrum_bins else None

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
        reading = self._read(packets)
        for number, flaw in reading.flaws.items():
            raise EdgeCodecError(f"packet {first_number + number}: {flaw}")
        n = len(packets)
        windows = np.empty((n, self.codec.channels, self.codec.samples), np.float32)
        rate, sequence = np.empty(n, np.int32), np.empty(n, np.int64)
        estimated, unlike = np.full(n, np.nan, np.float32), np.zeros(n, bool)
        faulty = np.zeros((n, self.codec.channels), bool)
        for alike in reading.alike:
            which = list(alike.numbers)
            windows[which] = self.receiver.rebuild(self.codec.quantizers[alike.kind], alike.indices)
        for each in reading.whole:
            windows[each.number] = each.window
        for number, packet in reading.packets:
            rate[number], sequence[number] = packet.rate, packet.sequence
            if packet.said is not None:
                estimated[number], unlike[number] = packet.said.error_percent, packet.said.unlike
                faulty[number] = packet.said.faulty
        windows[faulty] = np.nan  # no invention in place of what a sensor did not measure
        return DecodedWindows(windows, rate, sequence, estimated, unlike, faulty)

    def flaws(self, packets: Sequence[bytes | None]) -> Mapping[int, str]:
        """Why packets cannot be decoded, by their numbers, in order; of those that can there is nothing."""
        return self._read(packets).flaws

    def stream(self, packets: Iterable[bytes | None]) -> Iterator[DecodedWindows]:
        """Decode any number of packets, some at a time: memory does not grow with their number.

        Raises:
            EdgeCodecError: see :meth:`decode`.
        """
        remaining, number = iter(packets), 0
        while batch := list(islice(remaining, STREAMED)):
            yield self.decode(batch, number)
            number += len(batch)

    def _read(self, packets: Sequence[bytes | None]) -> _Reading:
        flaws: dict[int, str] = {}
        opened: dict[tuple[PacketKind, int], dict[int, SealedPacket]] = defaultdict(dict)
        whole: list[_Whole] = []
        for number, packet in enumerate(packets):
            try:
                sealed = open_packet(self.form, _bytes_of(packet))
                if sealed.kind.has_rate:
                    opened[sealed.kind, sealed.rate][number] = sealed
                else:
                    whole.append(_Whole(number, sealed, self._window_of(sealed)))
            except EdgeCodecError as error:
                flaws[number] = _flaw(error)
        alike = tuple(each for sealed in opened.values() for each in self._read_alike(sealed, flaws))
        return _Reading(alike, tuple(whole), dict(sorted(flaws.items())))

    def _window_of(self, packet: SealedPacket) -> NDArray[np.float32]:
        """Of a packet that holds it whole."""
        if packet.kind is PacketKind.EXACT:
            return read_exact(self.form, packet.payload)
        assert self._cosines is not None, "checked when the packet was opened"
        bins = escape.decode(packet.payload, self.codec.channels, self.form.spectrum_bins)
        return samples_of(self.codec, bins, self._cosines)

    def _read_alike(self, sealed: Mapping[int, SealedPacket], flaws: dict[int, str]) -> Iterator[_Alike]:
        """``sealed`` are of one kind and rate, by number. They are read all at once, which is many times faster than
        one by one; if any is flawed, in halves, and its flaw is added to ``flaws``."""
        first, *others = sealed.values()
        try:
            indices = self.form.payloads(first.kind).read(first.rate, [each.payload for each in sealed.values()])
            yield _Alike(first.kind, tuple(sealed), tuple(sealed.values()), indices)
        except EdgeCodecError as error:
            if not others:
                flaws.update(dict.fromkeys(sealed, _flaw(error)))
                return
            numbered, middle = list(sealed.items()), len(sealed) // 2
            for half in (numbered[:middle], numbered[middle:]):
                yield from self._read_alike(dict(half), flaws)


def _bytes_of(packet: object) -> bytes:
    """``packet``, unless it is what tables have in place of a packet: null, which pandas may turn into NaN."""
    if isinstance(packet, bytes | bytearray | memoryview):
        return bytes(packet)
    if packet is None or (isinstance(packet, float) and math.isnan(packet)):
        raise EdgeCodecError("packet: no packet, its row is empty")
    raise EdgeCodecError(f"packet: no packet, but {type(packet).__name__}; give bytes")


def _flaw(error: EdgeCodecError) -> str:
    return str(error).removeprefix("packet: ")
