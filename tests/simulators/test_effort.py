"""What keeps the busiest core: whole tiles and edges, shares of eight, blocks that are waited for."""

from dataclasses import replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like

from edgecodec.deploy.memory import plan_memory
from edgecodec.deploy.network import Convolution, View
from edgecodec.simulators.effort import layer_effort
from edgecodec.simulators.workload import Workload

CODEC = edge_like(Sizes(stages_per_rate=2, regimes=3))
PLAN = plan_memory(CODEC, 64 * 1024)


def effort(rows: int, channels: int, taps: int, outputs: int, **fields: int) -> dict[str, int]:
    """Of a convolution that keeps the length, in a codec with no other layer."""
    layer = Convolution("only", View("a", rows, channels), View("b", rows, outputs),
                        np.zeros((outputs, taps, channels), np.float16), np.zeros(outputs, np.float32),
                        pad_left=fields.get("dilation", 1) * (taps - 1) // 2, **fields)
    codec = replace(CODEC, layers=(layer,))
    amounts = layer_effort(layer, codec, plan_memory(codec, 96 * 1024))
    return {name: amount for name, amount in amounts.items() if amount}


def test_a_dense_layer_is_an_edge_tile_of_one_row_per_panel() -> None:
    assert effort(rows=1, channels=8, taps=1, outputs=32) == {
        "steps": 1, "blocks": 1, "panels": 1, "fetched_bytes": 8 * (16 + 64), "edge_tiles": 1, "edge_rows": 1,
        "edge_segments": 1, "row_products": 4 * 9}


def test_tiles_are_shared_out_by_eight_and_rounded_up() -> None:
    """Sixteen tiles of one panel are two for each; seventeen are three for one."""
    even, odd = (effort(rows=rows, channels=8, taps=1, outputs=4) for rows in (64, 68))
    assert (even["tiles"], odd["tiles"]) == (2, 3)
    assert even["products"] == 2 * 4 * 32


def test_taps_that_reach_beyond_the_input_make_edges() -> None:
    """The first and the last of eight tiles, each with four rows of five taps; a dilated row has a segment per tap."""
    found = effort(rows=32, channels=4, taps=5, outputs=4, dilation=2)
    assert (found["edge_tiles"], found["edge_segments"], found["edge_rows"]) == (1, 20, 4)
    wide = effort(rows=64, channels=4, taps=5, outputs=4)
    assert wide["tiles"] + wide["edge_tiles"] == 2


def test_weights_that_arrive_slower_than_they_are_used_are_waited_for() -> None:
    """One row uses every weight once: all blocks but the work on the last count as fetched."""
    found = effort(rows=1, channels=400, taps=1, outputs=64)
    assert found["blocks"] == 2
    assert found["fetched_bytes"] == 16 * (16 + 8 * 400)
    assert found["edge_tiles"] == 1


@pytest.mark.parametrize("regimes", [1, 3])
def test_every_step_has_amounts(regimes: int) -> None:
    codec = edge_like(Sizes(stages_per_rate=2, regimes=regimes, coded_codewords=9))
    workload = Workload.of(codec, plan_memory(codec, 64 * 1024))
    assert all(step.amounts["steps"] == 1 for step in workload.all_steps)
    assert len(workload.choice) == (regimes > 1)
    assert workload.stages_of_rate == (2, 4, 6)
    assert workload.coded is not None
    assert workload.coded.stages_of_rate == (4, 8, 12)
    assert [step.amounts.get("beginnings", 0) for step in workload.stages] == [1, 0, int(regimes > 1), 0, 0, 0]
