"""Measurements on a target that are kept in git, so that machines without GVSOC know what it counted.

A measurement belongs to one firmware, by the hash of its sources, and one target. The file holds the latest ones,
newest first. To measure the same firmware again replaces its entry in place, so that equal results are equal bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edgecodec.deploy.network import Arithmetic
from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.cycles import Cycles
from edgecodec.simulators.memory_map import Footprint
from edgecodec.simulators.workload import Workload
from edgecodec.storage import read_json, sha256_of_file, write_json

KEPT = 8


@dataclass(frozen=True)
class Measurement:
    """What one firmware takes on one target."""

    firmware_hash: str
    kernels_hash: str  # of the sources that do not depend on the model
    codec: str
    target: str
    simulator: str  # its fingerprint
    clock_mhz: float
    stack_bytes: int | None  # deepest stack of a core
    footprint: Footprint
    workload: Workload
    cycles: Cycles  # of the slowest window
    arithmetic: Arithmetic = "dotpex"

    @property
    def has_amounts(self) -> bool:
        """Whether the cycle model can be fitted on it."""
        return all(step.amounts for step in self.workload.all_steps)


_FILE = TypeAdapter(tuple[Measurement, ...])


def read_measurements(path: Path) -> tuple[Measurement, ...]:
    """The measurements in ``path``; none if there is no such file.

    Raises:
        EdgeCodecError: the file is damaged.
    """
    if not path.exists():
        return ()
    try:
        return _FILE.validate_python(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise EdgeCodecError(f"{path}: {field}: {first['msg']}; restore the file with git") from None


def write_measurements(path: Path, measurements: Sequence[Measurement]) -> None:
    write_json(path, [asdict(measurement) for measurement in measurements])


def add(measurements: Sequence[Measurement], new: Measurement) -> tuple[Measurement, ...]:
    """``measurements`` with ``new`` in place of its predecessor, or in front; at most :data:`KEPT`."""
    if find(measurements, new.firmware_hash, new.target) is None:
        return (new, *measurements)[:KEPT]
    return tuple(new if (old.firmware_hash, old.target) == (new.firmware_hash, new.target) else old
                 for old in measurements)


def find(measurements: Sequence[Measurement], firmware_hash: str, target: str) -> Measurement | None:
    """The measurement of the very same firmware on ``target``."""
    return next((measurement for measurement in measurements
                 if (measurement.firmware_hash, measurement.target) == (firmware_hash, target)), None)


def kernels_hash(firmware: Path) -> str:
    """sha256 over the hand-written sources of a firmware folder: what its speed depends on, besides the model."""
    sources = sorted(path for part in ("include", "src", "ports", "verify") for path in (firmware / part).rglob("*")
                     if path.is_file() and not path.name.startswith("codec_"))
    lines = [f"{path.relative_to(firmware).as_posix()} {sha256_of_file(path)}\n" for path in sources]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
