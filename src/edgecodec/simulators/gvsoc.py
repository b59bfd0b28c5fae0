"""GVSOC, the simulator of PULP chips: https://github.com/gvsoc/gvsoc. It counts clock cycles.

It is found as ``gvsoc`` or ``gvrun`` on PATH, or below the folder that GVSOC_HOME, GVSOC_WORKDIR or GAP_SDK_HOME names.
Its scripts need a Python with packages of their own: GVSOC_PYTHON names one; else a virtual environment ``venv`` in the
installation or beside it is taken; else the ``python3`` on PATH.

GVSOC models GAP9 only with a vendor's private SDK. The public ``pulp-open`` has the same cores, DMA and event unit;
the target ``gap9_like`` is that model with GAP9's size of L1 and clock, and with conflicts at the banks of L1. The
model is optimistic (caches, pipeline of the FPU): its cycles are the simulator's, not the silicon's.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.memory import CLUSTER_CORES, core_stack_bytes
from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.bare_metal import build_bare_metal
from edgecodec.simulators.code_check import CodeCheck, check_code
from edgecodec.simulators.memory_map import pulp_footprint
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.supervised import read_transcript, run_to_end
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.transcript import Transcript
from edgecodec.storage import read_json, write_json

_CLUSTER_CONFIG = Path("generators/pulp/chips/pulp_open/cluster.json")
_CLUSTER_MODEL = "gen_isa_pulp_cluster_*.so"  # is there once the target pulp-open was built
_TIMING_FILES = ("bin/gvsoc_launcher", "lib/*.so", "models/**/*.so", "generators/pulp/chips/pulp_open/*")


@dataclass(frozen=True)
class Chip:
    """A target: what it sets in GVSOC's model of pulp-open."""

    l1_bytes: int
    clock_mhz: float
    bank_conflicts: bool  # whether cores wait for each other at a bank of L1


CHIPS = {
    "pulp-open": Chip(l1_bytes=64 * 1024, clock_mhz=50.0, bank_conflicts=False),
    "gap9_like": Chip(l1_bytes=128 * 1024, clock_mhz=370.0, bank_conflicts=True),
}


def find_chip(target: str) -> Chip:
    if target not in CHIPS:
        raise EdgeCodecError(f"verify.target {target}: unknown; set it to {' or '.join(CHIPS)}")
    return CHIPS[target]


def build_for_pulp(toolchain: Toolchain, firmware: Path, work: Path, target: str, l1_stack_bytes: int,
                   windows: NDArray[np.float32], cores: int = CLUSTER_CORES) -> Image:
    """Compile ``firmware`` for a chip; needs no GVSOC.

    Args:
        l1_stack_bytes: at the end of L1, for the stacks of all cores.
        windows: float32 [n, samples, channels].
        cores: of the cluster that work.

    Raises:
        EdgeCodecError: the compiler refuses, the target is unknown, its L1 or L2 is too small, or
            as for :func:`check_code`.
    """
    chip = find_chip(target)
    try:
        executable = build_bare_metal(
            toolchain, firmware, work, windows, main=["pulp_main.c"], ports=["pulp"],
            linker_script=firmware / "ports" / "pulp" / "pulp.ld",
            definitions=["-DEC_XPULP", f"-DPULP_CORES={cores}", f"-DPULP_L1_BYTES={chip.l1_bytes}",
                         f"-DPULP_L1_STACK_BYTES={l1_stack_bytes}"])
        check_pulp_code(executable, l1_stack_bytes, cores)
    except EdgeCodecError as error:
        raise EdgeCodecError(f"target {target}, {chip.l1_bytes} bytes of L1, {len(windows)} windows: {error}") from None
    return Image(target, executable, (), pulp_footprint(executable, l1_stack_bytes).code_bytes)


def check_pulp_code(executable: Path, l1_stack_bytes: int, cores: int = CLUSTER_CORES) -> CodeCheck:
    """Instructions and stack of what :func:`build_for_pulp` linked."""
    return check_code(executable, core_stack_bytes(l1_stack_bytes, cores))


