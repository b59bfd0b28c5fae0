"""What the smallest node takes of a core's memories, by core and compiler.

Code hangs on kernels and compiler, not on the model: so any model's firmware shows whether it has grown.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from edgecodec.errors import EdgeCodecError
from edgecodec.params import CompilerName
from edgecodec.progress import progress
from edgecodec.simulators.bare_metal import OPTIMIZATION
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.memory_map import image_bytes
from edgecodec.simulators.qemu import BOARDS, ONE_WORKER, linker_script
from edgecodec.simulators.toolchain import Toolchain

COMPILERS: tuple[CompilerName, ...] = ("zig", "gcc")
LARGEST_GROWTH = 0.02  # of code, before somebody has to write the figures anew


@dataclass(frozen=True)
class Size:
    """Bytes of firmware/verify/smallest_node.c, linked for one core."""

    core: str
    compiler: str  # its version
    code: int  # instructions
    flash: int  # these, constants, weights and codebooks
    ram: int  # arena, intake, indices and packet; without the stack


def measure_sizes(firmware: Path, compilers: Sequence[Toolchain], boards: Sequence[str] = tuple(BOARDS),
                  ) -> tuple[Size, ...]:
    """For every board's core by each of ``compilers`` that is installed and builds for it.

    Raises:
        EdgeCodecError: a compiler or linker refuses, or none was found.
    """
    able = [(board, compiler) for board in boards for compiler in compilers if _builds_for(board, compiler)]
    if not able:
        raise EdgeCodecError("no compiler for small cores is installed; install ziglang (pip)")
    return tuple(_measure(firmware, board, compiler) for board, compiler in progress(able, "Measuring sizes"))


def grown(sizes: Sequence[Size], before: Sequence[Size]) -> list[str]:
    """A line on each code that is larger by more than LARGEST_GROWTH than ``before``, by the same compiler."""
    limits = {(size.core, size.compiler): size.code for size in before}
    return [f"{size.core}, {size.compiler}: {size.code:,} bytes of code instead of {limit:,}; make it smaller, or "
            f"write the figures anew: edgecodec benchmark sizes --output artifacts/metrics/sizes.json"
            for size in sizes if (limit := limits.get((size.core, size.compiler))) is not None
            and size.code > (1 + LARGEST_GROWTH) * limit]


def _builds_for(board: str, compiler: Toolchain) -> bool:
    try:
        compiler.find(BOARDS[board].core)
    except EdgeCodecError:
        return False
    return True


def _measure(firmware: Path, name: str, compiler: Toolchain) -> Size:
    board = BOARDS[name]
    with tempfile.TemporaryDirectory() as work:
        script, program = Path(work) / "board.ld", Path(work) / "node.elf"
        script.write_text(linker_script(board, firmware / "ports"), encoding="utf-8")
        Firmware.open(firmware).build(
            compiler, board.core, program, main=["smallest_node.c"], ports=["bare_metal", "qemu", board.port, "serial"],
            options=[*OPTIMIZATION, *board.definitions, ONE_WORKER, "-Wl,--gc-sections", "-T", str(script)])
        with program.open("rb") as file:
            sections = {section.name: int(section["sh_size"]) for section in ELFFile(file).iter_sections()}
        flash = image_bytes(program)
    return Size(core=board.core, compiler=compiler.version(board.core), code=sections[".text"], flash=flash,
                ram=sections.get(".data", 0) + sections[".bss"])
