"""Where a snapshot of results comes from: the commit, the machine, and how its cycles were found."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.verification import Evidence

FILE = "origin.json"
LEVELS = {  # of the x86-64 psABI, lowest first: the flags of /proc/cpuinfo that each adds to those before it
    "x86-64-v2": {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"},
    "x86-64-v3": {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"},
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}


class Machine(BaseModel):
    """What may decide bits and times of results."""

    architecture: str
    processor: str  # its name
    instruction_set: str  # x86-64-v2, ...; the architecture where it has no levels
    cores: Annotated[int, Field(ge=1)]
    python: str
    torch: str

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of_this_process(cls, cpuinfo: str) -> Machine:
        """This machine, by the text of /proc/cpuinfo."""
        name = re.search(r"^model name\s*: (.+)$", cpuinfo, re.MULTILINE)
        return cls(architecture=platform.machine(), processor=name[1].strip() if name else "of unknown name",
                   instruction_set=_level(cpuinfo), cores=os.cpu_count() or 1, python=platform.python_version(),
                   torch=version("torch"))

    def __str__(self) -> str:
        return (f"{self.processor} ({self.instruction_set}, {self.cores} cores), Python {self.python}, "
                f"torch {self.torch}")


class Origin(BaseModel):
    """Where results come from. It names no date: equal results have equal origins."""

    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]  # holds the very files that were taken
    machine: Machine | None  # None where nobody recorded it
    evidence: Evidence  # for cycles, times and energy
    simulator: str

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def from_json(cls, content: Any) -> Origin:
        """What :data:`FILE` holds.

        Raises:
            EdgeCodecError: a field is missing, unknown or of another kind.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "(top level)"
            raise EdgeCodecError(f"{FILE}: {field}: {first['msg']}; restore it with git, or take a snapshot anew (make "
                                 "snapshot)") from None


def _level(cpuinfo: str) -> str:
    """The highest level whose flags, and those of all before it, the processor has."""
    found = re.search(r"^flags\s*: (.+)$", cpuinfo, re.MULTILINE)
    flags, reached = set(found[1].split()) if found else set(), platform.machine()
    for level, added in LEVELS.items():
        if not added <= flags:
            break
        reached = level
    return reached
