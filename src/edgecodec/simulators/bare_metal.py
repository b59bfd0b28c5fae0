"""Builds the verification program for a machine without operating system: the windows are linked in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.toolchain import Machine, Toolchain

OPTIMIZATION = ("-O2", "-fomit-frame-pointer", "-ffunction-sections", "-fdata-sections")


def build_bare_metal(toolchain: Toolchain, firmware: Path, work: Path, windows: NDArray[np.float32], *,
                     main: Sequence[str], ports: Sequence[str], linker_script: Path, machine: Machine = "riscv32",
                     definitions: Sequence[str] = ()) -> Path:
    """Compile and link a program of the folder ``firmware`` with some of its ports, into the folder ``work``.

    Args:
        main: files of verify/, or of anywhere by their absolute paths.
        windows: float32 [n, samples, channels].
        ports: folders below ``firmware/ports``, besides ``bare_metal``.
        definitions: further options of the compiler.

    Raises:
        EdgeCodecError: the compiler or the linker refuses.
    """
    work.mkdir(parents=True, exist_ok=True)
    content, linked, executable = work.resolve() / "windows.bin", work / "linked_windows.S", work / "verify.elf"
    content.write_bytes(windows.astype("<f4").tobytes())
    # Written anew for every program: zig's cache does not see what a source includes as bytes.
    source = (firmware / "verify" / linked.name).read_text(encoding="utf-8")
    linked.write_text(source.replace(content.name, str(content)), encoding="utf-8")
    Firmware.open(firmware).build(toolchain, machine, executable, main=[*main, str(linked.resolve())],
                                  ports=["bare_metal", *ports],
                                  options=[*OPTIMIZATION, *definitions, "-T", str(linker_script)])
    return executable
