"""Builds the verification program for a machine without operating system: the windows are linked in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.toolchain import Machine, Toolchain

OPTIMIZATION = ("-O2", "-fomit-frame-pointer", "-ffunction-sections", "-fdata-sections")


def build_bare_metal(toolchain: Toolchain, firmware: Path, work: Path, windows: NDArray[np.float32], *, main: str,
                     ports: Sequence[str], linker_script: Path, machine: Machine = "riscv32",
                     definitions: Sequence[str] = ()) -> Path:
    """Compile and link ``verify/<main>`` of the folder ``firmware`` with some of its ports, into the folder ``work``.

    Args:
        windows: float32 [n, samples, channels].
        ports: folders below ``firmware/ports``, besides ``bare_metal``.
        definitions: further options of the compiler.

    Raises:
        EdgeCodecError: the compiler or the linker refuses.
    """
    codec = Firmware.open(firmware)
    work.mkdir(parents=True, exist_ok=True)
    (work / "windows.bin").write_bytes(windows.astype("<f4").tobytes())
    executable = work / "verify.elf"
    toolchain.build(
        machine,
        [*codec.sources("bare_metal", *ports), firmware / "verify" / main, firmware / "verify" / "linked_windows.S"],
        executable,
        includes=[*codec.includes("bare_metal", *ports), work],
        options=[*OPTIMIZATION, *definitions, "-T", str(linker_script)])
    return executable
