"""How deep the stack of a PULP core can become: the frames along the deepest chain of calls, read from the program.

A function's frame is all that it ever takes from the stack pointer. Calls are those in the code; a call through a
pointer may go to any function whose address the program holds, with one exception that recursion would need: what is
called back does not come back to itself by calling back. (The verification program's observer prints through a
pointer; printing does not observe.) Interrupts are not counted: the cluster's cores have none enabled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class StackAnalysis:
    program: Program
    _calls: dict[str, Calls] = field(default_factory=dict)

    def bound(self, root: str, *, observed: bool = True) -> StackBound:
        """The deepest that the stack becomes from the entry of the function ``root`` on.

        Args:
            observed: whether functions that call back themselves may be called back: an observer that prints.

        Raises:
            EdgeCodecError: there is none, since functions are recursive or take what cannot be told.
        """
        function = self.program.by_name.get(root)
        if function is None:
            raise EdgeCodecError(f"stack: the program has no function {root}")
        return self._deepest(function, observed, (), {})

    def frame(self, name: str) -> int:
        """Bytes that the function ``name`` takes for itself."""
        return self._calls_of(self.program.by_name[name]).frame

    @cached_property
    def _plain_callbacks(self) -> tuple[Function, ...]:
        """Those that call nothing through a pointer."""
        return tuple(function for function in self._callbacks if not self._calls_back(function, ()))

    @cached_property
    def _callbacks(self) -> tuple[Function, ...]:
        """Functions whose addresses the program holds as data, or makes in a register."""
        made = {value for function in self.program.functions.values() for value in _addresses_made(function)}
        return tuple(function for address, function in self.program.functions.items()
                     if address in made or address in self.program.data)

    def _calls_back(self, function: Function, above: tuple[str, ...]) -> bool:
        calls = self._calls_of(function)
        return not calls.own_stack and (calls.through_pointers or any(
            self._calls_back(self.program.functions[address], (*above, function.name))
            for address in calls.addresses if self.program.functions[address].name not in above))

    def _deepest(self, function: Function, observed: bool, above: tuple[str, ...],
                 known: dict[tuple[int, bool], StackBound]) -> StackBound:
        if function.name in above:
            raise EdgeCodecError(f"stack: no bound, {' > '.join([*above, function.name])} is recursive")
        key = function.address, observed
        calls, path = self._calls_of(function), (*above, function.name)
        if calls.own_stack:
            return StackBound(0, ())
        if key not in known:
            below = [self._deepest(self.program.functions[address], observed, path, known)
                     for address in calls.addresses]
            if calls.through_pointers:
                below += [self._deepest(callback, False, path, known)
                          for callback in (self._callbacks if observed else self._plain_callbacks)]
                if not below:
                    raise EdgeCodecError(f"stack: {function.name} calls through a pointer, but nothing can be called")
            deepest = max(below, key=lambda bound: bound.bytes, default=StackBound(0, ()))
            known[key] = StackBound(calls.frame + deepest.bytes, (function.name, *deepest.chain))
        return known[key]

    def _calls_of(self, function: Function) -> Calls:
        if function.name not in self._calls:
            self._calls[function.name] = Calls.of(function, self.program)
        return self._calls[function.name]


@dataclass(frozen=True)
class Calls:
    """What one function takes and calls."""

    frame: int
    addresses: frozenset[int]
    through_pointers: bool
    own_stack: bool  # boot and traps set the stack pointer anew

    @classmethod
    def of(cls, function: Function, program: Program) -> Calls:
        frame, addresses, through_pointers, own_stack = 0, set(), False, False
        last = function.instructions[-1]
        inside = range(function.address, last.address + last.encoding.bytes)
        for instruction, value in _with_constants(function):
            if _writes(instruction, _SP):
                own_stack = own_stack or _sets_stack(instruction)
                frame -= min(0, _stack_move(function, instruction))
            if instruction.name in ("jal", "c.jal", "c.j"):
                goal = instruction.address + instruction.immediate
                if goal not in inside or _is_call(instruction):
                    addresses.add(goal)
            elif instruction.name in ("jalr", "c.jr", "c.jalr") and not _is_return(instruction):
                if value is None:
                    through_pointers = True
                else:
                    addresses.add(value)
        if unknown := addresses - program.functions.keys():
            raise EdgeCodecError(f"stack: {function.name} calls {min(unknown):#x}, where no function begins")
        return cls(frame, frozenset(addresses), through_pointers, own_stack)


def _stack_move(function: Function, instruction: Instruction) -> int:
    """By how many bytes an instruction that writes the stack pointer moves it."""
    if _sets_stack(instruction):
        return 0
    if instruction.name in _STACK_MOVES and (instruction.encoding.bytes == 2 or instruction.source == _SP):
        return instruction.immediate
    raise EdgeCodecError(f"stack: {function.name} changes the stack pointer by what cannot be told "
                         f"({instruction.name} at {instruction.address:#x})")


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
    return instruction.name in ("c.jal", "c.jalr") or (
        instruction.name in ("jal", "jalr") and instruction.target == _RA)


def _is_return(instruction: Instruction) -> bool:
    if instruction.name == "jalr":
        return instruction.target == 0 and instruction.source == _RA
    return instruction.name == "c.jr" and instruction.target == _RA


def _with_constants(function: Function) -> Iterator[tuple[Instruction, int | None]]:
    """Every instruction with the address that it makes or goes to, where ``lui`` or ``auipc`` before it tell."""
    registers: dict[int, int] = {}
    for instruction in function.instructions:
        name, value = instruction.name, None
        if name in ("lui", "c.lui"):
            value = instruction.immediate % 2**32
        elif name == "auipc":
            value = (instruction.address + instruction.immediate) % 2**32
        elif name in ("addi", "jalr") and instruction.source in registers:
            value = (registers[instruction.source] + instruction.immediate) % 2**32
        elif name in ("c.addi", "c.jr", "c.jalr") and instruction.target in registers:
            value = (registers[instruction.target] + (instruction.immediate if name == "c.addi" else 0)) % 2**32
        yield instruction, value
        if name in ("lui", "c.lui", "auipc", "addi", "c.addi") and value is not None:
            registers[instruction.target] = value
        elif _writes(instruction, instruction.target):
            registers.pop(instruction.target, None)


def _addresses_made(function: Function) -> Iterator[int]:
    for instruction, value in _with_constants(function):
        if value is not None and instruction.name in ("addi", "c.addi"):
            yield value
