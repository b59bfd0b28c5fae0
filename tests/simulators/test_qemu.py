"""The firmware on QEMU: the target's instructions, the oracle's bits."""

from pathlib import Path

import pytest
from compilers import every_compiler
from deploy.factory import random_windows

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.qemu import QemuSimulator
from edgecodec.simulators.toolchain import Toolchain

pytestmark = pytest.mark.tools


@pytest.mark.parametrize("compiler", every_compiler("riscv32"))
def test_every_layer_index_and_packet_is_the_oracles(
        qemu: QemuSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path, compiler: Toolchain) -> None:
    windows = random_windows(codec, 3)
    simulator = QemuSimulator(qemu.program, compiler)
    transcript = simulator.run(simulator.build(firmware, tmp_path, "gap9_like", windows), time_limit_seconds=120)
    assert compare_with_oracle(codec, windows, transcript).first_difference is None
    assert transcript.stack_bytes is not None
    assert 0 < transcript.stack_bytes < 2048


def test_lanes_are_the_oracles_too(
        qemu: QemuSimulator, lanes_codec: ExportedCodec, lanes_firmware: Path, tmp_path: Path) -> None:
    windows = random_windows(lanes_codec, 2)
    transcript = qemu.run(qemu.build(lanes_firmware, tmp_path, "gap9_like", windows), time_limit_seconds=120)
    assert compare_with_oracle(lanes_codec, windows, transcript).first_difference is None


def test_instructions_are_counted_exactly(
        qemu: QemuSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    image = qemu.build(firmware, tmp_path, "gap9_like", random_windows(codec, 1))
    first, second = qemu.run(image, 60), qemu.run(image, 60)
    assert first == second
    assert sum(layer.cycles for layer in first.windows[0].layers) > codec.multiply_accumulates


def test_a_window_with_nan_is_refused_by_the_program(
        qemu: QemuSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    windows = random_windows(codec, 1)
    windows[0, 0, 0] = float("inf")
    with pytest.raises(EdgeCodecError, match="qemu: ended with status 1; last line: 'error window with NaN or Inf'"):
        qemu.run(qemu.build(firmware, tmp_path, "gap9_like", windows), 60)


def test_without_qemu_it_says_what_to_install(
        monkeypatch: pytest.MonkeyPatch, toolchain: Toolchain, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EdgeCodecError, match=r"qemu-system-riscv32 not found: install QEMU 7.2 or later"):
        QemuSimulator.find(toolchain)
