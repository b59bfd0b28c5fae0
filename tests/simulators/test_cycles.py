"""The cycle model: it finds the costs that made its data, and sums up a codec it has not seen."""

from dataclasses import replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.cycles import CodedCycles, CycleModel, Cycles
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

COSTS = {"Normalize": (0, 2.5, 0.1, 900), "Convolution": (1.3, 14, 0.4, 1200), "Transpose": (0, 3, 0, 700),
         "Filter": (5.1, 20, 0.3, 800), "Stage": (1.5, 3, 0.2, 1500), "Choice": (4, 30, 0, 600),
         "Pack": (0, 120, 0, 500)}


def true_cycles(step: Step) -> int:
    per_mac, per_result, per_byte, per_step = COSTS[step.kind]
    return round(per_mac * step.macs + per_result * step.results + per_byte * step.fetched_bytes + per_step)


def many_steps() -> list[tuple[Step, int]]:
    steps = [step for seed in range(12) for kind in (paper_like, edge_like)
             for step in Workload.of(kind(Sizes(seed=seed, channels=4 + seed, samples=48 + 8 * seed, width=6 + 2 * seed,
                                                codewords=20 + 50 * seed, regimes=1 + seed % 4))).steps]
    return [(step, true_cycles(step)) for step in steps]


def test_a_model_of_many_steps_estimates_an_unseen_codec() -> None:
    model = CycleModel.fit(many_steps())
    assert model.relative_error < 0.01
    unseen = Workload.of(paper_like(Sizes(seed=99, channels=30, samples=400, width=32, codewords=700, regimes=3)))
    assert model.estimate(unseen).steps == pytest.approx([true_cycles(step) for step in unseen.steps], rel=0.05)


def test_what_it_was_fitted_on_is_met_even_by_a_single_codec() -> None:
    """One step of a kind leaves the costs open, but not their sum."""
    workload = Workload.of(edge_like(Sizes()))
    cycles = [true_cycles(step) for step in workload.steps]
    model = CycleModel.fit(list(zip(workload.steps, cycles, strict=True)))
    assert model.estimate(workload).steps == pytest.approx(cycles, rel=0.01)


@settings(max_examples=25, deadline=None)
@given(noise=st.lists(st.floats(0.8, 1.2), min_size=30, max_size=30))
def test_more_work_never_costs_less(noise: list[float]) -> None:
    measured = [(step, max(1, round(cycles * factor)))
                for (step, cycles), factor in zip(many_steps()[:30], noise, strict=True)]
    model = CycleModel.fit(measured)
    small, large = (Workload.of(paper_like(Sizes(samples=samples, codewords=codewords)))
                    for samples, codewords in ((48, 20), (96, 40)))
    assert all(np.array(model.estimate(large).steps) >= np.array(model.estimate(small).steps))


def test_a_kind_that_was_never_measured_is_named() -> None:
    paper = Workload.of(paper_like(Sizes()))
    model = CycleModel.fit([(step, true_cycles(step)) for step in paper.steps])
    with pytest.raises(EdgeCodecError, match=r"no step like decimate \(Filter\) was ever measured"):
        model.estimate(Workload.of(edge_like(Sizes())))


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


@pytest.mark.parametrize("regimes", [1, 3])
def test_work_is_counted_as_the_codec_says(regimes: int) -> None:
    codec = edge_like(Sizes(stages_per_rate=2, regimes=regimes))
    workload = Workload.of(codec)
    assert sum(step.macs for step in workload.layers) == codec.multiply_accumulates
    assert sum(step.macs for step in (*workload.stages, *workload.choice)) == codec.quantizer.multiply_accumulates
    assert len(workload.choice) == (regimes > 1)
    assert workload.layers[0].fetched_bytes == 4 * codec.samples * codec.channels + codec.layers[0].weight.nbytes
    assert len(workload.packets) == len(codec.quantizer.stages_of_rate) == 3
    assert workload.stages_of_rate == (2, 4, 6)
