"""Kernels of small cores give the defined sums, bit by bit: portable ones, and those for Arm's vector unit Helium."""

import re
from pathlib import Path

import numpy as np
import pytest
from compilers import every_compiler
from deploy.factory import Sizes, edge_like, random_windows
from simulators.conftest import L1_STACK_BYTES

from edgecodec.deploy.c_source import arithmetic_header
from edgecodec.deploy.emit import write_firmware
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.qemu import QemuSimulator, linker_script
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.toolchain import KINDS, CortexM, Toolchain

pytestmark = pytest.mark.tools

WIDENED = re.compile(r"\bvcvt[bt]\.f32\.f16\s+s\d")
HELIUM = re.compile(r"\bvfma\.f32\s+q\d")
WITHOUT_HELIUM = "-mcpu=cortex-m55+nomve"  # as clang and gcc say it
FOURS_AND_ONE = edge_like(Sizes(seed=7, channels=9, samples=80, taps=8, stride=8))  # filters of 16 taps


@pytest.fixture(params=["qemu", "cortex-m4", "cortex-m55"])
def board(request: pytest.FixtureRequest, toolchain: Toolchain) -> QemuSimulator:
    return board_named(request.param, toolchain)


@pytest.fixture
def helium(toolchain: Toolchain) -> QemuSimulator:
    return board_named("cortex-m55", toolchain)


def board_named(name: str, toolchain: Toolchain) -> QemuSimulator:
    try:
        return QemuSimulator.find(toolchain, name)
    except EdgeCodecError as absence:
        pytest.skip(str(absence))


def run_check(board: QemuSimulator, compiler: Toolchain, repository: Path, folder: Path, *options: str) -> list[str]:
    """What tile_check.c prints."""
    if board.board.core not in KINDS[compiler.name].flags:
        pytest.skip(f"{compiler.name} does not build for {board.name}")
    firmware = repository / "src" / "edgecodec" / "firmware"
    folders = [firmware / "ports" / port for port in ("bare_metal", "qemu", board.board.port)]
    (folder / "board.ld").write_text(linker_script(board.board, firmware / "ports"))
    (folder / "arithmetic.h").write_text(arithmetic_header("dotpex"))
    compiler.build(board.board.core, [repository / "tests" / "simulators" / "tile_check.c",
                                      *(firmware / "kernels" / name for name in ("tile.c", "tile_helium.c")),
                                      *(path for each in folders for path in each.glob("*.[cS]"))],
                   folder / "check.elf", includes=[folder, firmware / "kernels", *folders],
                   options=["-O2", *board.board.definitions, *options, "-T", str(folder / "board.ld")])
    return board.execute(Image(board.name, folder / "check.elf", (), None), 60).read_text().splitlines()


@pytest.mark.parametrize("compiler", every_compiler("cortex-m4"))
def test_tiles_of_any_shape_give_the_defined_sums(
        board: QemuSimulator, compiler: Toolchain, repository: Path, tmp_path: Path) -> None:
    assert run_check(board, compiler, repository, tmp_path) == [f"ok {rows}" for rows in range(1, 5)]


def test_one_flipped_bit_shows(board: QemuSimulator, toolchain: Toolchain, repository: Path, tmp_path: Path) -> None:
    assert run_check(board, toolchain, repository, tmp_path, "-DFLIP") == [f"broken {rows}" for rows in range(1, 5)]


def agrees(simulator: QemuSimulator, codec: ExportedCodec, folder: Path, scale: float = 1.0) -> None:
    windows = random_windows(codec, 2) * np.float32(scale)
    write_firmware(codec, windows, 1 << 20, folder / "firmware", L1_STACK_BYTES)
    transcript = simulator.run(simulator.build(folder / "firmware", folder, "gap9_like", windows), 120)
    assert compare_with_oracle(codec, windows, transcript).first_difference is None


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-40], ids=["as_usual", "subnormal_halves", "subnormal_floats"])
def test_filters_that_step_on_by_eight_equal_the_oracle(board: QemuSimulator, tmp_path: Path, scale: float) -> None:
    agrees(board, FOURS_AND_ONE, tmp_path, scale)


def assembly(compiler: Toolchain, repository: Path, folder: Path, source: str, *options: str,
             core: CortexM = "cortex-m55") -> str:
    """Of one kernel."""
    firmware = repository / "src" / "edgecodec" / "firmware"
    (folder / "arithmetic.h").write_text(arithmetic_header("dotpex"))
    compiler.build(core, [firmware / "kernels" / source], folder / "kernel.s",
                   includes=[folder, firmware / "kernels", firmware / "include"],
                   options=["-O2", "-S", "-Wno-unused-command-line-argument", *options])
    return (folder / "kernel.s").read_text()


@pytest.mark.parametrize("compiler", every_compiler("cortex-m4"))
def test_a_cortex_m4_converts_float16_in_hardware(compiler: Toolchain, repository: Path, tmp_path: Path) -> None:
    for options, hardware in (((), True), (("-DEC_PORTABLE_HALF",), False)):
        code = assembly(compiler, repository, tmp_path, "tile.c", *options, core="cortex-m4")
        assert bool(WIDENED.search(code)) is hardware


@pytest.mark.parametrize("source", ["tile_helium.c", "running_filter.c"])
@pytest.mark.parametrize("compiler", every_compiler("cortex-m55"))
def test_a_cortex_m55_multiplies_vectors(compiler: Toolchain, repository: Path, tmp_path: Path, source: str) -> None:
    assert HELIUM.search(assembly(compiler, repository, tmp_path, source))


@pytest.mark.parametrize("compiler", [each for each in every_compiler("cortex-m55") if each.id != "zig"])
def test_a_cortex_m55_without_helium_does_not(
        compiler: Toolchain, helium: QemuSimulator, repository: Path, tmp_path: Path) -> None:
    assert not HELIUM.search(assembly(compiler, repository, tmp_path, "running_filter.c", WITHOUT_HELIUM))
    assert run_check(helium, compiler, repository, tmp_path, WITHOUT_HELIUM) == [f"ok {rows}" for rows in range(1, 5)]
