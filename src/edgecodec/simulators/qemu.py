"""QEMU's boards with one small core: a RISC-V with the PULP cores' scalar instructions, and Arm Cortex-M.

Their bits are the target's; they have no clock, and count instructions.
"""

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
from edgecodec.simulators.toolchain import Machine, Toolchain
from edgecodec.simulators.transcript import Transcript

# -icount makes the count of instructions exact.
_OPTIONS = ("-icount", "shift=0", "-display", "none", "-monitor", "none")


@dataclass(frozen=True)
class Board:
    """One core as QEMU has it."""

    machine: str  # QEMU's name of the board
    core: Machine  # that compilers build for
    program: str  # of QEMU
    package: str  # of Debian, that brings it
    options: tuple[str, ...]  # of QEMU
    port: str  # folder below firmware/ports, with linker script <machine>.ld
    definitions: tuple[str, ...] = ()  # for the compiler


def _arm(machine: str, core: Machine, timer_mhz: int) -> Board:
    """One of Arm's FPGA boards: programs print and end through semihosting, and count by the core's own timer."""
    return Board(machine, core, "qemu-system-arm", "qemu-system-arm",
                 ("-serial", "none", "-semihosting-config", "enable=on,target=native"), "qemu_cortex_m",
                 (f"-DTIMER_MHZ={timer_mhz}u",))


ONE_WORKER = "-DEC_WORKERS_MAX=1"  # for the compiler: the memory plan of a core that works alone
RISCV = "qemu"
# By the name of the simulator. The RISC-V core has float16 and float32 in the integer registers.
BOARDS: dict[str, Board] = {
    RISCV: Board("virt", "riscv32", "qemu-system-riscv32", "qemu-system-misc",
                 ("-cpu", "rv32,f=false,d=false,zfinx=true,zhinx=true", "-bios", "none", "-serial", "stdio"),
                 "qemu_riscv"),
    "cortex-m4": _arm("mps2-an386", "cortex-m4", 25),
    "cortex-m7": _arm("mps2-an500", "cortex-m7", 25),
    "cortex-m33": _arm("mps2-an505", "cortex-m33", 20),
    "cortex-m55": _arm("mps3-an547", "cortex-m55", 32),
}


def linker_script(board: Board, ports: Path) -> str:
    """Of ``board``, with what it includes in its place: zig hands no search path to the linker."""
    memories = (ports / board.port / f"{board.machine}.ld").read_text(encoding="utf-8")
    return memories.replace("INCLUDE sections.ld", (ports / "qemu/sections.ld").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class QemuSimulator:
    """QEMU, a compiler, and one of the boards."""

    program: Path
    toolchain: Toolchain
    name: str  # of the board

    counts_cycles = False

    @classmethod
    def find(cls, toolchain: Toolchain, name: str = RISCV) -> QemuSimulator:
        """QEMU on PATH, with the board that BOARDS has under ``name``.

        Raises:
            EdgeCodecError: there is no QEMU, or the compiler does not build for the core.
        """
        board = BOARDS[name]
        program = shutil.which(board.program)
        if program is None:
            raise EdgeCodecError(f"{board.program} not found: install QEMU 7.2 or later (Debian: {board.package})")
        toolchain.find(board.core)
        return cls(Path(program), toolchain, name)

    @property
    def board(self) -> Board:
        return BOARDS[self.name]

    @cached_property
    def fingerprint(self) -> str:
        """Version of QEMU and of the compiler."""
        finished = subprocess.run([str(self.program), "--version"], capture_output=True, text=True, check=False)
        version = (finished.stdout.splitlines() or ["QEMU of unknown version"])[0]
        return f"{version}, {self.toolchain.version(self.board.core)}"

    def build(self, firmware: Path, work: Path, target: str, windows: NDArray[np.float32]) -> Image:
        """See :meth:`Simulator.build`. Every target's bits are this board's, so that any ``target`` will do."""
        work.mkdir(parents=True, exist_ok=True)
        script = work / "board.ld"
        script.write_text(linker_script(self.board, firmware / "ports"), encoding="utf-8")
        executable = build_bare_metal(
            self.toolchain, firmware, work, windows, main=["qemu_main.c"], ports=["qemu", self.board.port, "serial"],
            linker_script=script, machine=self.board.core, definitions=(*self.board.definitions, ONE_WORKER))
        return Image(f"qemu-{self.board.machine}", executable, (), None)

    def run(self, image: Image, time_limit_seconds: float) -> Transcript:
        """See :meth:`Simulator.run`."""
        return read_transcript(self.name, self.execute(image, time_limit_seconds))

    def execute(self, image: Image, time_limit_seconds: float) -> Path:
        """Run ``image`` to its end; the file with what it printed.

        Raises:
            EdgeCodecError: it did not end in time, or not well; the text has its last line.
        """
        output = image.executable.parent / "transcript.txt"
        command = (str(self.program), "-M", self.board.machine, *_OPTIONS, *self.board.options, "-kernel",
                   str(image.executable.resolve()))
        run_to_end(self.name, command, output=output, folder=output.parent, environment=os.environ,
                   time_limit_seconds=time_limit_seconds)
        return output
