"""QEMU's RISC-V board: the same instructions as the PULP cores, one core, no clock. It counts instructions."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.bare_metal import build_bare_metal
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.supervised import read_transcript, run_to_end
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.transcript import Transcript

_PROGRAM = "qemu-system-riscv32"
# One core with float16 and float32 in the integer registers; -icount makes the count of instructions exact.
_BOARD = ("-M", "virt", "-cpu", "rv32,f=false,d=false,zfinx=true,zhinx=true", "-icount", "shift=0", "-bios", "none",
          "-display", "none", "-monitor", "none", "-serial", "stdio")


@dataclass(frozen=True)
class QemuSimulator:
    """QEMU and a compiler."""

    program: Path
    toolchain: Toolchain

    name = "qemu"
    counts_cycles = False

    @classmethod
    def find(cls, toolchain: Toolchain) -> QemuSimulator:
        """QEMU on PATH.

        Raises:
            EdgeCodecError: there is none, or the compiler does not build for it.
        """
        program = shutil.which(_PROGRAM)
        if program is None:
            raise EdgeCodecError(f"{_PROGRAM} not found: install QEMU 7.2 or later (Debian: qemu-system-misc)")
        toolchain.find("riscv32")
        return cls(Path(program), toolchain)

    @cached_property
    def fingerprint(self) -> str:
        """Version of QEMU and of the compiler."""
        finished = subprocess.run([str(self.program), "--version"], capture_output=True, text=True, check=False)
        version = (finished.stdout.splitlines() or ["QEMU of unknown version"])[0]
        return f"{version}, {self.toolchain.version('riscv32')}"

    def build(self, firmware: Path, work: Path, target: str, windows: NDArray[np.float32]) -> Image:
        """See :meth:`Simulator.build`. Every target's bits are this board's, so that any ``target`` will do."""
        executable = build_bare_metal(
            self.toolchain, firmware, work, windows, main="qemu_main.c", ports=["qemu_riscv", "serial"],
            linker_script=firmware / "ports" / "qemu_riscv" / "qemu_riscv.ld")
        return Image("qemu-virt", executable, (), None)

    def run(self, image: Image, time_limit_seconds: float) -> Transcript:
        """See :meth:`Simulator.run`."""
        output = image.executable.parent / "transcript.txt"
        run_to_end("qemu", (str(self.program), *_BOARD, "-kernel", str(image.executable.resolve())), output=output,
                   folder=output.parent, environment=os.environ, time_limit_seconds=time_limit_seconds)
        return read_transcript("qemu", output)
