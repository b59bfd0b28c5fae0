"""The firmware on QEMU's Cortex-M boards: Arm's instructions, the oracle's bits."""

from dataclasses import replace
from pathlib import Path

import pytest
from compilers import every_compiler
from deploy.factory import L1_STACK_BYTES, Sizes, edge_like, random_windows

from edgecodec.deploy.emit import write_firmware
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.cortex_m import BOARDS, CortexMSimulator
from edgecodec.simulators.instruction_counts import count_instructions
from edgecodec.simulators.toolchain import Toolchain

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module", params=BOARDS)
def cortex_m(request: pytest.FixtureRequest, toolchain: Toolchain) -> CortexMSimulator:
    try:
        return CortexMSimulator.find(toolchain, request.param)
    except EdgeCodecError as absence:
        pytest.skip(str(absence))


def test_every_layer_index_and_packet_is_the_oracles(
        cortex_m: CortexMSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    windows = random_windows(codec, 3)
    transcript = cortex_m.run(cortex_m.build(firmware, tmp_path, "gap9_like", windows), time_limit_seconds=120)
    assert compare_with_oracle(codec, windows, transcript).first_difference is None
    assert transcript.stack_bytes is not None
    assert 0 < transcript.stack_bytes < 2048
    instructions = sum(layer.cycles for layer in transcript.windows[0].layers)
    assert codec.multiply_accumulates < instructions < 200 * codec.multiply_accumulates


def test_lanes_are_the_oracles_too(
        cortex_m: CortexMSimulator, lanes_codec: ExportedCodec, lanes_firmware: Path, tmp_path: Path) -> None:
    windows = random_windows(lanes_codec, 2)
    transcript = cortex_m.run(cortex_m.build(lanes_firmware, tmp_path, "gap9_like", windows), time_limit_seconds=120)
    assert compare_with_oracle(lanes_codec, windows, transcript).first_difference is None


@pytest.mark.parametrize("cortex_m", ["cortex-m4", "cortex-m55"], indirect=True)
@pytest.mark.parametrize("compiler", every_compiler("cortex-m4"))
def test_every_compiler_gives_the_same_bits(cortex_m: CortexMSimulator, codec: ExportedCodec, firmware: Path,
                                            tmp_path: Path, compiler: Toolchain) -> None:
    windows = random_windows(codec, 1)
    simulator = replace(cortex_m, toolchain=compiler)
    transcript = simulator.run(simulator.build(firmware, tmp_path, "gap9_like", windows), time_limit_seconds=120)
    assert compare_with_oracle(codec, windows, transcript).first_difference is None


@pytest.mark.parametrize("cortex_m", ["cortex-m4"], indirect=True)
def test_a_window_with_nan_is_refused_by_the_program(
        cortex_m: CortexMSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    windows = random_windows(codec, 1)
    windows[0, 0, 0] = float("nan")
    with pytest.raises(EdgeCodecError, match="ended with status 1; last line: 'error window with NaN or Inf'"):
        cortex_m.run(cortex_m.build(firmware, tmp_path, "gap9_like", windows), 60)


@pytest.mark.parametrize("compiler", every_compiler("cortex-m4"))
def test_every_core_converts_float16_in_hardware(compiler: Toolchain, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "probe.c").write_text("""
        #include "half.h"
        #ifndef EC_MACHINE_HALF
        #error "converts in integers"
        #endif
    """)
    for board in BOARDS.values():
        compiler.build(board.core, [tmp_path / "probe.c"], tmp_path / "probe.o",
                        includes=[repository / "src" / "edgecodec" / "firmware" / "kernels"],
                        options=["-c", "-Wno-unused-command-line-argument"])


def test_an_unknown_core_is_named(toolchain: Toolchain) -> None:
    with pytest.raises(EdgeCodecError, match="core cortex-m9: unknown; use one of cortex-m4, cortex-m7"):
        CortexMSimulator.find(toolchain, "cortex-m9")


def test_without_qemu_it_says_what_to_install(
        monkeypatch: pytest.MonkeyPatch, toolchain: Toolchain, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EdgeCodecError, match=r"qemu-system-arm not found: install QEMU 7.2 or later"):
        CortexMSimulator.find(toolchain, "cortex-m7")


class TestInstructionCounts:
    @pytest.mark.parametrize("cortex_m", ["cortex-m55"], indirect=True)
    @pytest.mark.usefixtures("cortex_m")
    def test_every_core_counts_the_same_window(self, toolchain: Toolchain, tmp_path: Path) -> None:
        codec = edge_like(Sizes())
        windows = random_windows(codec, 1)
        write_firmware(codec, windows, 1 << 16, tmp_path / "firmware", L1_STACK_BYTES)
        counts = count_instructions(codec, tmp_path / "firmware", windows[0], toolchain, 120)
        assert {count.core for count in counts} >= BOARDS.keys()
        for count in counts:
            assert codec.multiply_accumulates < count.encoder < count.chains[0] < count.chains[-1]
            assert 4_000 < count.code_bytes < 40_000
            assert 0 < count.stack_bytes < 2048

    def test_without_any_simulator_it_says_which_there_are(
            self, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        codec = edge_like(Sizes())
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(EdgeCodecError, match=r"^qemu-system-riscv32 not found: .*; qemu-system-arm not found: .*$"):
            count_instructions(codec, tmp_path, random_windows(codec, 1)[0], toolchain, 1)