@dataclass(frozen=True)
class GvsocSimulator:
    """GVSOC with the target ``pulp-open`` built, and a compiler."""

    folder: Path  # of the installation: holds bin/, models/, generators/
    toolchain: Toolchain
    l1_stack_bytes: int
    cores: int = CLUSTER_CORES  # that work: fewer show how the firmware scales

    name = "gvsoc"
    counts_cycles = True

    @classmethod
    def find(cls, toolchain: Toolchain, l1_stack_bytes: int) -> GvsocSimulator:
        """The first installation found.

        Raises:
            EdgeCodecError: there is none, or none that can run pulp-open, or the compiler does not build for it.
        """
        folders = _installed_folders()
        if not folders:
            raise EdgeCodecError("GVSOC not found: put gvsoc on PATH, or set GVSOC_HOME to the folder it was built in")
        for folder in folders:
            if any((folder / "models").glob(_CLUSTER_MODEL)):
                toolchain.find("riscv32")
                return cls(folder, toolchain, l1_stack_bytes)
        raise EdgeCodecError(f"GVSOC in {folders[0]} lacks pulp-open: build it with TARGETS=pulp-open")

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the files that decide the timing (GVSOC has no version of its own), and the compiler."""
        digest = hashlib.sha256()
        for file in sorted({file for pattern in _TIMING_FILES for file in self.folder.glob(pattern) if file.is_file()}):
            digest.update(f"{file.relative_to(self.folder)}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return f"gvsoc {digest.hexdigest()[:16]}, {self.toolchain.version('riscv32')}"

    def build(self, firmware: Path, work: Path, target: str, windows: NDArray[np.float32]) -> Image:
        """See :meth:`Simulator.build`."""
        return build_for_pulp(self.toolchain, firmware, work, target, self.l1_stack_bytes, windows,
                              self.cores)

    def run(self, image: Image, time_limit_seconds: float) -> Transcript:
        """See :meth:`Simulator.run`."""
        return read_transcript("gvsoc", self.execute(image, time_limit_seconds))

    def execute(self, image: Image, time_limit_seconds: float) -> Path:
        """Run any program to its end; the file with what it printed.

        Raises:
            EdgeCodecError: as for :func:`run_to_end`.
        """
        work = image.executable.parent.resolve()
        output = work / "transcript.txt"
        self._describe_machine(image, work, time_limit_seconds)
        # The launcher, since GVSOC's own script turns every failure of the program into status 1. stdbuf, since
        # the launcher keeps lines back when it writes to a file: a killed run would lose them.
        line_by_line = ("stdbuf", "-oL") if shutil.which("stdbuf") else ()
        command = (*line_by_line, str(self.folder / "bin" / "gvsoc_launcher"), "--config=gvsoc_config.json")
        run_to_end("gvsoc", command, output=output, folder=work, environment=self._environment,
                   time_limit_seconds=time_limit_seconds)
        return output

    def _describe_machine(self, image: Image, work: Path, time_limit_seconds: float) -> None:
        """Let GVSOC write ``gvsoc_config.json`` into ``work``."""
        command = (str(self.folder / "bin" / "gvsoc"), "--target=pulp-open", f"--work-dir={work}",
                   f"--binary={image.executable.resolve()}", *self._options(find_chip(image.target), work), "prepare")
        try:
            run_to_end("gvsoc", command, output=work / "description.txt", folder=work, environment=self._environment,
                       time_limit_seconds=time_limit_seconds)
        except EdgeCodecError as error:
            raise EdgeCodecError(f"{error}; if Python packages are missing, set GVSOC_PYTHON to a Python that has "
                                 "GVSOC's requirements") from None

    def _options(self, chip: Chip, work: Path) -> list[str]:
        """Options that turn the stock model into ``chip``."""
        cluster: dict[str, Any] = read_json(self.folder / _CLUSTER_CONFIG)
        banks = 1 << int(math.log2(cluster["nb_pe"] * cluster["l1"]["banking_factor"]))
        for window in ("mapping", "ts_mapping"):
            cluster["l1"][window]["size"] = f"{chip.l1_bytes:#010x}"
        write_json(work / "cluster.json", cluster)
        properties = {"cluster_config_file": str(work / "cluster.json")}
        for clock in ("cluster_clock", "soc_clock_domain"):
            properties[f"{clock}/frequency"] = str(round(chip.clock_mhz * 1e6))
        if chip.bank_conflicts:  # a bank with a width serves one access a cycle, one without any number
            properties |= {f"cluster/l1/bank{bank}/width_bits": "2" for bank in range(banks)}
        return [f"--config-opt=chip/{name}={value}" for name, value in properties.items()]

    @property
    def _environment(self) -> dict[str, str]:
        """For GVSOC's programs: its own Python and libraries first, no module path of ours."""
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        named = os.environ.get("GVSOC_PYTHON")
        pythons = [Path(named)] if named else []
        pythons += [folder / "venv" / "bin" / "python3" for folder in (self.folder, self.folder.parent)]
        first = [str(python.parent) for python in pythons if python.is_file()][:1]
        return {
            **kept,
            "PATH": os.pathsep.join([*first, str(self.folder / "bin"), kept.get("PATH", os.defpath)]),
            "LD_LIBRARY_PATH": os.pathsep.join(
                filter(None, [str(self.folder / "lib"), kept.get("LD_LIBRARY_PATH", "")])),
        }


def _installed_folders() -> list[Path]:
    """Folders with bin/gvsoc, in the order of preference."""
    candidates = [Path(program).resolve().parent.parent
                  for program in (shutil.which("gvsoc"), shutil.which("gvrun")) if program]
    for variable in ("GVSOC_HOME", "GVSOC_WORKDIR", "GAP_SDK_HOME"):
        if os.environ.get(variable):
            home = Path(os.environ[variable]).resolve()
            candidates += [home, home / "install", home / "install" / "workstation"]
    return [folder for folder in dict.fromkeys(candidates) if (folder / "bin" / "gvsoc").is_file()]
