"""The PULP cluster's own tiles give the defined sums, bit by bit; and the codec on it, with shapes that fit no tile."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from compilers import every_compiler
from deploy.factory import RANDOM_SIZES, Sizes, edge_like, paper_like, random_windows
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from simulators.conftest import L1_STACK_BYTES

from edgecodec.deploy.c_source import arithmetic_header
from edgecodec.deploy.emit import write_firmware
from edgecodec.packets.network import Arithmetic, Convolution, ExportedCodec
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.gvsoc import GvsocSimulator
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.toolchain import Toolchain

pytestmark = pytest.mark.tools

ARITHMETICS = get_args(Arithmetic)
LANES_TILES = [*(f"rows {rows}" for rows in range(1, 5)), *(f"filter of step {step}" for step in range(1, 9))]
TILES: dict[Arithmetic, list[str]] = {
    "lanes": LANES_TILES,
    "dotpex": [*LANES_TILES, *(f"rounded filter of step {step}" for step in range(1, 9)),
               *(f"convolution of kind {kind}" for kind in range(4)),
               *(f"search for rows {rows}" for rows in range(1, 5))],
}


def run_check(gvsoc: GvsocSimulator, repository: Path, folder: Path, arithmetic: Arithmetic,
              *definitions: str) -> list[str]:
    """What pulp_tile_check.c prints."""
    firmware = repository / "src" / "edgecodec" / "firmware"
    executable = folder / "check.elf"
    (folder / "arithmetic.h").write_text(arithmetic_header(arithmetic))
    gvsoc.toolchain.build(
        "riscv32",
        [repository / "tests" / "simulators" / "pulp_tile_check.c",
         *(firmware / "ports" / "pulp" / name for name in ("start.S", "runtime.c", "tile.S", "lanes.S")),
         firmware / "ports" / "bare_metal" / "memory.c"],
        executable,
        includes=[folder, *(firmware / part for part in ("include", "kernels", "ports/pulp", "ports/bare_metal"))],
        options=["-O2", "-ffunction-sections", "-fdata-sections", "-DEC_XPULP", "-DPULP_L1_BYTES=131072",
                 f"-DPULP_L1_STACK_BYTES={L1_STACK_BYTES}", *definitions,
                 "-T", str(firmware / "ports" / "pulp" / "pulp.ld")])
    return gvsoc.execute(Image("gap9_like", executable, (), None), 60).read_text().splitlines()


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("compiler", every_compiler("riscv32"))
def test_tiles_of_any_shape_give_the_defined_sums(
        gvsoc: GvsocSimulator, repository: Path, tmp_path: Path, compiler: Toolchain, arithmetic: Arithmetic) -> None:
    simulator = GvsocSimulator(gvsoc.folder, compiler, L1_STACK_BYTES)
    assert run_check(simulator, repository, tmp_path, arithmetic) == [f"ok {tile}" for tile in TILES[arithmetic]]


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_one_flipped_bit_shows_in_every_tile(
        gvsoc: GvsocSimulator, repository: Path, tmp_path: Path, arithmetic: Arithmetic) -> None:
    shown = run_check(gvsoc, repository, tmp_path, arithmetic, "-DFLIP")
    assert shown == [f"broken {tile}" for tile in TILES[arithmetic]]


def steep(codec: ExportedCodec) -> ExportedCodec:
    """``codec`` with PReLUs whose slopes are above 1: no fused loop is for them."""
    return replace(codec, layers=tuple(
        replace(layer, slope=1.5) if isinstance(layer, Convolution) and layer.slope is not None else layer
        for layer in codec.layers))


@pytest.mark.parametrize("codec", [
    steep(paper_like(Sizes(seed=5, channels=6, samples=64, width=6))),
    paper_like(Sizes(seed=1, channels=13, samples=59, width=9, taps=9, stride=3, dilation=7, codewords=33)),
    paper_like(Sizes(seed=2, channels=48, samples=41, width=15, taps=2, stride=8, dilation=9, codewords=5, regimes=3)),
    edge_like(Sizes(seed=3, channels=7, samples=61, width=3, taps=3, stride=5, codewords=9, regimes=4,
                    coded_classes=7)),
    edge_like(Sizes(seed=4, channels=1, samples=23, width=1, taps=1, stride=1, codewords=2)),
    paper_like(Sizes(seed=5, channels=11, samples=59, width=9, taps=9, stride=9, dilation=7, codewords=33,
                     arithmetic="lanes")),
    edge_like(Sizes(seed=6, channels=7, samples=61, width=3, taps=39, stride=5, codewords=9, regimes=4,
                    coded_classes=7, arithmetic="lanes")),
], ids=["steep paper", "odd paper", "wide paper", "odd edge", "least edge", "odd paper in lanes", "odd edge in lanes"])
def test_networks_that_fit_no_tile_equal_the_oracle(
        gvsoc: GvsocSimulator, codec: ExportedCodec, tmp_path: Path) -> None:
    windows = random_windows(codec, 1)
    write_firmware(codec, windows, 64 * 1024 - L1_STACK_BYTES, tmp_path / "firmware", L1_STACK_BYTES)
    image = gvsoc.build(tmp_path / "firmware", tmp_path, "gap9_like", windows)
    assert compare_with_oracle(codec, windows, gvsoc.run(image, time_limit_seconds=120)).first_difference is None


@pytest.mark.slow
@settings(max_examples=20, deadline=None, phases=[Phase.generate])
@given(kind=st.sampled_from([paper_like, edge_like]), sizes=RANDOM_SIZES)
def test_random_networks_equal_the_oracle(
        gvsoc: GvsocSimulator, tmp_path_factory: pytest.TempPathFactory, kind: Callable[[Sizes], ExportedCodec],
        sizes: Sizes) -> None:
    codec, folder = kind(sizes), tmp_path_factory.mktemp("random")
    windows = random_windows(codec, 1, seed=sizes.seed)
    write_firmware(codec, windows, 128 * 1024 - L1_STACK_BYTES, folder / "firmware", L1_STACK_BYTES)
    transcript = gvsoc.run(gvsoc.build(folder / "firmware", folder, "gap9_like", windows), time_limit_seconds=300)
    assert compare_with_oracle(codec, windows, transcript).first_difference is None
