"""Memory of a linked program, for a PULP chip as a rule, read from its ELF file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

_ALLOCATED = 2  # SHF_ALLOC


@dataclass(frozen=True)
class Footprint:
    """Bytes of each memory that a program takes."""

    l1_bytes: int  # data and stacks
    l2_bytes: int  # code, constants, weights, codebooks, one window
    code_bytes: int  # of l2_bytes: instructions and constants, without weights and codebooks


def pulp_footprint(executable: Path, l1_stack_bytes: int) -> Footprint:
    """Footprint of a program that was linked with ``pulp.ld``; ``l1_stack_bytes`` are for all cores together."""
    with executable.open("rb") as file:
        sizes = {section.name: section["sh_size"] for section in _allocated(ELFFile(file))}
    l1_data = sizes.pop(".l1", 0)
    return Footprint(l1_bytes=l1_data + l1_stack_bytes, l2_bytes=sum(sizes.values()),
                     code_bytes=sizes[".text"] + sizes[".rodata"])


def image_bytes(executable: Path) -> int:
    """What a program takes before it runs: code, constants and the values that variables begin with."""
    with executable.open("rb") as file:
        return sum(section["sh_size"] for section in _allocated(ELFFile(file)) if section["sh_type"] == "SHT_PROGBITS")


def memory_map(executable: Path) -> str:
    """Sections and the symbols in them by address, one a line: ``address bytes section name``."""
    with executable.open("rb") as file:
        elf = ELFFile(file)
        sections = {number: section for number, section in enumerate(elf.iter_sections()) if _is_allocated(section)}
        entries = [(section["sh_addr"], "", section["sh_size"], section.name) for section in sections.values()]
        table = elf.get_section_by_name(".symtab")
        if isinstance(table, SymbolTableSection):
            entries += [(symbol["st_value"], symbol.name, symbol["st_size"], sections[symbol["st_shndx"]].name)
                        for symbol in table.iter_symbols() if symbol["st_shndx"] in sections]
    return "".join(f"{address:08x} {size:8d} {section:8s} {name}".rstrip() + "\n"
                   for address, name, size, section in sorted(entries) if size)


def _allocated(elf: ELFFile) -> list[Section]:
    return [section for section in elf.iter_sections() if _is_allocated(section)]


def _is_allocated(section: Section) -> bool:
    return bool(section["sh_flags"] & _ALLOCATED)
