"""The C compiler: the zig that pip installs, unless another one is asked for by name.

``verify.compiler`` of params.yaml names it; the environment variable EDGECODEC_COMPILER, where it is set, overrides
that. What is merely installed changes nothing.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from edgecodec.errors import EdgeCodecError
from edgecodec.params import CompilerName
from edgecodec.temporary import shared_folder

CortexM = Literal["cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"]
Machine = Literal["host", "riscv32"] | CortexM

DEFAULT: CompilerName = "zig"
VARIABLE = "EDGECODEC_COMPILER"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wcast-align", "-Wundef")
# The sums' order defines the result; nothing may be contracted or reordered.
LANGUAGE = ("-std=c11", "-ffp-contract=off", "-fno-math-errno")
_BARE_METAL = ("-ffreestanding", "-nostdlib")
_OF_LINKER = "linker command failed|ld returned"  # the compiler's word, after the linker said why


@dataclass(frozen=True)
class Kind:
    """How a compiler is found and called, and what it is told about each machine that it builds for.

    Programs for the host use what every processor of its architecture has, so that they run on any.
    """

    find: Callable[[Machine], tuple[str, ...]]  # the command; raises FileNotFoundError with what is not installed
    flags: Mapping[Machine, tuple[str, ...]]
    packages: str  # that bring it
    compiles: tuple[str, ...] = ()  # the word after the command that says so
    tells_version: tuple[str, ...] = ("--version",)


def _find_zig(machine: Machine) -> tuple[str, ...]:
    if importlib.util.find_spec("ziglang") is None:
        raise FileNotFoundError("ziglang")
    return sys.executable, "-m", "ziglang"


def _find_clang(machine: Machine) -> tuple[str, ...]:
    if machine != "host":
        _on_path("ld.lld-19")
    return (_on_path("clang-19"),)


def _find_gcc(machine: Machine) -> tuple[str, ...]:
    return (_on_path("gcc" if machine == "host" else "arm-none-eabi-gcc"),)


def _on_path(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise FileNotFoundError(program)
    return found


# RISC-V is rv32 with fp16 and fp32 in the integer registers; an ABI with float registers would corrupt silently. On Arm
# float unit and instruction set follow from the core, and the ABI passes floats in its registers.
_CORES: tuple[CortexM, ...] = get_args(CortexM)
# zig leaves a core's float unit out unless it is told: or fp_armv8d16sp. Helium is one, too.
_ZIG_FLOAT_UNITS = {"cortex-m4": "vfp4d16sp", "cortex-m55": "mve_fp"}

KINDS: dict[CompilerName, Kind] = {
    "zig": Kind(_find_zig, {
        "host": ("-mcpu=baseline",),
        "riscv32": ("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c+zfinx+zhinx+zicsr-a-d-f",
                    *_BARE_METAL),
        **{core: ("-target", "thumb-freestanding-eabihf",
                  f"-mcpu={core.replace('-', '_')}+{_ZIG_FLOAT_UNITS.get(core, 'fp_armv8d16sp')}",
                  "-fno-unwind-tables", *_BARE_METAL) for core in _CORES},
    }, packages="ziglang (pip)", compiles=("cc",), tells_version=("version",)),
    "clang-19": Kind(_find_clang, {
        "host": (),
        "riscv32": ("--target=riscv32-unknown-elf", "-march=rv32imc_zicsr_zfinx_zhinx", "-mabi=ilp32",
                    "-fuse-ld=lld-19", *_BARE_METAL),
        **{core: ("--target=arm-none-eabihf", f"-mcpu={core}", "-mfloat-abi=hard", "-fuse-ld=lld-19", *_BARE_METAL)
           for core in _CORES},
    }, packages="clang-19 and lld-19"),
    "gcc": Kind(_find_gcc, {  # before version 13 it has no float16 for RISC-V
        "host": (),
        **{core: (f"-mcpu={core}", "-mthumb", "-mfloat-abi=hard", *_BARE_METAL) for core in _CORES},
    }, packages="gcc and, for Cortex-M, gcc-arm-none-eabi"),
}


@dataclass(frozen=True)
class Toolchain:
    """One C compiler for the host and the target machines."""

    name: CompilerName
    setting: str = "verify.compiler: "  # that asked for it, up to its name
    warnings_are_errors: bool = False  # in the project's own tests; nobody else is stopped by a new compiler's warning

    def find(self, machine: Machine) -> tuple[str, ...]:
        """The command that builds for ``machine``.

        Raises:
            EdgeCodecError: it is not installed, or does not build for that machine.
        """
        kind = KINDS[self.name]
        if machine not in kind.flags:
            able = " or ".join(name for name, other in KINDS.items() if machine in other.flags)
            raise EdgeCodecError(f"{self.setting}{self.name}: has no float16 for {machine}; set {self.setting}{able}")
        try:
            return kind.find(machine)
        except FileNotFoundError as absence:
            raise EdgeCodecError(f"{self.setting}{self.name}: {absence} not found; install {kind.packages}"
                                 f"{self._instead(', or ')}") from None

    def version(self, machine: Machine) -> str:
        """One line. gcc has a program, and so a version, for each architecture.

        Raises:
            EdgeCodecError: as for :meth:`find`, or it does not even run.
        """
        try:
            said = _output((*self.find(machine), *KINDS[self.name].tells_version))
        except (OSError, subprocess.CalledProcessError) as failure:
            told = _first_error(getattr(failure, "stderr", None) or str(failure))
            raise EdgeCodecError(f"{self.setting}{self.name}: does not run: {told}; install "
                                 f"{KINDS[self.name].packages} anew{self._instead(', or ')}") from None
        line = said.splitlines()[0].strip()
        return line if line[0].isalpha() else f"{self.name} {line}"  # zig says the number alone

    def build(self, machine: Machine, sources: Sequence[Path], executable: Path, *,
              includes: Sequence[Path] = (), options: Sequence[str] = ()) -> None:
        """Compile and link ``sources``.

        Raises:
            EdgeCodecError: the compiler is absent, or it or the linker refuses; the text has the first error.
        """
        kind = KINDS[self.name]
        # zig traps on undefined behaviour unless told not to; once told, it cannot be told otherwise.
        sanitized = any(option.startswith("-fsanitize=") for option in options)
        command = [*self.find(machine), *kind.compiles, *kind.flags[machine], *LANGUAGE, *WARNINGS,
                   *(("-Werror",) if self.warnings_are_errors else ()),
                   *(() if sanitized else ("-fno-sanitize=all",)),
                   *(f"-I{folder}" for folder in includes), *options,
                   *(str(source) for source in sources), "-o", str(executable)]
        executable.parent.mkdir(parents=True, exist_ok=True)
        finished = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
        if finished.returncode != 0:
            raise EdgeCodecError(f"{self.name} for {machine} ({self.version(machine)}): "
                                 f"{_first_error(finished.stderr + finished.stdout)}{self._instead('; ')}")

    def _instead(self, after: str) -> str:
        return "" if self.name == DEFAULT else f"{after}set {self.setting}{DEFAULT}"


def choose_toolchain(compiler: CompilerName, *machines: Machine) -> Toolchain:
    """The compiler that EDGECODEC_COMPILER names; where it is not set, ``compiler``, which params.yaml names.

    Args:
        machines: that it must build for.

    Raises:
        EdgeCodecError: there is no such compiler, it is not installed, does not run, or builds for other machines only.
    """
    asked = os.environ.get(VARIABLE)
    if asked and asked not in KINDS:
        raise EdgeCodecError(f"{VARIABLE}={asked}: unknown; set it to {', '.join(KINDS)}")
    toolchain = Toolchain(asked, f"{VARIABLE}=") if asked else Toolchain(compiler)
    for machine in machines:
        toolchain.version(machine)
    return toolchain


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip() and not re.search(_OF_LINKER, line)]
    marked = [line for line in lines if "error:" in line]  # GNU ld marks nothing: its last line says it
    return next(iter(marked + lines[-1:]), "no output")


@cache
def _output(command: tuple[str, ...]) -> str:
    return subprocess.run(command, capture_output=True, text=True, env=_environment(), check=True).stdout


def cache_folder() -> Path:
    """Where zig keeps what it has compiled; the home folder may not be writable."""
    return Path(os.environ.get("ZIG_GLOBAL_CACHE_DIR") or shared_folder() / f"edgecodec-zig-{os.getuid()}")


def _environment() -> dict[str, str]:
    return {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache_folder())}
