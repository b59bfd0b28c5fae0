"""What one window takes on small single cores, in instructions: RISC-V without Xpulp, and Arm Cortex-M, all on QEMU.

Instructions are no cycles, and these cores are not the target: the figures tell what the portable C asks of a core.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec
from edgecodec.progress import progress
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.memory_map import image_bytes
from edgecodec.simulators.qemu import BOARDS, RISCV, QemuSimulator
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.transcript import ChainRecord, PushedRecord

_INSTRUCTION_SETS = {RISCV: "rv32imc_zfinx_zhinx"}  # what a core is called that has no name of its own


@dataclass(frozen=True)
class InstructionCount:
    """Of one window on one core, built by one compiler, bit for bit as the oracle has it."""

    core: str
    compiler: str  # its version
    simulator: str  # its fingerprint
    encoder: int  # instructions
    chains: tuple[int, ...]  # window to packet, by rate
    pushed: int  # the same at the highest rate, for a window that comes sample by sample
    code_bytes: int  # of the verification program, without weights, codebooks and window
    stack_bytes: int  # deepest use, by that program


def count_instructions(codec: ExportedCodec, firmware: Path, window: NDArray[np.float32],
                       compilers: Sequence[Toolchain], time_limit_seconds: float) -> tuple[InstructionCount, ...]:
    """On every core that QEMU has here, by each of ``compilers`` that is installed and builds for it.

    Args:
        window: float32 [samples, channels].

    Raises:
        EdgeCodecError: there is no such core at all, or a program does not compile or end, or its bits are wrong.
    """
    found, missing = [], []
    for board, compiler in itertools.product(BOARDS, compilers):
        try:
            found.append(QemuSimulator.find(compiler, board))
        except EdgeCodecError as absence:
            missing.append(str(absence))
    if not found:
        raise EdgeCodecError("; ".join(dict.fromkeys(missing)))
    return tuple(_count(simulator, codec, firmware, window, time_limit_seconds)
                 for simulator in progress(found, "Counting instructions"))


def _count(simulator: QemuSimulator, codec: ExportedCodec, firmware: Path, window: NDArray[np.float32],
           time_limit_seconds: float) -> InstructionCount:
    core = _INSTRUCTION_SETS.get(simulator.name, simulator.name)
    with tempfile.TemporaryDirectory() as work:
        image = simulator.build(firmware, Path(work), core, window[None])
        transcript = simulator.run(image, time_limit_seconds)
        size = image_bytes(image.executable)
    comparison = compare_with_oracle(codec, window[None], transcript)
    if not comparison.bit_exact or transcript.stack_bytes is None:
        raise EdgeCodecError(f"{core}: the bits are not the oracle's ({comparison.first_difference})")
    sizes = Firmware.open(firmware)
    (record,) = transcript.windows
    (pushed,) = record.of(PacketKind.FIXED_LENGTH, PushedRecord)
    return InstructionCount(
        core=core, compiler=simulator.toolchain.version(simulator.board.core), simulator=simulator.fingerprint,
        encoder=sum(layer.cycles for layer in record.layers),
        chains=tuple(chain.cycles for chain in record.of(PacketKind.FIXED_LENGTH, ChainRecord)),
        pushed=pushed.cycles,
        code_bytes=size - sizes.weights_bytes - sizes.codebooks_bytes - sizes.window_bytes,
        stack_bytes=transcript.stack_bytes)
