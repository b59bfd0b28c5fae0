"""QEMU's boards with an Arm Cortex-M: not the PULP cores' instructions, but the same bits. They count instructions."""

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
from edgecodec.simulators.toolchain import CortexM, Toolchain
from edgecodec.simulators.transcript import Transcript

_PROGRAM = "qemu-system-arm"
# -icount makes the count of instructions exact; the program prints and ends through semihosting.
_OPTIONS = ("-icount", "shift=0", "-display", "none", "-monitor", "none", "-serial", "none",
            "-semihosting-config", "enable=on,target=native")


@dataclass(frozen=True)
class Board:
    """One of Arm's FPGA boards, as QEMU has it."""

    machine: str  # QEMU's name
    core: CortexM
    timer_mhz: int  # of the core's own timer


BOARDS: dict[str, Board] = {board.core: board for board in (
    Board("mps2-an386", "cortex-m4", 25),
    Board("mps2-an500", "cortex-m7", 25),
    Board("mps2-an505", "cortex-m33", 20),
    Board("mps3-an547", "cortex-m55", 32),
)}


@dataclass(frozen=True)
class CortexMSimulator:
    """QEMU, a compiler, and one of the boards."""

    program: Path
    toolchain: Toolchain
    board: Board

    counts_cycles = False

    @classmethod
    def find(cls, toolchain: Toolchain, core: str) -> CortexMSimulator:
        """QEMU on PATH, with a board that has ``core``, a key of BOARDS.

        Raises:
            EdgeCodecError: there is no such core, no QEMU, or the compiler does not build for it.
        """
        if core not in BOARDS:
            raise EdgeCodecError(f"core {core}: unknown; use one of {', '.join(BOARDS)}")
        program = shutil.which(_PROGRAM)
        if program is None:
            raise EdgeCodecError(f"{_PROGRAM} not found: install QEMU 7.2 or later (Debian: {_PROGRAM})")
        toolchain.find(BOARDS[core].core)
        return cls(Path(program), toolchain, BOARDS[core])

    @property
    def name(self) -> str:
        """That of the core."""
        return self.board.core

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
        script.write_text(self._linker_script(firmware / "ports" / "qemu_cortex_m"), encoding="utf-8")
        executable = build_bare_metal(
            self.toolchain, firmware, work, windows, main="qemu_main.c", ports=["qemu_cortex_m", "serial"],
            linker_script=script, machine=self.board.core, definitions=[f"-DTIMER_MHZ={self.board.timer_mhz}u"])
        return Image(self.board.machine, executable, (), None)

    def _linker_script(self, port: Path) -> str:
        """The board's, with what it includes in its place: zig hands no search path to the linker."""
        memories = (port / f"{self.board.machine}.ld").read_text(encoding="utf-8")
        return memories.replace("INCLUDE sections.ld", (port / "sections.ld").read_text(encoding="utf-8"))

    def run(self, image: Image, time_limit_seconds: float) -> Transcript:
        """See :meth:`Simulator.run`."""
        output = image.executable.parent / "transcript.txt"
        run_to_end(self.name, (str(self.program), "-M", self.board.machine, *_OPTIONS, "-kernel",
                               str(image.executable.resolve())),
                   output=output, folder=output.parent, environment=os.environ, time_limit_seconds=time_limit_seconds)
        return read_transcript(self.name, output)
