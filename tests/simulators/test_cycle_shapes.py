"""The shapes that the cycle model is fitted on: every kind of step, and the same codecs again."""

from pathlib import Path

import numpy as np
import pytest

from edgecodec.deploy.memory import arena_bytes, plan_memory
from edgecodec.params import load_params
from edgecodec.simulators.cycle_shapes import SHAPES, noise
from edgecodec.simulators.workload import Workload


@pytest.mark.parametrize("name", ["edge_4x160", "paper_16x64"])
def test_a_codec_is_the_same_again_and_fits(name: str, repository: Path) -> None:
    params, shape = load_params(repository / "params.yaml"), SHAPES[name]
    training = params.train.edge if name.startswith("edge") else params.train.paper
    one, same, other = (shape.random_codec(seed, training, "dotpex") for seed in (1, 1, 2))
    assert one.model_hash == same.model_hash != other.model_hash
    assert np.array_equal(noise(one, 1), noise(same, 1))
    workloads = [Workload.of(codec, plan_memory(codec, arena_bytes(params.firmware))) for codec in (one, other)]
    assert workloads[0] == workloads[1]
    assert all(step.amounts["steps"] == 1 for step in workloads[0].all_steps)
