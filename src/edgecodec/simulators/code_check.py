"""What can be told of a program for a PULP cluster without running it: its instructions, and the depth of its stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.program import Program
from edgecodec.simulators.stack_bound import StackAnalysis, StackBound

_ENTRY = "cluster_main"
API = ("ec_init", "ec_encode", "ec_encode_coded", "ec_pack", "ec_pack_coded")


@dataclass(frozen=True)
class CodeCheck:
    """Of a program that the cores can execute, on stacks that are large enough."""

    instructions: Mapping[str, int]  # how many, by extension
    stack_reserved_bytes: int  # of each core
    stack: StackBound  # of the whole program, on each core
    api_stacks: Mapping[str, StackBound]  # of the functions that a node calls, without an observer


def check_code(executable: Path, stack_reserved_bytes: int, api: Sequence[str] = API) -> CodeCheck:
    """Read the linked program ``executable``, which enters at ``cluster_main``.

    Args:
        api: functions whose stacks are wanted each for itself.
        stack_reserved_bytes: what the linker script keeps free for each core.

    Raises:
        EdgeCodecError: the cores lack one of its instructions, or its stack may become too deep.
    """
    program = Program.read(executable)
    analysis = StackAnalysis(program)
    stack = analysis.bound(_ENTRY)
    if stack.bytes > stack_reserved_bytes:
        raise EdgeCodecError(f"a core's stack may take {stack}, but has {stack_reserved_bytes}; "
                             f"raise firmware.l1_stack_bytes by {stack.bytes - stack_reserved_bytes} for every core")
    return CodeCheck(program.extensions, stack_reserved_bytes, stack,
                     {function: analysis.bound(function, observed=False) for function in api})
