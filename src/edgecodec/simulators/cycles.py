"""Cycles of a codec's steps on a target: as a simulator counted them, or as a model fitted on such counts estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.transcript import QuantizerRecords, Transcript, WindowRecord
from edgecodec.simulators.workload import Step, Workload


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


@dataclass(frozen=True)
class Cycles:
    """One window on the target, step by step."""

    layers: tuple[int, ...]
    stages: tuple[int, ...]
    packets: tuple[int, ...]  # by rate, from rate 1 on
    choice: tuple[int, ...] = ()  # of the regime, if there are several
    chains: tuple[int, ...] = ()  # whole chain, window to packet, by rate; () where only single steps are known
    coded: CodedCycles | None = None  # None: no such packets, or not counted; they are never estimated

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


@dataclass(frozen=True)
class CycleModel:
    """Cycles as a sum of non-negative costs: per MAC, per result, per byte fetched, per step; for each kind of step."""

    costs: Mapping[str, tuple[float, ...]]  # by kind
    relative_error: float  # root mean square over the steps it was fitted on

    @classmethod
    def fit(cls, measured: Sequence[tuple[Step, int]]) -> CycleModel:
        """Least squares of the relative error over ``measured`` steps and their cycles."""
        costs: dict[str, tuple[float, ...]] = {}
        residuals = []
        for kind in sorted({step.kind for step, _ in measured}):
            cycles = np.array([count for step, count in measured if step.kind == kind], dtype=np.float64)
            amounts = np.array([_amounts(step) for step, _ in measured if step.kind == kind]) / cycles[:, None]
            fitted = _smallest_fit(amounts)
            costs[kind] = tuple(fitted.tolist())
            residuals.append(amounts @ fitted - 1)
        return cls(costs, float(np.sqrt(np.mean(np.concatenate(residuals) ** 2))))

    def estimate(self, workload: Workload) -> Cycles:
        """
        Raises:
            EdgeCodecError: a step is of a kind that was never measured.
        """
        return Cycles(tuple(map(self._cycles, workload.layers)), tuple(map(self._cycles, workload.stages)),
                      tuple(map(self._cycles, workload.packets)), tuple(map(self._cycles, workload.choice)))

    def _cycles(self, step: Step) -> int:
        if step.kind not in self.costs:
            raise EdgeCodecError(f"cycle model: no step like {step.name} ({step.kind}) was ever measured; "
                                 "verify once on a machine with GVSOC")
        return round(float(np.dot(self.costs[step.kind], _amounts(step))))


def _coded(records: QuantizerRecords) -> CodedCycles:
    return CodedCycles(tuple(stage.cycles for stage in records.stages),
                       tuple(packet.cycles for packet in records.packets),
                       () if records.choice is None else (records.choice.cycles,),
                       tuple(chain.cycles for chain in records.chains))


def _amounts(step: Step) -> tuple[float, float, float, float]:
    return float(step.macs), float(step.results), float(step.fetched_bytes), 1.0


def _smallest_fit(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Non-negative costs whose predictions are nearest to 1; of equally near ones nearly the smallest."""
    largest = np.abs(amounts).max(axis=0)
    scale = np.where(largest > 0, largest, 1.0)
    shrink = 1e-4 * np.eye(amounts.shape[1])
    system = np.concatenate([amounts / scale, shrink])
    wanted = np.concatenate([np.ones(len(amounts)), np.zeros(len(shrink))])
    costs, _ = nnls(system, wanted)
    fitted: NDArray[np.float64] = costs / scale
    return fitted
