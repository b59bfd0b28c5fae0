"""A program: values do not make another one; shapes, memory plan and hand-written code do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from deploy.factory import L1_STACK_BYTES, RANDOM_SIZES, Sizes, edge_like, paper_like, random_windows, with_layer
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecodec.deploy.emit import firmware_hash, write_firmware
from edgecodec.deploy.memory import plan_memory
from edgecodec.packets.network import ExportedCodec
from edgecodec.simulators.program_hash import kernels_hash, program_hash

L1_BYTES = 512 * 1024
SIZES = Sizes(regimes=2, coded_classes=9)
Kind = Callable[[Sizes], ExportedCodec]


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program") / "firmware"
    codec = edge_like(SIZES)
    write_firmware(codec, random_windows(codec, 1), L1_BYTES, folder, L1_STACK_BYTES)
    return folder


def program(codec: ExportedCodec, firmware: Path, l1_bytes: int = L1_BYTES) -> str:
    return program_hash(codec, plan_memory(codec, l1_bytes), firmware)


@settings(max_examples=25, deadline=None)
@given(sizes=RANDOM_SIZES, seed=st.integers(0, 2**32 - 1), kind=st.sampled_from([edge_like, paper_like]))
def test_other_values_are_the_same_program(firmware: Path, sizes: Sizes, seed: int, kind: Kind) -> None:
    one, other = kind(sizes), kind(replace(sizes, seed=seed))
    assert (one.model_hash == other.model_hash) == (sizes.seed == seed)
    assert program(one, firmware) == program(other, firmware)


@pytest.mark.parametrize("changes", [
    {"channels": 8}, {"samples": 60}, {"width": 8}, {"taps": 9}, {"stride": 3}, {"codewords": 24},
    {"stages_per_rate": 2}, {"rates": 2}, {"regimes": 3}, {"coded_classes": 0}, {"coded_classes": 12},
    {"arithmetic": "lanes"}], ids=str)
def test_another_shape_is_another_program(changes: dict[str, object], firmware: Path) -> None:
    assert program(edge_like(replace(SIZES, **changes)), firmware) != program(edge_like(SIZES), firmware)


def test_other_dilation_is_another_program(firmware: Path) -> None:
    assert program(paper_like(Sizes(dilation=2)), firmware) != program(paper_like(Sizes(dilation=3)), firmware)


def test_of_a_slope_counts_which_path_it_takes(firmware: Path) -> None:
    def with_slope(slope: float | None) -> str:
        return program(with_layer(paper_like(Sizes()), "first", slope=slope), firmware)

    assert with_slope(0.25) == with_slope(-3.0) == with_slope(1.0)
    assert with_slope(1.01) == with_slope(7.0) != with_slope(0.25)


def test_the_place_of_a_window_does_not_matter(firmware: Path) -> None:
    codec = edge_like(SIZES)
    elsewhere = replace(codec, channel_names=tuple("ABCDE"), sample_rate_hz=9.0)
    assert program(elsewhere, firmware) == program(codec, firmware)


def test_another_memory_plan_is_another_program(firmware: Path) -> None:
    codec = edge_like(replace(SIZES, codewords=300))
    narrow = plan_memory(codec, L1_BYTES).arena_bytes - 16
    assert program(codec, firmware, narrow) != program(codec, firmware)


def test_kernels_are_the_same_for_all_models_of_an_arithmetic_but_the_firmware_is_not(tmp_path: Path) -> None:
    for name, codec in (("one", paper_like(Sizes(seed=1))), ("two", edge_like(Sizes(seed=2))),
                        ("lanes", edge_like(Sizes(arithmetic="lanes")))):
        write_firmware(codec, random_windows(codec, 1), 65536, tmp_path / name, L1_STACK_BYTES)
    one, two = tmp_path / "one", tmp_path / "two"
    assert kernels_hash(one) == kernels_hash(two) != kernels_hash(tmp_path / "lanes")
    assert firmware_hash(one) != firmware_hash(two)
    codec = edge_like(Sizes())
    before = program(codec, one)
    kernel = one / "src" / "convolution.c"
    kernel.write_text(kernel.read_text() + "\n")
    assert kernels_hash(one) != kernels_hash(two)
    assert program(codec, one) != before
