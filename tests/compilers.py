"""The compilers that the tests build with: every one that is here, with warnings as errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.toolchain import KINDS, Machine, Toolchain

# What this machine's processor has besides the instructions that programs are built of.
NEWER_INSTRUCTIONS = ("-mavx2", "-mfma", "-mf16c") if " avx2 " in Path("/proc/cpuinfo").read_text() else ()


def every_compiler(machine: Machine) -> Iterator[Any]:
    """Parameters: all kinds that build for ``machine``. One that is not installed is skipped by name."""
    for compiler in _kinds(machine):
        absence = _absence(compiler, machine)
        yield pytest.param(compiler, id=compiler.name,
                           marks=[pytest.mark.skip(reason=absence)] if absence is not None else [])


def installed_compilers(machine: Machine) -> list[Toolchain]:
    return [compiler for compiler in _kinds(machine) if _absence(compiler, machine) is None]


def _kinds(machine: Machine) -> list[Toolchain]:
    return [Toolchain(name, warnings_are_errors=True) for name, kind in KINDS.items() if machine in kind.flags]


def _absence(compiler: Toolchain, machine: Machine) -> str | None:
    try:
        compiler.find(machine)
    except EdgeCodecError as absence:
        return str(absence)
    return None
