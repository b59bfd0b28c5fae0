"""Indices to payloads and back, by kind of packets. A further kind is a class, and its line in :data:`PAYLOADS`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.entropy import EntropyTables
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import Quantizer, ScalarQuantizer
from edgecodec.packets.scalar import Scalars


@dataclass(frozen=True)
class Payloads(ABC):
    """Payloads of one kind of packets."""

    always_full: ClassVar[bool]  # whether every payload has :meth:`size` bytes
    stages_of_rate: tuple[int, ...]
    tokens: int  # words of a stage

    def stages(self, rate: int) -> int:
        """Stages that a packet of rate ``rate`` sends.

        Raises:
            EdgeCodecError: there is no such rate.
        """
        if not 1 <= rate <= len(self.stages_of_rate):
            raise EdgeCodecError(f"rate {rate}: the model has rates 1 to {len(self.stages_of_rate)}")
        return self.stages_of_rate[rate - 1]

    def sent(self, indices: Indices, rate: int) -> Indices:
        """What a packet of rate ``rate`` sends of ``indices``, without the word that pads an odd number in firmware.

        Raises:
            EdgeCodecError: no such rate, or too few stages or words.
        """
        stages = self.stages(rate)
        if indices.words.ndim != 3 or indices.words.shape[1] < stages or indices.words.shape[2] < self.tokens:
            raise EdgeCodecError(f"indices: shape {indices.words.shape}; rate {rate} needs [n, {stages}, "
                                 f"{self.tokens}]")
        return Indices(indices.regime, indices.words[:, :stages, : self.tokens])

    @abstractmethod
    def size(self, rate: int) -> int:
        """Bytes of a payload, at most."""

    @abstractmethod
    def bits_of(self, indices: Indices) -> NDArray[np.int64]:
        """Of the payloads of n windows, with the stages of a rate: [n]."""

    @abstractmethod
    def check(self, indices: Indices) -> None:
        """
        Raises:
            EdgeCodecError: a regime or a word that there is not.
        """

    @abstractmethod
    def write(self, indices: Indices) -> list[bytes]:
        """The payloads of n windows, with the stages of a rate. Errors as of :meth:`check`."""

    @abstractmethod
    def read(self, rate: int, payloads: Sequence[bytes]) -> Indices:
        """What n payloads, of a possible size, hold.

        Raises:
            EdgeCodecError: one is no window's.
        """


@dataclass(frozen=True)
class FixedLengthPayloads(Payloads):
    """Numbers of equal length, stage by stage, token by token. Those of the first stage count through the codebooks of
    all regimes, ``regime * codewords + word``: so they tell the regime, every token the same."""

    always_full = True
    codewords: tuple[int, ...]  # of every stage, in one regime
    regimes: int = 1

    @classmethod
    def of(cls, quantizer: Quantizer) -> FixedLengthPayloads:
        codewords = tuple(stage.codewords.shape[1] for stage in quantizer.stages)
        return cls(quantizer.stages_of_rate, quantizer.tokens, codewords, quantizer.regimes)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of every stage, how many different numbers there are."""
        first, *others = self.codewords
        return (self.regimes * first, *others)

    def bits(self, rate: int) -> int:
        """Of a payload, without what fills the last byte."""
        return int(self._widths(self.stages(rate)).sum())

    def size(self, rate: int) -> int:
        return -(-self.bits(rate) // 8)

    def bits_of(self, indices: Indices) -> NDArray[np.int64]:
        return np.full(len(indices), self._widths(indices.words.shape[1]).sum())

    def check(self, indices: Indices) -> None:
        if (absent := indices.regime >= self.regimes).any():
            raise EdgeCodecError(f"indices: regime {indices.regime[absent][0]} is not one of {self.regimes}")
        codewords = np.array(self.codewords[: indices.words.shape[1]])
        if (absent := indices.words >= codewords[:, np.newaxis]).any():
            window, stage, token = np.argwhere(absent)[0]
            raise EdgeCodecError(f"indices: stage {stage}, token {token}: {indices.words[window, stage, token]} is not "
                                 f"one of {codewords[stage]} codewords")

    def write(self, indices: Indices) -> list[bytes]:
        self.check(indices)
        n, stages, _ = indices.words.shape
        numbers = indices.words.astype(np.int64)
        numbers[:, 0] += self.codewords[0] * indices.regime[:, np.newaxis].astype(np.int64)
        widths = self._widths(stages)
        bits = np.repeat(numbers.reshape(n, -1), widths, axis=1) & _weights(widths)
        return [payload.tobytes() for payload in np.packbits(bits != 0, axis=1)]

    def read(self, rate: int, payloads: Sequence[bytes]) -> Indices:
        stages = self.stages(rate)
        widths = self._widths(stages)
        content = np.frombuffer(b"".join(payloads), np.uint8).reshape(len(payloads), -1)
        bits, filling = np.split(np.unpackbits(content, axis=1), [widths.sum()], axis=1)
        if filling.any():
            raise EdgeCodecError("packet: bits behind the last index; the sender is faulty")
        found = np.add.reduceat(bits * _weights(widths), np.cumsum(widths) - widths, axis=1)
        words, numbers = found.reshape(len(payloads), stages, self.tokens), np.array(self.numbers[:stages])
        if (absent := words >= numbers[:, np.newaxis]).any():
            _, stage, _ = place = tuple(np.argwhere(absent)[0])
            raise EdgeCodecError(f"packet: index {words[place]} in a stage of {numbers[stage]} codewords; the sender "
                                 "is faulty")
        regimes, words[:, 0] = np.divmod(words[:, 0], self.codewords[0])
        if (regimes != regimes[:, :1]).any():
            raise EdgeCodecError("packet: tokens of several regimes; the sender is faulty")
        return Indices(regimes[:, 0].astype(np.uint16), words.astype(np.uint16))

    def _widths(self, stages: int) -> NDArray[np.int64]:
        """Bits of every number: [stages * tokens]."""
        return np.repeat([index_bits(count) for count in self.numbers[:stages]], self.tokens)


@dataclass(frozen=True)
class CodedPayloads(Payloads):
    """The regime and a word per coordinate, entropy coded.

    A stage is a rate and stands for the window by itself: of the stages up to a rate's the last alone is sent. Those
    before are zeros in what is read.
    """

    always_full = False
    scalars: Scalars

    @classmethod
    def of(cls, quantizer: ScalarQuantizer) -> CodedPayloads:
        return cls(quantizer.stages_of_rate, quantizer.tokens, quantizer.scalars)

    def size(self, rate: int) -> int:
        self.stages(rate)
        return self.scalars.payload_bytes(rate)

    def bits_of(self, indices: Indices) -> NDArray[np.int64]:
        return 8 * np.array([len(payload) for payload in self.write(indices)])

    def check(self, indices: Indices) -> None:
        if (absent := indices.regime >= self.scalars.regimes).any():
            raise EdgeCodecError(f"indices: regime {indices.regime[absent][0]} is not one of {self.scalars.regimes}")
        rate = indices.words.shape[1]
        largest = self.scalars.largest_words(indices.regime, rate)
        if (absent := indices.words[:, -1] > largest).any():
            window, coordinate = place = tuple(np.argwhere(absent)[0])
            raise EdgeCodecError(f"indices: rate {rate}, coordinate {coordinate}: "
                                 f"{indices.words[window, -1, coordinate]} is not one of {largest[place] + 1} words")

    def write(self, indices: Indices) -> list[bytes]:
        self.check(indices)
        rate = indices.words.shape[1]
        tables: EntropyTables = self.scalars.entropy_tables[rate - 1]
        return tables.encode(self.scalars.symbols(indices.regime, indices.words[:, -1], rate))

    def read(self, rate: int, payloads: Sequence[bytes]) -> Indices:
        self.stages(rate)
        try:
            regime, sent = self.scalars.words_of(
                self.scalars.entropy_tables[rate - 1].decode(payloads, 2 * self.tokens), rate)
            words = np.zeros((len(sent), rate, self.tokens), np.uint16)
            words[:, -1] = sent
            self.check(Indices(regime, words))
        except EdgeCodecError:
            raise EdgeCodecError(f"packet: no window of rate {rate} has this payload; the sender is faulty") from None
        return Indices(regime, words)


PAYLOADS: Mapping[PacketKind, Callable[[Any], Payloads]] = {
    PacketKind.FIXED_LENGTH: FixedLengthPayloads.of, PacketKind.CODED: CodedPayloads.of}


def index_bits(numbers: int) -> int:
    """Bits of one of so many numbers on air."""
    return max(1, (numbers - 1).bit_length())


def _weights(widths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of every bit in its number, the most significant one first."""
    return 1 << np.repeat(np.cumsum(widths), widths) - 1 - np.arange(widths.sum())
