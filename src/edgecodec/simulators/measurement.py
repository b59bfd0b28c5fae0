"""Measurements on a target that are kept in git, so that machines without GVSOC know what it counted.

A measurement belongs to a program (:mod:`edgecodec.simulators.program_hash`) and a target: a codec that is trained anew
has it as well. Beside it stands what every counted training took, to tell how much the values matter. The file holds
the latest measurements, newest first. To measure a program again replaces its entry in place, so that equal results
are equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import Arithmetic
from edgecodec.simulators.cycles import Cycles, Labelled
from edgecodec.simulators.memory_map import Footprint
from edgecodec.storage import read_json, write_json

KEPT = 8


Chains = Mapping[Labelled, tuple[int, ...]]  # of one training, by kind of packets: cycles from window to packet by rate


@dataclass(frozen=True)
class Measurement:
    """What one program takes on one target."""

    program_hash: str
    codec: str
    target: str
    arithmetic: Arithmetic
    simulator: str  # its fingerprint, which names the compiler
    stack_bytes: int | None  # deepest stack of a core
    footprint: Footprint
    cycles: Cycles  # of the slowest window, of the training that was counted last
    models: Mapping[str, Chains] = field(default_factory=dict)  # every training that was counted, by model hash

    def with_models_of(self, earlier: Measurement | None) -> Measurement:
        """This one, with the trainings of an earlier one of the same program, if the same simulator counted them."""
        if earlier is None or earlier.simulator != self.simulator:
            return self
        return replace(self, models={**earlier.models, **self.models})

    @property
    def spread(self) -> dict[PacketKind, float]:
        """By kind of packets, most cycles over least between trainings, minus 1, at the rate where it is largest. Empty
        if a single training was counted."""
        if len(self.models) < 2:
            return {}
        by_rate = {kind: list(zip(*(chains.get(kind, ()) for chains in self.models.values()), strict=False))
                   for kind in self.cycles.kinds}
        return {kind: max(max(cycles) / min(cycles) - 1 for cycles in each) for kind, each in by_rate.items() if each}

    @property
    def remark(self) -> str:
        """One line: who counted, and how far trainings lie apart."""
        apart = [f"{share:.2%} apart{'' if kind is PacketKind.FIXED_LENGTH else f' in {kind.label} packets'}"
                 for kind, share in self.spread.items()]
        trainings = f"{len(self.models)} trainings, {', '.join(apart)}" if apart else "a single training"
        return f"counted by {self.simulator}; {trainings}"


_FILE = TypeAdapter(tuple[Measurement, ...])


def read_measurements(path: Path) -> tuple[Measurement, ...]:
    """The measurements in ``path``; none if there is no such file.

    Raises:
        EdgeCodecError: the file is damaged, or of an older form.
    """
    if not path.exists():
        return ()
    content = read_json(path)
    try:
        return _FILE.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
    raise EdgeCodecError(f"{path}: {where}: {first['msg']}; restore the file with git, or, if an older EdgeCodec wrote "
                         "it, delete it and run verify_gvsoc with GVSOC")


def write_measurements(path: Path, measurements: Sequence[Measurement]) -> None:
    write_json(path, _FILE.dump_python(tuple(measurements), mode="json"))


def add(measurements: Sequence[Measurement], new: Measurement) -> tuple[Measurement, ...]:
    """``measurements`` with ``new`` in place of its predecessor, whose trainings it keeps, or in front; at most
    :data:`KEPT`."""
    known = find(measurements, new.program_hash, new.target)
    if known is None:
        return (new, *measurements)[:KEPT]
    return tuple(new.with_models_of(known) if old is known else old for old in measurements)


def find(measurements: Sequence[Measurement], program_hash: str, target: str) -> Measurement | None:
    """The measurement of a program on ``target``."""
    return next((measurement for measurement in measurements
                 if (measurement.program_hash, measurement.target) == (program_hash, target)), None)
