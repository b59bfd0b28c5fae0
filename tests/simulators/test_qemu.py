"""The firmware on QEMU's boards, RISC-V and Arm: their instructions, the oracle's bits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compilers import every_compiler
from deploy.factory import L1_STACK_BYTES, Sizes, edge_like, random_windows
from numpy.typing import NDArray

from edgecodec.deploy.emit import write_firmware
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.instruction_counts import count_instructions
from edgecodec.simulators.qemu import BOARDS, QemuSimulator, linker_script
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.toolchain import KINDS, Toolchain
from edgecodec.simulators.transcript import RemarksRecord, Transcript

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module", params=BOARDS)
def board(request: pytest.FixtureRequest, toolchain: Toolchain) -> QemuSimulator:
    try:
        return QemuSimulator.find(toolchain, request.param)
    except EdgeCodecError as absence:
        pytest.skip(str(absence))


def agrees(simulator: QemuSimulator, codec: ExportedCodec, firmware: Path, work: Path, windows: int) -> Transcript:
    """What the board prints, which is what the oracle says."""
    chosen = random_windows(codec, windows)
    transcript = simulator.run(simulator.build(firmware, work, "gap9_like", chosen), time_limit_seconds=120)
    assert compare_with_oracle(codec, chosen, transcript).first_difference is None
    return transcript


def test_every_layer_index_and_packet_is_the_oracles(
        board: QemuSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    transcript = agrees(board, codec, firmware, tmp_path, 3)
    assert transcript.stack_bytes is not None
    assert 0 < transcript.stack_bytes < 2048
    instructions = sum(layer.cycles for layer in transcript.windows[0].layers)
    assert codec.multiply_accumulates < instructions < 200 * codec.multiply_accumulates


def test_lanes_are_the_oracles_too(
        board: QemuSimulator, lanes_codec: ExportedCodec, lanes_firmware: Path, tmp_path: Path) -> None:
    agrees(board, lanes_codec, lanes_firmware, tmp_path, 2)


def test_remarks_and_escapes_are_the_oracles_too(board: QemuSimulator, tmp_path: Path) -> None:
    codec = edge_like(Sizes(channels=16, samples=60, regimes=3, coded_classes=9, monitored=True))
    windows = random_windows(codec, 3, seed=3)
    windows[1, 30:, 5] += 40
    windows[2] *= 3
    write_firmware(codec, windows, 1 << 20, tmp_path / "firmware", L1_STACK_BYTES)
    transcript = board.run(board.build(tmp_path / "firmware", tmp_path, "gap9_like", windows), time_limit_seconds=120)
    assert compare_with_oracle(codec, windows, transcript).first_difference is None
    assert any(record.faulty for record in transcript.windows[1].of(PacketKind.FIXED_LENGTH, RemarksRecord))


@pytest.mark.parametrize("board", ["qemu", "cortex-m4", "cortex-m55"], indirect=True)
@pytest.mark.parametrize("compiler", every_compiler("cortex-m4"))
def test_every_compiler_gives_the_same_bits(
        board: QemuSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path, compiler: Toolchain) -> None:
    if board.board.core not in KINDS[compiler.name].flags:
        pytest.skip(f"{compiler.name} does not build for {board.name}")
    agrees(replace(board, toolchain=compiler), codec, firmware, tmp_path, 1)


@pytest.mark.parametrize("board", ["qemu"], indirect=True)
def test_instructions_are_counted_exactly(
        board: QemuSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    image = board.build(firmware, tmp_path, "gap9_like", random_windows(codec, 1))
    assert board.run(image, 60) == board.run(image, 60)


@pytest.mark.parametrize("board", ["qemu", "cortex-m4"], indirect=True)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_window_with_nan_or_inf_is_refused_by_the_program(
        board: QemuSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path, value: float) -> None:
    windows = random_windows(codec, 1)
    windows[0, 0, 0] = value
    with pytest.raises(EdgeCodecError, match="ended with status 1; last line: 'error window with NaN or Inf'"):
        board.run(board.build(firmware, tmp_path, "gap9_like", windows), 60)


@pytest.mark.parametrize("compiler", every_compiler("cortex-m4"))
def test_every_core_converts_float16_in_hardware(compiler: Toolchain, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "probe.c").write_text("""
        #include "half.h"
        #if !defined(EC_MACHINE_HALF) && !defined(EC_ARM_HALF)
        #error "converts in integers"
        #endif
    """)
    for machine in KINDS[compiler.name].flags.keys() - {"host"}:
        compiler.build(machine, [tmp_path / "probe.c"], tmp_path / "probe.o",
                        includes=[repository / "src" / "edgecodec" / "firmware" / "kernels"],
                        options=["-c", "-Wno-unused-command-line-argument"])


def fnv_1a(words: NDArray[np.uint32]) -> int:
    digest = 2166136261
    for word in words.tolist():
        digest = (digest ^ word) * 16777619 & 0xFFFFFFFF
    return digest


@pytest.fixture(scope="module")
def conversions() -> str:
    """What half_check.c must print."""
    halves = np.arange(0x10000, dtype=np.uint16).view(np.float16)
    widened = halves[~np.isnan(halves)].astype(np.float32).view(np.uint32)
    near = np.arange(0x33000000 - 0x1000, 0x47801000, 0x1000, dtype=np.uint32)[:, None] + np.arange(-1, 2)
    signed = np.stack([near, near | 0x80000000], axis=-1).astype(np.uint32).ravel()
    with np.errstate(over="ignore"):
        narrowed = signed.view(np.float32).astype(np.float16).view(np.uint16)
    return f"widened {fnv_1a(widened):08x}\nnarrowed {fnv_1a(narrowed):08x}\n"


@pytest.mark.parametrize("compiler", every_compiler("cortex-m4"))
def test_conversions_round_as_ieee_754_says(
        board: QemuSimulator, compiler: Toolchain, repository: Path, tmp_path: Path, conversions: str) -> None:
    if board.board.core not in KINDS[compiler.name].flags:
        pytest.skip(f"{compiler.name} does not build for {board.name}")
    firmware = repository / "src" / "edgecodec" / "firmware"
    folders = [firmware / "ports" / port for port in ("bare_metal", "qemu", board.board.port)]
    (tmp_path / "board.ld").write_text(linker_script(board.board, firmware / "ports"))
    compiler.build(board.board.core, [Path(__file__).with_name("half_check.c"),
                                      *(path for folder in folders for path in folder.glob("*.[cS]"))],
                   tmp_path / "check.elf", includes=[firmware / "kernels", *folders],
                   options=["-O2", *board.board.definitions, "-T", str(tmp_path / "board.ld")])
    image = Image(board.name, tmp_path / "check.elf", (), None)
    assert board.execute(image, time_limit_seconds=60).read_text() == conversions


@pytest.mark.parametrize("name", BOARDS)
def test_without_qemu_it_says_what_to_install(
        monkeypatch: pytest.MonkeyPatch, toolchain: Toolchain, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EdgeCodecError, match=r"qemu-system-(riscv32|arm) not found: install QEMU 7.2 or later"):
        QemuSimulator.find(toolchain, name)


class TestInstructionCounts:
    @pytest.mark.parametrize("board", ["cortex-m55"], indirect=True)
    @pytest.mark.usefixtures("board")
    def test_every_core_counts_the_same_window(self, toolchain: Toolchain, tmp_path: Path) -> None:
        codec = edge_like(Sizes())
        windows = random_windows(codec, 1)
        write_firmware(codec, windows, 1 << 16, tmp_path / "firmware", L1_STACK_BYTES)
        counts = count_instructions(codec, tmp_path / "firmware", windows[0], [toolchain], 120)
        assert {count.core for count in counts} >= BOARDS.keys() - {"qemu"}
        for count in counts:
            assert codec.multiply_accumulates < count.encoder < count.chains[0] < count.chains[-1]
            assert count.chains[-1] < count.pushed < 2 * count.chains[-1]
            assert 4_000 < count.code_bytes < 60_000
            assert 0 < count.stack_bytes < 2048

    def test_without_any_simulator_it_says_which_there_are(
            self, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        codec = edge_like(Sizes())
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(EdgeCodecError, match=r"^qemu-system-riscv32 not found: .*; qemu-system-arm not found: .*$"):
            count_instructions(codec, tmp_path, random_windows(codec, 1)[0], [toolchain], 1)
