"""Which simulator verifies the firmware: the best one that is installed, and why that one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.gvsoc import GvsocSimulator
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.qemu import BOARDS, QemuSimulator
from edgecodec.simulators.simulator import Simulator
from edgecodec.simulators.toolchain import Toolchain


@dataclass(frozen=True)
class Choice:
    simulator: Simulator
    reason: str  # one line


def choose_simulator(name: str, toolchain: Toolchain, l1_stack_bytes: int) -> Choice:
    """The simulator called ``name``; for ``auto`` the first found of gvsoc, qemu, the largest Cortex-M, host.

    The nearer to the target, the better: GVSOC counts its cycles, QEMU's RISC-V board has its scalar instructions, an
    Arm board shows at least that the code runs on another small core.

    Args:
        l1_stack_bytes: of a target with L1, for the stacks of all its cores.

    Raises:
        EdgeCodecError: it is not installed, or there is no such simulator.
    """
    finders: dict[str, Callable[[], Simulator]] = {
        "gvsoc": lambda: GvsocSimulator.find(toolchain, l1_stack_bytes),
        **{board: partial(QemuSimulator.find, toolchain, board) for board in BOARDS},
        "host": lambda: HostSimulator(toolchain),
    }
    if name in finders:
        return Choice(finders[name](), f"verify.simulator is {name}")
    if name != "auto":
        raise EdgeCodecError(f"verify.simulator {name}: unknown; set it to auto, {', '.join(finders)}")
    missing: list[str] = []
    for preferred in ("gvsoc", "qemu", "cortex-m55"):
        try:
            return Choice(finders[preferred](), "; ".join([*missing, "the best one found"]))
        except EdgeCodecError as absence:
            missing.append(str(absence))
    return Choice(finders["host"](), "; ".join(missing))
