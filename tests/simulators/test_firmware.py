"""Programs that are built of a firmware folder: equal sources are compiled once, and what differs is never mixed up."""

import re
import subprocess
from pathlib import Path

import pytest
from deploy.factory import random_windows

from edgecodec.deploy.emit import SOURCES
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.qemu import RISCV, QemuSimulator
from edgecodec.simulators.toolchain import Toolchain, cache_folder


@pytest.fixture
def small(tmp_path: Path) -> Firmware:
    """Nothing of a codec: a program that returns 3."""
    for name in SOURCES:
        (tmp_path / name).mkdir()
    (tmp_path / "include" / "codec_model.h").touch()
    (tmp_path / "verify" / "verify.c").touch()
    (tmp_path / "verify" / "main.c").write_text("int answer(void);\nint main(void) { return answer(); }\n")
    (tmp_path / "src" / "codec_network.c").write_text("int answer(void);\nint answer(void) { return 3; }\n")
    return Firmware(tmp_path, "small", "0" * 64, 0, 0, 0, 0)


def answer(firmware: Firmware, toolchain: Toolchain) -> int:
    program = firmware.folder / "program"
    firmware.build(toolchain, "host", program, main=["main.c"], ports=[])
    return subprocess.run([program], check=False).returncode


def test_a_source_that_changes_is_compiled_anew(small: Firmware, toolchain: Toolchain) -> None:
    source = small.folder / "src" / "codec_network.c"
    assert answer(small, toolchain) == 3
    source.write_text(source.read_text().replace("3", "4"))
    assert answer(small, toolchain) == 4
    for copy in (cache_folder() / "firmware").glob("*/src/codec_network.c"):
        if copy.read_bytes() == source.read_bytes():
            copy.unlink()
    assert answer(small, toolchain) == 4


def test_a_complaint_names_the_file_that_was_given(small: Firmware, toolchain: Toolchain) -> None:
    source = small.folder / "src" / "codec_network.c"
    source.write_text("int broken(void) { return 1 }\n")
    with pytest.raises(EdgeCodecError, match=rf"{re.escape(str(source))}:1:\d+: error: "):
        answer(small, toolchain)


def test_other_windows_make_another_program_in_the_same_folder(
        lanes_codec: ExportedCodec, lanes_firmware: Path, toolchain: Toolchain, tmp_path: Path) -> None:
    for windows in (random_windows(lanes_codec, 1, seed=1), random_windows(lanes_codec, 1, seed=2)):
        image = QemuSimulator(tmp_path, toolchain, RISCV).build(lanes_firmware, tmp_path, RISCV, windows)
        assert windows.astype("<f4").tobytes() in image.executable.read_bytes()
