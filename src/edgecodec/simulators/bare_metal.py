"""Builds the verification program for a machine without operating system: the windows are linked in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.simulators.toolchain import Toolchain

OPTIMIZATION = ("-O2", "-fomit-frame-pointer", "-ffunction-sections", "-fdata-sections")


def build_bare_metal(toolchain: Toolchain, firmware: Path, work: Path, windows: NDArray[np.float32], *, main: str,
                     ports: Sequence[str], linker_script: str, definitions: Sequence[str] = ()) -> Path:
    """Compile and link ``verify/<main>`` of the folder ``firmware`` with some of its ports, into the folder ``work``.

    Args:
        windows: float32 [n, samples, channels].
        ports: folders below ``firmware/ports``, besides ``bare_metal``.
        linker_script: path below ``firmware/ports``.

    Raises:
        EdgeCodecError: the compiler or the linker refuses.
    """
    work.mkdir(parents=True, exist_ok=True)
    (work / "windows.bin").write_bytes(windows.astype("<f4").tobytes())
    folders = [firmware / "ports" / port for port in ("bare_metal", *ports)]
    sources = [source for folder in (firmware / "src", *folders)
               for pattern in ("*.S", "*.c") for source in sorted(folder.glob(pattern))]
    sources += [firmware / "verify" / name for name in ("verify.c", "linked_windows.S", main)]
    executable = work / "verify.elf"
    toolchain.build(
        "riscv32", sources, executable,
        includes=[firmware / "include", firmware / "src", firmware / "verify", *folders, work],
        options=[*OPTIMIZATION, *definitions, "-T", str(firmware / "ports" / linker_script)])
    return executable
