"""The firmware on QEMU's Cortex-M boards: Arm's instructions, the oracle's bits."""

from pathlib import Path

import pytest
from deploy.factory import random_windows

from edgecodec.deploy.network import ExportedCodec
from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.cortex_m import BOARDS, CortexMSimulator
from edgecodec.simulators.toolchain import Toolchain


@pytest.fixture(scope="module")
def cortex_m(toolchain: Toolchain) -> CortexMSimulator:
    try:
        return CortexMSimulator.find(toolchain)
    except EdgeCodecError as absence:
        pytest.skip(str(absence))


@pytest.mark.parametrize("core", BOARDS)
def test_every_layer_index_and_packet_is_the_oracles(cortex_m: CortexMSimulator, codec: ExportedCodec, firmware: Path,
                                                     tmp_path: Path, core: str) -> None:
    windows = random_windows(codec, 3)
    transcript = cortex_m.run(cortex_m.build(firmware, tmp_path, core, windows), time_limit_seconds=120)
    assert compare_with_oracle(codec, windows, transcript).first_difference is None
    assert transcript.stack_bytes is not None
    assert 0 < transcript.stack_bytes < 2048
    instructions = sum(layer.cycles for layer in transcript.windows[0].layers)
    assert codec.multiply_accumulates < instructions < 200 * codec.multiply_accumulates


@pytest.mark.parametrize("core", BOARDS)
def test_lanes_are_the_oracles_too(cortex_m: CortexMSimulator, lanes_codec: ExportedCodec, lanes_firmware: Path,
                                   tmp_path: Path, core: str) -> None:
    windows = random_windows(lanes_codec, 2)
    transcript = cortex_m.run(cortex_m.build(lanes_firmware, tmp_path, core, windows), time_limit_seconds=120)
    assert compare_with_oracle(lanes_codec, windows, transcript).first_difference is None


def test_a_window_with_nan_is_refused_by_the_program(
        cortex_m: CortexMSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    windows = random_windows(codec, 1)
    windows[0, 0, 0] = float("nan")
    with pytest.raises(EdgeCodecError, match="ended with status 1; last line: 'error window with NaN or Inf'"):
        cortex_m.run(cortex_m.build(firmware, tmp_path, "cortex-m4", windows), 60)


def test_an_unknown_core_is_named(
        cortex_m: CortexMSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match="target cortex-m9: unknown; use one of cortex-m4, cortex-m7"):
        cortex_m.build(firmware, tmp_path, "cortex-m9", random_windows(codec, 1))


def test_without_qemu_it_says_what_to_install(
        monkeypatch: pytest.MonkeyPatch, toolchain: Toolchain, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EdgeCodecError, match=r"qemu-system-arm not found: install QEMU 7.2 or later"):
        CortexMSimulator.find(toolchain)
