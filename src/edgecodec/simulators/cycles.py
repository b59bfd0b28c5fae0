"""Cycles of a codec's steps on a target: as a simulator counted them, or as a table of prices estimates them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from edgecodec.packets.kind import PacketKind
from edgecodec.simulators.transcript import (
    ChainRecord,
    ChoiceRecord,
    PackRecord,
    StageRecord,
    Transcript,
    WindowRecord,
)

# A kind of packets that files know by its label.
Labelled = Annotated[PacketKind, BeforeValidator(lambda label: PacketKind[label.upper()]),
                     PlainSerializer(lambda kind: kind.label)]


@dataclass(frozen=True)
class KindCycles:
    """From the latent to packets of one kind, step by step."""

    stages: tuple[int, ...]
    packets: tuple[int, ...]  # by rate, from rate 1 on
    choice: tuple[int, ...] = ()  # of the regime, if there are several
    chains: tuple[int, ...] = ()  # whole chain, window to packet, by rate; () where only single steps are known

    @classmethod
    def of(cls, window: WindowRecord, kind: PacketKind) -> KindCycles:
        return cls(*(tuple(record.cycles for record in window.of(kind, what))
                     for what in (StageRecord, PackRecord, ChoiceRecord, ChainRecord)))

    @property
    def steps(self) -> tuple[int, ...]:
        return (*self.stages, *self.packets, *self.choice)

    def quantizer(self, stages: int) -> int:
        """Of the first ``stages`` stages, the choice of the regime included."""
        return sum(self.stages[:stages]) + sum(self.choice)


@dataclass(frozen=True)
class Cycles:
    """One window on the target, step by step."""

    layers: tuple[int, ...]
    kinds: Mapping[Labelled, KindCycles]  # of packets

    @classmethod
    def of_slowest_window(cls, transcript: Transcript) -> Cycles:
        """Cycles of the window that took longest to a fixed-length packet, and those of the whole chains."""
        slowest = max((cls._of(window) for window in transcript.windows),
                      key=lambda cycles: sum((*cycles.layers, *cycles.fixed_length.steps)))
        first = cls._of(transcript.windows[0])
        return replace(slowest, kinds={kind: replace(cycles, chains=first.kinds[kind].chains)
                                       for kind, cycles in slowest.kinds.items()})

    @classmethod
    def _of(cls, window: WindowRecord) -> Cycles:
        return cls(tuple(layer.cycles for layer in window.layers),
                   {kind: KindCycles.of(window, kind) for kind in window.kinds})

    @property
    def fixed_length(self) -> KindCycles:
        return self.kinds[PacketKind.FIXED_LENGTH]

    @property
    def encoder(self) -> int:
        return sum(self.layers)

    def chain(self, rate: int, stages: int, kind: PacketKind = PacketKind.FIXED_LENGTH) -> int:
        """From the window to the packet. As measured in one piece: single steps are observed, and what observes them
        drives the codec out of the instruction cache. Else their sum."""
        cycles = self.kinds[kind]
        if cycles.chains:
            return cycles.chains[rate - 1]
        return self.encoder + cycles.quantizer(stages) + cycles.packets[rate - 1]
