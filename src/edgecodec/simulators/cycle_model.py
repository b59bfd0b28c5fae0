"""Cycles of a codec on a target that is not at hand: a model fitted on what a simulator of it counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.cycles import CodedCycles, Cycles
from edgecodec.simulators.workload import Step, Workload

Amounts = Mapping[str, float]
Costs = Mapping[str, float]  # cycles of one of each amount


@dataclass(frozen=True)
class CycleModel:
    """Cycles of a step as a sum of its amounts, each times a cost that is not negative; costs for each kind of step.

    The chain in one piece takes less than its steps one by one: whoever observes a step drives the codec's code out of
    the instruction caches. What that costs depends on how many steps there are of a sort.
    """

    costs: Mapping[str, Costs]  # by kind
    observation: Costs  # see _observed

    @classmethod
    def fit(cls, counted: Sequence[tuple[Workload, Cycles]]) -> CycleModel:
        """Least squares of the relative errors of single steps, and of chains."""
        steps: dict[str, list[tuple[Amounts, float]]] = defaultdict(list)
        for workload, cycles in counted:
            for step, taken in _steps(workload, cycles):
                steps[step.kind].append((step.amounts, taken))
        chains = [chain for workload, cycles in counted for chain in _chains(workload, cycles)]
        return cls({kind: _costs([amounts for amounts, _ in of_kind], [taken for _, taken in of_kind],
                                 [taken for _, taken in of_kind]) for kind, of_kind in sorted(steps.items())},
                   _costs([observed for observed, _, _ in chains], [single - whole for _, single, whole in chains],
                          [whole for _, _, whole in chains]))

    def estimate(self, workload: Workload) -> Cycles:
        """
        Raises:
            EdgeCodecError: a step is of a kind that was never measured.
        """
        steps = Cycles(self._all(workload.layers), self._all(workload.stages), self._all(workload.packets),
                       self._all(workload.choice), coded=self._coded_steps(workload))
        fixed, coded = self._chains(workload, steps)
        return replace(steps, chains=fixed, coded=steps.coded and replace(steps.coded, chains=coded))

    def _coded_steps(self, workload: Workload) -> CodedCycles | None:
        if (coded := workload.coded) is None:
            return None
        return CodedCycles(self._all(coded.stages), self._all(coded.packets), self._all(coded.choice))

    def _all(self, steps: Sequence[Step]) -> tuple[int, ...]:
        return tuple(map(self._cycles, steps))

    def _cycles(self, step: Step) -> int:
        if step.kind not in self.costs:
            raise EdgeCodecError(f"cycle model: no step like {step.name} ({step.kind}) was ever measured; "
                                 "verify once on a machine with GVSOC")
        return round(_sum(self.costs[step.kind], step.amounts))

    def _chains(self, workload: Workload, steps: Cycles) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of fixed-length packets, and of coded ones."""
        fixed, coded = (tuple(round(single - _sum(self.observation, observed)) for observed, single in sums)
                        for sums in _sums(workload, steps))
        return fixed, coded


def _steps(workload: Workload, cycles: Cycles) -> Iterator[tuple[Step, int]]:
    yield from zip(workload.steps, cycles.steps, strict=True)
    if workload.coded is not None and cycles.coded is not None:
        yield from zip(workload.coded.steps, cycles.coded.steps, strict=True)


def _sums(workload: Workload, cycles: Cycles) -> tuple[list[tuple[Amounts, int]], list[tuple[Amounts, int]]]:
    """By rate what is observed, and what its single steps take together; of fixed-length packets and coded ones."""
    fixed = [(_observed(workload, workload.choice, stages), cycles.encoder + cycles.quantizer(stages) + packet)
             for stages, packet in zip(workload.stages_of_rate, cycles.packets, strict=True)]
    coded = []
    if workload.coded is not None and cycles.coded is not None:
        coded = [(_observed(workload, workload.coded.choice, stages),
                  cycles.encoder + cycles.coded.quantizer(stages) + packet)
                 for stages, packet in zip(workload.coded.stages_of_rate, cycles.coded.packets, strict=True)]
    return fixed, coded


def _chains(workload: Workload, cycles: Cycles) -> Iterator[tuple[Amounts, int, int]]:
    """What is observed, what the single steps take together, and what the chain takes in one piece."""
    fixed, coded = _sums(workload, cycles)
    yield from ((*each, chain) for each, chain in zip(fixed, cycles.chains, strict=False))
    if cycles.coded is not None:
        yield from ((*each, chain) for each, chain in zip(coded, cycles.coded.chains, strict=False))


def _observed(workload: Workload, choice: Sequence[Step], stages: int) -> Amounts:
    return {"windows": 1, "layers": len(workload.layers), "stages": stages, "choices": len(choice)}


def _sum(costs: Costs, amounts: Amounts) -> float:
    return sum(costs.get(name, 0.0) * amount for name, amount in amounts.items())


def _costs(amounts: Sequence[Amounts], wanted: Sequence[float], scales: Sequence[float]) -> Costs:
    """Non-negative costs by which ``amounts`` come nearest to ``wanted``, each difference over its scale; of equally
    near ones nearly the smallest."""
    names = sorted({name for each in amounts for name, amount in each.items() if amount})
    if not names:
        return {}
    rows = np.array([[each.get(name, 0) for name in names] for each in amounts]) / np.array(scales)[:, None]
    largest: NDArray[np.float64] = rows.max(axis=0)
    shrink = 1e-4 * np.eye(len(names))
    system = np.concatenate([rows / largest, shrink])
    costs, _ = nnls(system, np.concatenate([np.array(wanted) / np.array(scales), np.zeros(len(names))]))
    return dict(zip(names, (costs / largest).tolist(), strict=True))
