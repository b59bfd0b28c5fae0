"""The C compiler: clang-19 with lld-19 if both are installed, else the zig compiler that pip installs."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from edgecodec.errors import EdgeCodecError

CortexM = Literal["cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"]
Machine = Literal["host", "riscv32"] | CortexM

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
# The sums' order defines the result; nothing may be contracted or reordered.
LANGUAGE = ("-std=c11", "-ffp-contract=off", "-fno-math-errno")

# rv32 with fp16 and fp32 in the integer registers; an ABI with float registers would corrupt silently.
_CLANG_RISCV32 = ("--target=riscv32-unknown-elf", "-march=rv32imc_zicsr_zfinx_zhinx", "-mabi=ilp32",
                  "-ffreestanding", "-fuse-ld=lld-19", "-nostdlib")
_ZIG_RISCV32 = ("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c+zfinx+zhinx+zicsr-a-d-f",
                "-ffreestanding", "-nostdlib")
# Float unit and instruction set follow from the core; the ABI passes floats in its registers.
_CORTEX_M: dict[CortexM, str] = {"cortex-m4": "thumbv7em", "cortex-m7": "thumbv7em", "cortex-m33": "thumbv8m.main",
                                 "cortex-m55": "thumbv8.1m.main"}
_CLANG_CORTEX_M: dict[Machine, tuple[str, ...]] = {
    core: (f"--target={architecture}-none-eabihf", f"-mcpu={core}", "-mfloat-abi=hard", "-ffreestanding",
           "-fuse-ld=lld-19", "-nostdlib")
    for core, architecture in _CORTEX_M.items()}
# zig leaves the float unit of a core out, unless it is told.
_ZIG_UNITS: dict[CortexM, str] = {"cortex-m4": "vfp4d16sp", "cortex-m7": "fp_armv8d16sp",
                                  "cortex-m33": "fp_armv8d16sp", "cortex-m55": "fp_armv8d16sp"}
_ZIG_CORTEX_M: dict[Machine, tuple[str, ...]] = {
    core: ("-target", "thumb-freestanding-eabihf", f"-mcpu={core.replace('-', '_')}+{unit}", "-ffreestanding",
           "-nostdlib")
    for core, unit in _ZIG_UNITS.items()}


@dataclass(frozen=True)
class Toolchain:
    """One C compiler for the host and the target machines."""

    name: str  # "clang-19" or "zig"
    compiler: tuple[str, ...]
    flags: dict[Machine, tuple[str, ...]]

    @property
    def version(self) -> str:
        """First line of ``--version``."""
        return _version(self.compiler)

    def build(self, machine: Machine, sources: Sequence[Path], executable: Path, *,
              includes: Sequence[Path] = (), options: Sequence[str] = ()) -> None:
        """Compile and link ``sources`` with warnings as errors.

        Raises:
            EdgeCodecError: the compiler or the linker refuses; the text is the first error.
        """
        # zig traps on undefined behaviour unless told not to; once told, it cannot be told otherwise.
        sanitized = any(option.startswith("-fsanitize=") for option in options)
        command = [*self.compiler, *self.flags[machine], *LANGUAGE, *WARNINGS,
                   *(() if sanitized else ("-fno-sanitize=all",)),
                   *(f"-I{folder}" for folder in includes), *options,
                   *(str(source) for source in sources), "-o", str(executable)]
        executable.parent.mkdir(parents=True, exist_ok=True)
        finished = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
        if finished.returncode != 0:
            raise EdgeCodecError(f"{self.name} for {machine}: {_first_error(finished.stderr + finished.stdout)}")


def installed_toolchains() -> tuple[Toolchain, ...]:
    """Every compiler that is here, the preferred one first."""
    found = []
    clang, linker = shutil.which("clang-19"), shutil.which("ld.lld-19")
    if clang and linker:
        found.append(Toolchain("clang-19", (clang,), {
            "host": ("-march=native",) if platform.machine() == "x86_64" else (),
            "riscv32": _CLANG_RISCV32,
            **_CLANG_CORTEX_M,
        }))
    if importlib.util.find_spec("ziglang"):
        # zig compiles for the machine it runs on.
        found.append(Toolchain("zig", (sys.executable, "-m", "ziglang", "cc"), {
            "host": (),
            "riscv32": _ZIG_RISCV32,
            **_ZIG_CORTEX_M,
        }))
    return tuple(found)


def find_toolchain() -> Toolchain:
    """The preferred compiler.

    Raises:
        EdgeCodecError: there is none.
    """
    found = installed_toolchains()
    if not found:
        raise EdgeCodecError("no C compiler: install clang-19 and lld-19, or `pip install ziglang`")
    return found[0]


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip() and "linker command failed" not in line]
    marked = [line for line in lines if "error:" in line]  # GNU ld marks nothing: its last line says it
    return next(iter(marked + lines[-1:]), "no output")


@cache
def _version(compiler: tuple[str, ...]) -> str:
    finished = subprocess.run([*compiler, "--version"], capture_output=True, text=True, env=_environment(), check=False)
    return (finished.stdout or finished.stderr).splitlines()[0].strip()


def _environment() -> dict[str, str]:
    """zig keeps compiled run-time libraries in a cache folder; the home folder may not be writable."""
    folder = Path(tempfile.gettempdir()) / f"edgecodec-zig-{os.getuid()}"
    return {"ZIG_GLOBAL_CACHE_DIR": str(folder), **os.environ}
