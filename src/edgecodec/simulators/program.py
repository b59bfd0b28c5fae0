"""A linked program for a PULP core: functions and their instructions. What the cores do not execute is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.instruction_set import EXTENSIONS, Instruction, decode, is_compressed

_CODE = ".text"
_ALLOCATED = 2  # SHF_ALLOC
_NUMBERS = (".model", ".windows")  # a word of these is an address by chance alone


@dataclass(frozen=True)
class Function:
    name: str
    address: int
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True)
class Program:
    functions: dict[int, Function]  # by address
    data: frozenset[int]  # every aligned word of constants and variables, but those of models and windows

    @classmethod
    def read(cls, executable: Path) -> Program:
        """Disassemble ``executable``, all of whose code, and nothing else, is in the section .text.

        Raises:
            EdgeCodecError: a cluster core has no such instruction; the text names it and its function.
        """
        with executable.open("rb") as file:
            elf = ELFFile(file)
            code = elf.get_section_by_name(_CODE)
            starts = _function_symbols(elf, code)
            end = code["sh_addr"] + code["sh_size"]
            functions = {}
            for (address, name), (following, _) in pairwise([*sorted(starts.items()), (end, "")]):
                content = code.data()[address - code["sh_addr"] : following - code["sh_addr"]]
                functions[address] = Function(name, address, tuple(_disassembled(name, address, content)))
            return cls(functions, frozenset(_words(elf)))

    @cached_property
    def addresses(self) -> dict[str, int]:
        """Of functions by name; of static ones that share a name, any."""
        return {function.name: address for address, function in self.functions.items()}

    @property
    def extensions(self) -> dict[str, int]:
        """How many instructions of each extension there are."""
        counts = Counter(instruction.encoding.extension for function in self.functions.values()
                         for instruction in function.instructions)
        return {extension: counts[extension] for extension in EXTENSIONS}


def _function_symbols(elf: ELFFile, code: Section) -> dict[int, str]:
    """Names by address: functions of C, labels of assembly; not the compiler's labels and marks, as .LBB0 and $x."""
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        raise EdgeCodecError("the program has no table of symbols: link it without --strip-all")
    (number,) = (number for number, section in enumerate(elf.iter_sections()) if section.name == code.name)
    return {symbol["st_value"]: symbol.name for symbol in table.iter_symbols()
            if symbol["st_shndx"] == number and symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE")
            and not symbol.name.startswith(("$", ".L"))}


def _disassembled(name: str, address: int, content: bytes) -> Iterator[Instruction]:
    content = content.rstrip(b"\0")  # between functions lie zeros
    at = 0
    while at < len(content):
        first = int.from_bytes(content[at : at + 2].ljust(2, b"\0"), "little")
        size = 2 if is_compressed(first) else 4
        word = int.from_bytes(content[at : at + size].ljust(size, b"\0"), "little")
        instruction = decode(address + at, word)
        if instruction is None:
            raise EdgeCodecError(f"{name}+{at:#x}: {word:#0{2 + 2 * size}x} is no instruction that a cluster core is "
                                 "known to execute (simulators/instruction_set.py lists those)")
        yield instruction
        at += size


def _words(elf: ELFFile) -> Iterator[int]:
    for section in elf.iter_sections():
        if (section["sh_flags"] & _ALLOCATED and section.name not in (_CODE, *_NUMBERS)
                and section["sh_type"] != "SHT_NOBITS"):
            content = section.data()
            first = -section["sh_addr"] % 4
            yield from memoryview(content[first : len(content) - (len(content) - first) % 4]).cast("I")
