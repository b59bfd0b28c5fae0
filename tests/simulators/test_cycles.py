"""The cycle model: it finds the costs that made its data, and sums up a codec it has not seen."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecodec.deploy.memory import plan_memory
from edgecodec.deploy.network import ExportedCodec
from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.cycle_model import CycleModel
from edgecodec.simulators.cycles import CodedCycles, Cycles
from edgecodec.simulators.transcript import (
    ChainRecord,
    ChoiceRecord,
    LayerRecord,
    PackRecord,
    StageRecord,
    Transcript,
    WindowRecord,
)
from edgecodec.simulators.workload import Step, Workload

ARENA_BYTES = 64 * 1024
COSTS = {
    "Normalize": {"steps": 900, "normalized": 9, "fetched_bytes": 0.2},
    "Filter": {"steps": 800, "blocks": 1500, "normalized": 7, "products": 1.1, "edge_outputs": 200},
    "Convolution": {"steps": 1200, "panels": 150, "products": 1.02, "row_products": 1.4, "edge_tiles": 300,
                    "first_edge_tiles": 500},
    "Transpose": {"steps": 700, "moved": 16},
    "Stage": {"steps": 500, "beginnings": 1400, "rows": 70, "products": 1.1, "row_products": 1.5},
    "Choice": {"steps": 1100, "energies": 4},
    "Pack": {"steps": 900, "first_steps": 800, "indices": 160},
    "CodedPack": {"steps": 2000, "first_steps": 800, "digits": 29},
}
OBSERVATION = {"windows": 500, "layers": 440, "stages": 280, "choices": 600}  # what it adds to single steps


def workload_of(codec: ExportedCodec) -> Workload:
    return Workload.of(codec, plan_memory(codec, ARENA_BYTES))


def true_cycles(step: Step) -> int:
    return 1 + round(sum(COSTS[step.kind].get(name, 0) * amount for name, amount in step.amounts.items()))


def count(workload: Workload) -> Cycles:
    """What a target of these costs takes."""
    def each(steps: tuple[Step, ...]) -> tuple[int, ...]:
        return tuple(map(true_cycles, steps))

    def chains(single: Cycles | CodedCycles, stages_of_rate: tuple[int, ...], encoder: int) -> tuple[int, ...]:
        observation = OBSERVATION["windows"] + OBSERVATION["layers"] * len(workload.layers)
        observation += OBSERVATION["choices"] * len(single.choice)
        return tuple(encoder + single.quantizer(stages) + packet - observation - OBSERVATION["stages"] * stages
                     for stages, packet in zip(stages_of_rate, single.packets, strict=True))

    fixed = Cycles(each(workload.layers), each(workload.stages), each(workload.packets), each(workload.choice))
    fixed = replace(fixed, chains=chains(fixed, workload.stages_of_rate, fixed.encoder))
    if workload.coded is None:
        return fixed
    coded = CodedCycles(each(workload.coded.stages), each(workload.coded.packets), each(workload.coded.choice))
    return replace(fixed, coded=replace(coded, chains=chains(coded, workload.coded.stages_of_rate, fixed.encoder)))


def many_firmwares() -> list[tuple[Workload, Cycles]]:
    workloads = [workload_of(kind(Sizes(seed=seed, channels=4 + 5 * seed % 29, samples=48 + 37 * seed % 120,
                                        width=6 + 2 * seed, taps=4 + 3 * seed % 7, stride=1 + seed % 4,
                                        codewords=20 + 50 * seed, regimes=1 + seed % 4,
                                        coded_codewords=10 * (kind is edge_like))))
                 for seed in range(14) for kind in (paper_like, edge_like)]
    return [(workload, count(workload)) for workload in workloads]


@pytest.mark.parametrize("kind", [paper_like, edge_like])
def test_a_model_of_many_firmwares_estimates_an_unseen_codec(kind: Callable[[Sizes], ExportedCodec]) -> None:
    model = CycleModel.fit(many_firmwares())
    unseen = workload_of(kind(Sizes(seed=99, channels=12, samples=110, width=20, codewords=400, regimes=3,
                                    coded_codewords=15 * (kind is edge_like))))
    found, true = model.estimate(unseen), count(unseen)
    assert found.steps == pytest.approx(true.steps, rel=0.05)
    assert found.chains == pytest.approx(true.chains, rel=0.05)
    assert (found.coded is None) == (true.coded is None) == (kind is paper_like)
    if found.coded is not None and true.coded is not None:
        assert found.coded.chains == pytest.approx(true.coded.chains, rel=0.05)


def test_what_it_was_fitted_on_is_met_even_by_a_single_codec() -> None:
    """One step of a kind leaves the costs open, but not their sum."""
    workload = workload_of(edge_like(Sizes()))
    cycles = count(workload)
    assert CycleModel.fit([(workload, cycles)]).estimate(workload).steps == pytest.approx(cycles.steps, rel=0.01)


@settings(max_examples=10, deadline=None)
@given(noise=st.lists(st.floats(0.8, 1.2), min_size=30, max_size=30))
def test_more_work_never_costs_less(noise: list[float]) -> None:
    def disturbed(cycles: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(max(1, round(one * factor)) for one, factor in zip(cycles, noise, strict=False))

    measured = [(workload, Cycles(disturbed(cycles.layers), disturbed(cycles.stages), disturbed(cycles.packets),
                                  disturbed(cycles.choice))) for workload, cycles in many_firmwares()[:3]]
    model = CycleModel.fit(measured)
    small, large = (workload_of(paper_like(Sizes(samples=samples, codewords=codewords)))
                    for samples, codewords in ((48, 20), (96, 40)))
    assert all(np.array(model.estimate(large).steps) >= np.array(model.estimate(small).steps))


def test_a_kind_that_was_never_measured_is_named() -> None:
    paper = workload_of(paper_like(Sizes()))
    model = CycleModel.fit([(paper, count(paper))])
    with pytest.raises(EdgeCodecError, match=r"no step like decimate \(Filter\) was ever measured"):
        model.estimate(workload_of(edge_like(Sizes())))


def test_the_slowest_window_counts() -> None:
    def window(number: int, cycles: int) -> WindowRecord:
        return WindowRecord(number, (LayerRecord(0, "normalize", "", cycles), LayerRecord(1, "first", "", 2 * cycles),
                                     StageRecord(0, "", 10, (1,)), ChoiceRecord(0, "", 7), StageRecord(1, "", 20, (2,)),
                                     PackRecord(1, "", 5), *(ChainRecord(1, "", 900) for _ in range(number == 0)),
                                     StageRecord(0, "", 30, (1,), True), ChoiceRecord(0, "", 9, True),
                                     StageRecord(1, "", 40, (1,), True), PackRecord(1, "", 6, True),
                                     *(ChainRecord(1, "", 800, True) for _ in range(number == 0))))

    found = Cycles.of_slowest_window(Transcript("", 8, (window(0, 100), window(1, 300), window(2, 200)), None))
    assert found == Cycles((300, 600), (10, 20), (5,), (7,), (900,), CodedCycles((30, 40), (6,), (9,), (800,)))
    assert found.coded is not None
    assert [found.coded.quantizer(stages) for stages in (1, 2)] == [39, 79]
    assert found.encoder == 900
    assert [found.quantizer(stages) for stages in (1, 2)] == [17, 37]
    assert (found.chain(1, 2), replace(found, chains=()).chain(1, 2)) == (900, 900 + 37 + 5)
