"""The planner: what is alive at the same time is apart; the paper's encoder fits GAP9; what does not fit is named."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, with_quantizer
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecodec.deploy.memory import (
    ALIGNMENT,
    BLOB_HEADER_BYTES,
    CLUSTER_CORES,
    FETCH_BYTES,
    MemoryPlan,
    even_count,
    fetch_in_blocks,
    payload_bytes,
    plan_for_one_worker,
    plan_memory,
    scalar_tables_bytes,
)
from edgecodec.deploy.panels import panel_bytes, panel_count
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import Convolution, ExportedCodec, Normalize, Quantizer, Stage, Transpose, View
from edgecodec.params import load_params


def zeros(output: int, taps: int, width: int) -> np.ndarray:
    return np.zeros((output, taps, width), np.float16)


def papers_codec() -> ExportedCodec:
    """The shapes of arXiv 2507.06040, its two largest buffers taking turns."""
    wide, other = View("a", 800, 36), View("b", 800, 36)
    bias = np.zeros(36, np.float32)
    down = View("a", 100, 10)
    latent = View("latent", 10, 100)
    layers = (
        Normalize("normalize", wide, bias, bias),
        Convolution("first", wide, other, zeros(36, 7, 36), bias, pad_left=3, slope=0.25),
        Convolution("wide", other, wide, zeros(36, 5, 36), bias, dilation=3, pad_left=6, slope=0.25),
        Convolution("narrow", wide, other, zeros(36, 1, 36), bias, residual=other, slope=0.25),
        Convolution("down", other, down, zeros(10, 4, 36), bias[:10], stride=8, pad_left=1),
        Transpose("tokens", down, latent),
    )
    stages = (Stage(zeros(1, 768, 100), np.zeros((1, 768), np.float32), None),) * 4
    return ExportedCodec("paper", 36, 800, 100.0, tuple(f"P{n}" for n in range(36)), layers,
                         {PacketKind.FIXED_LENGTH: Quantizer(latent, 9, 1, stages, (1, 2, 3, 4))})


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from([paper_like, edge_like]), channels=st.integers(1, 48), samples=st.integers(8, 200),
       width=st.integers(1, 20), stride=st.integers(1, 8), codewords=st.integers(2, 300), regimes=st.integers(1, 4),
       coded_classes=st.sampled_from([0, 2, 300]))
def test_blocks_that_live_together_are_apart(kind: Callable[[Sizes], ExportedCodec], **drawn: int) -> None:
    codec = kind(Sizes(**drawn))
    of_team, alone = plan_memory(codec, l1_bytes=1 << 20), plan_for_one_worker(codec)
    needed = [sum(block.bytes for block in plan.blocks.values()) for plan in (alone, of_team)]
    assert needed[0] < needed[1]  # of arenas of a kilobyte the smaller needs may have the worse luck with their places
    for plan in (of_team, alone):
        assert_apart(plan)


def assert_apart(plan: MemoryPlan) -> None:
    blocks = list(plan.blocks.values())
    for number, block in enumerate(blocks):
        assert block.offset % ALIGNMENT == 0
        assert block.offset + block.bytes <= plan.arena_bytes
        for other in blocks[:number]:
            together = block.first_step <= other.last_step and other.first_step <= block.last_step
            apart = block.offset + block.bytes <= other.offset or other.offset + other.bytes <= block.offset
            assert apart or not together, (block, other)


def test_the_papers_encoder_fits_the_l1_of_gap9() -> None:
    params = load_params().firmware
    plan = plan_memory(papers_codec(), params.l1_bytes - params.l1_stack_bytes)
    assert 2 * 57_600 < plan.arena_bytes <= 131_072 - 9_216
    assert plan.codebooks_bytes == BLOB_HEADER_BYTES + 614_400 + 12_288


def test_every_step_fetches_the_largest_blocks_that_fit() -> None:
    """While both buffers are alive there is room for little; the quantizer has all of L1."""
    params = load_params().firmware
    l1_bytes = params.l1_bytes - params.l1_stack_bytes
    plan = plan_memory(papers_codec(), l1_bytes)
    first, stage = plan.fetches["first"], plan.fetches["quantizer_stage0"]
    assert (first.row_bytes, first.rows, first.blocks) == (4 * (4 + 7 * 36 * 2), 1, 9)
    assert (stage.row_bytes, stage.rows, stage.blocks) == (4 * (4 + 200), 40, 5)
    roomy = plan_memory(papers_codec(), 1 << 20).fetches["first"]
    assert (roomy.rows, roomy.blocks, roomy.bytes) == (9, 1, 9 * roomy.row_bytes)


@given(columns=st.integers(1, 200), halfwords=st.integers(1, 300), limit=st.sampled_from(FETCH_BYTES))
def test_blocks_cover_what_is_fetched_and_keep_all_workers_busy(columns: int, halfwords: int, limit: int) -> None:
    rows, row_bytes = panel_count(columns), panel_bytes(2 * halfwords)
    fetch = fetch_in_blocks(rows, row_bytes, limit, CLUSTER_CORES)
    assert fetch.rows * fetch.blocks >= rows > fetch.rows * (fetch.blocks - 1)
    assert fetch.rows * row_bytes <= limit or fetch.rows == 1
    assert fetch.rows % CLUSTER_CORES == 0 or fetch.blocks == 1 or CLUSTER_CORES * row_bytes > limit
    assert fetch.bytes == fetch.rows * row_bytes * (1 if fetch.blocks == 1 else 2)


def test_the_quantizer_of_coded_packets_has_room_for_its_tables() -> None:
    sizes = Sizes(regimes=3, codewords=40)
    alone = plan_memory(edge_like(sizes), 1 << 20)
    codec = edge_like(replace(sizes, coded_classes=30))
    plan = plan_memory(codec, 1 << 20)
    assert set(plan.blocks) - set(alone.blocks) == {"scalars_tables", "scalars_missed", "scalars_found_costs",
                                                    "scalars_choice"}
    tables = plan.blocks["scalars_tables"].bytes
    assert tables == scalar_tables_bytes(codec.coded)
    assert plan.codebooks_bytes - alone.codebooks_bytes == (
        tables + codec.coded.cumulative_frequencies.nbytes + even_count(payload_bytes(codec.coded)).nbytes)
    assert plan_for_one_worker(codec).blocks["scalars_tables"].bytes == 0


def test_what_does_not_fit_is_named_with_the_bytes_over() -> None:
    with pytest.raises(EdgeCodecError) as refused:
        plan_memory(papers_codec(), 100_000)
    assert str(refused.value) == (
        "codec paper: b (57600 bytes, in use at first) ends 15264 bytes over the 100000 bytes of L1; "
        "raise firmware.l1_bytes, or take a shorter window.samples, or fewer channels (now 36)")


def test_l1_of_exactly_the_arena_is_enough() -> None:
    codec = edge_like(Sizes())
    plan = plan_memory(codec, 1 << 20)
    assert plan_memory(codec, plan.arena_bytes).arena_bytes == plan.arena_bytes
    with pytest.raises(EdgeCodecError, match="bytes over"):
        plan_memory(codec, plan.arena_bytes - ALIGNMENT)


def test_one_row_larger_than_the_scratch_comes_alone() -> None:
    codec = paper_like(Sizes(channels=2, samples=8000, stride=1))
    plan = plan_memory(codec, 1 << 22)
    stage = plan.fetches["quantizer_stage0"]
    assert (stage.rows, stage.row_bytes) == (1, 4 * (4 + 2 * 8000))


def test_the_table_shows_every_block() -> None:
    plan = plan_memory(edge_like(Sizes()), 1 << 20)
    table = plan.table()
    assert all(f" {name} " in table for name in plan.blocks)
    assert f"{plan.arena_bytes}  bytes of L1 arena" in table


def test_a_longer_life_takes_more_memory() -> None:
    """The latent read by the quantizer only, against every buffer kept to the end."""
    codec = edge_like(Sizes(samples=200))
    plan = plan_memory(codec, 1 << 20)
    assert plan.arena_bytes < sum(block.bytes for block in plan.blocks.values())
    held = with_quantizer(codec, latent=View("by_channel", 1, 14))
    assert plan_memory(held, 1 << 20).blocks["by_channel"].last_step > plan.blocks["by_channel"].last_step
