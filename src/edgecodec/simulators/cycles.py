"""Cycles of a codec's steps on a target: as a simulator counted them, or as a table of prices estimates them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgecodec.simulators.transcript import QuantizerRecords, Transcript, WindowRecord


@dataclass(frozen=True)
class CodedCycles:
    """Quantizer and packing for coded packets; the layers before are the same."""

    stages: tuple[int, ...]
    packets: tuple[int, ...]  # by rate
    choice: tuple[int, ...]  # of the regime, if there are several
    chains: tuple[int, ...] = ()  # see Cycles

    def quantizer(self, stages: int) -> int:
        """Of the first ``stages`` stages, the choice of the regime included."""
        return sum(self.stages[:stages]) + sum(self.choice)

    @property
    def steps(self) -> tuple[int, ...]:
        return (*self.stages, *self.choice, *self.packets)


@dataclass(frozen=True)
class Cycles:
    """One window on the target, step by step."""

    layers: tuple[int, ...]
    stages: tuple[int, ...]
    packets: tuple[int, ...]  # by rate, from rate 1 on
    choice: tuple[int, ...] = ()  # of the regime, if there are several
    chains: tuple[int, ...] = ()  # whole chain, window to packet, by rate; () where only single steps are known
    coded: CodedCycles | None = None  # None: no such packets, or not counted

    @classmethod
    def of_slowest_window(cls, transcript: Transcript) -> Cycles:
        """Cycles of the window that took longest, and those of the whole chain."""
        slowest = max((cls._of(window) for window in transcript.windows), key=lambda cycles: sum(cycles.steps))
        first = cls._of(transcript.windows[0])
        coded = slowest.coded and first.coded and replace(slowest.coded, chains=first.coded.chains)
        return replace(slowest, chains=first.chains, coded=coded)

    @classmethod
    def _of(cls, window: WindowRecord) -> Cycles:
        return cls(tuple(layer.cycles for layer in window.layers), tuple(stage.cycles for stage in window.stages),
                   tuple(packet.cycles for packet in window.packets),
                   () if window.choice is None else (window.choice.cycles,),
                   tuple(chain.cycles for chain in window.chains),
                   None if window.coded is None else _coded(window.coded))

    @property
    def steps(self) -> tuple[int, ...]:
        """Of a fixed-length packet."""
        return (*self.layers, *self.stages, *self.choice, *self.packets)

    @property
    def encoder(self) -> int:
        return sum(self.layers)

    def quantizer(self, stages: int) -> int:
        """Of the first ``stages`` stages, the choice of the regime included."""
        return sum(self.stages[:stages]) + sum(self.choice)

    def chain(self, rate: int, stages: int) -> int:
        """From the window to the packet. As measured in one piece: single steps are observed, and what observes them
        drives the codec out of the instruction cache. Else their sum."""
        if self.chains:
            return self.chains[rate - 1]
        return self.encoder + self.quantizer(stages) + self.packets[rate - 1]


def _coded(records: QuantizerRecords) -> CodedCycles:
    return CodedCycles(tuple(stage.cycles for stage in records.stages),
                       tuple(packet.cycles for packet in records.packets),
                       () if records.choice is None else (records.choice.cycles,),
                       tuple(chain.cycles for chain in records.chains))
