"""How deep the stack of a PULP core can become: the frames along the deepest chain of calls, read from the program.

A function's frame is all that it ever takes from the stack pointer. Calls are those in the code; a call through a
pointer may go to any function whose address the program holds, with one exception that recursion would need: what is
called back does not come back to itself by calling back. (The verification program's observer prints through a
pointer; printing does not observe.) Interrupts are not counted: the cluster's cores have none enabled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.instruction_set import Instruction
from edgecodec.simulators.program import Function, Program

_RA, _SP = 1, 2
_WITHOUT_TARGET = (0x23, 0x63, 0x2B, 0x7B, 0x0F)  # opcodes: stores, branches, hardware loops, fences
_SHORT_WITH_TARGET = ("c.addi", "c.addi16sp", "c.lui", "c.li", "c.lwsp", "c.mv", "c.add", "c.slli")
_STACK_MOVES = ("addi", "c.addi", "c.addi16sp")


@dataclass(frozen=True)
class StackBound:
    """Bytes of one core's stack."""

    bytes: int
    chain: tuple[str, ...]  # of calls, from the root to the deepest function

    def __str__(self) -> str:
        return f"{self.bytes} bytes ({' > '.join(self.chain)})"


class StackAnalysis:
    """Of one program. Functions are known by their addresses: static ones may share a name."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._calls = {address: Calls.of(function, program) for address, function in program.functions.items()}
        self._bounds: dict[tuple[int, bool], StackBound] = {}

    def bound(self, root: str, *, observed: bool = True) -> StackBound:
        """The deepest that the stack becomes from the entry of the function ``root`` on.

        Args:
            observed: whether functions that call back themselves may be called back: an observer that prints.

        Raises:
            EdgeCodecError: there is none, since functions are recursive or take what cannot be told.
        """
        address = self._program.addresses.get(root)
        if address is None:
            raise EdgeCodecError(f"stack: the program has no function {root}")
        return self._deepest((address, observed), ())

    def frame(self, address: int) -> int:
        """Bytes that the function at ``address`` takes for itself."""
        return self._calls[address].frame

    @cached_property
    def _callbacks(self) -> tuple[int, ...]:
        """Functions whose addresses the program holds as data, or makes in a register."""
        functions = self._program.functions
        held = self._program.data.union(*map(_addresses_made, functions.values()))
        return tuple(address for address in functions if address in held)

    @cached_property
    def _plain_callbacks(self) -> tuple[int, ...]:
        """Those that call nothing through a pointer."""
        return tuple(callback for callback in self._callbacks
                     if not any(self._calls[address].through_pointers for address in self._reached_from(callback)))

    def _reached_from(self, root: int) -> set[int]:
        """Functions that ``root`` leads to on its stack, itself included, but for calls through pointers."""
        reached, open_ends = set(), [root]
        while open_ends:
            address = open_ends.pop()
            if address not in reached and not self._calls[address].own_stack:
                reached.add(address)
                open_ends += self._calls[address].addresses
        return reached

    def _deepest(self, function: tuple[int, bool], above: tuple[tuple[int, bool], ...]) -> StackBound:
        """Of a function by its address, and whether what it calls back may call back."""
        address, observed = function
        calls, name = self._calls[address], self._program.functions[address].name
        if function in above:
            chain = [self._program.functions[address].name for address, _ in above]
            raise EdgeCodecError(f"stack: no bound, {' > '.join([*chain, name])} is recursive")
        if calls.unknown:
            raise EdgeCodecError(f"stack: {name} {calls.unknown}")
        if calls.own_stack:
            return StackBound(0, ())
        if function not in self._bounds:
            called = [(other, observed) for other in calls.addresses]
            if calls.through_pointers:
                called += [(other, False) for other in (self._callbacks if observed else self._plain_callbacks)]
                if not called:
                    raise EdgeCodecError(f"stack: {name} calls through a pointer, but nothing can be called")
            deepest = max((self._deepest(other, (*above, function)) for other in called),
                          key=lambda bound: bound.bytes, default=StackBound(0, ()))
            self._bounds[function] = StackBound(calls.frame + deepest.bytes, (name, *deepest.chain))
        return self._bounds[function]


@dataclass(frozen=True)
class Calls:
    """What one function takes and calls."""

    frame: int
    addresses: frozenset[int]
    through_pointers: bool
    own_stack: bool  # boot and traps set the stack pointer anew
    unknown: str  # what it does that cannot be followed

    @classmethod
    def of(cls, function: Function, program: Program) -> Calls:
        frame, addresses, through_pointers, own_stack, unknown = 0, set(), False, False, ""
        last = function.instructions[-1]
        inside = range(function.address, last.address + last.encoding.bytes)
        before = last
        for instruction in function.instructions:
            name = instruction.name
            if _writes(instruction, _SP):
                if _sets_stack(instruction):
                    own_stack = True
                elif name in _STACK_MOVES and (instruction.encoding.bytes == 2 or instruction.source == _SP):
                    frame -= min(0, instruction.immediate)
                else:
                    unknown = f"changes the stack pointer by what cannot be told ({name} at {instruction.address:#x})"
            if name in ("jal", "c.jal", "c.j"):
                goal = instruction.address + instruction.immediate
                if goal not in inside or _is_call(instruction):
                    addresses.add(goal)
            elif name == "jalr" and before.name == "auipc" and before.target == instruction.source:  # call, tail
                addresses.add((before.address + before.immediate + instruction.immediate) % 2**32)
            elif name in ("jalr", "c.jr", "c.jalr") and not _is_return(instruction):
                through_pointers = True
            before = instruction
        if strange := addresses - program.functions.keys():
            unknown = f"calls {min(strange):#x}, where no function begins"
        return cls(frame, frozenset(addresses), through_pointers, own_stack, unknown)


def _sets_stack(instruction: Instruction) -> bool:
    """Whether what is written to the stack pointer is an address, not something near the old one."""
    second = instruction.word >> 20 & 31
    return instruction.name in ("lui", "auipc") or (
        instruction.name == "add" and _SP not in (instruction.source, second))


def _writes(instruction: Instruction, register: int) -> bool:
    if instruction.encoding.bytes == 2:
        return instruction.target == register and instruction.name in _SHORT_WITH_TARGET
    return instruction.target == register and instruction.word & 0x7F not in _WITHOUT_TARGET


def _is_call(instruction: Instruction) -> bool:
    """Not a jump: the function goes on after it."""
    return instruction.name == "c.jal" or (instruction.name == "jal" and instruction.target == _RA)


def _is_return(instruction: Instruction) -> bool:
    if instruction.name == "jalr":
        return instruction.target == 0 and instruction.source == _RA
    return instruction.name == "c.jr" and instruction.target == _RA


def _addresses_made(function: Function) -> Iterator[int]:
    """Sums of an upper part, by ``lui`` or ``auipc``, and a lower one: a few too many where the code joins."""
    upper: dict[int, int] = {}
    for instruction in function.instructions:
        name, target = instruction.name, instruction.target
        source = target if name == "c.addi" else instruction.source
        if name in ("addi", "c.addi") and source in upper:
            yield (upper[source] + instruction.immediate) % 2**32
        if name in ("lui", "c.lui", "auipc"):
            upper[target] = instruction.immediate + (instruction.address if name == "auipc" else 0)
        elif _writes(instruction, target):
            upper.pop(target, None)
