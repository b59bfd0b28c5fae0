"""What a codec's firmware takes on the target, by number of cores: the figures of the paper's Table III, and ours.

Encoder, quantizer and whole chain are counted on GVSOC, for 8, 4, 2 and 1 cores of the cluster. Where there is none,
they are estimated for eight cores, and every figure is marked so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.emit import write_firmware
from edgecodec.deploy.memory import CLUSTER_CORES
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat
from edgecodec.progress import progress
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.cycles import Cycles
from edgecodec.simulators.energy import window_energy
from edgecodec.simulators.estimate import CycleTable, estimate
from edgecodec.simulators.gvsoc import GvsocSimulator, find_chip
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.verification import Evidence
from edgecodec.storage import rounded

CORES = (CLUSTER_CORES, 4, 2, 1)
ROOF_MACS_PER_CYCLE = 8.0  # of eight cores with four shared units, each two float16 products per cycle


@dataclass(frozen=True)
class PaperFigures:
    """arXiv 2507.06040, section V and Table III: GAP9 at 370 MHz."""

    encoder_milliseconds: float = 45.3
    stage_milliseconds: float = 7.34  # one stage of 768 codewords x 100 samples on 9 tokens, eight cores
    quantizer_one_core_milliseconds: float = 250.0  # four such stages
    chain_milliseconds: float = 52.6
    encoder_macs: int = 20_004_400


PAPER = PaperFigures()


@dataclass(frozen=True)
class FirmwareBenchmark:
    """One codec on one target."""

    codec: ExportedCodec
    target: str
    evidence: Evidence
    cycles: Mapping[int, Cycles]  # by cores
    arena_bytes: int  # of L1: activations and what is fetched
    remark: str = ""  # where an estimate comes from

    @property
    def rates(self) -> range:
        return PacketFormat.of(self.codec).rates

    def encoder_milliseconds(self, cores: int) -> float:
        return self._milliseconds(self.cycles[cores].encoder)

    def quantizer_milliseconds(self, cores: int, rate: int) -> float:
        return self._milliseconds(self.cycles[cores].fixed_length.quantizer(self._stages(rate)))

    def chain_milliseconds(self, cores: int, rate: int) -> float:
        """Window to packet."""
        return self._milliseconds(self.cycles[cores].chain(rate, self._stages(rate)))

    def energy_millijoules(self, rate: int) -> float:
        """Compute on all cores, and air."""
        bits = 8 * PacketFormat.of(self.codec).packet_bytes(rate)
        return window_energy(self.chain_milliseconds(CLUSTER_CORES, rate), bits).total

    @property
    def macs_per_cycle(self) -> float:
        """Of the encoder on all cores."""
        return self.codec.multiply_accumulates / self.cycles[CLUSTER_CORES].encoder

    def to_json(self) -> dict[str, Any]:
        rates = self.rates
        return {
            "target": self.target,
            "evidence": self.evidence,
            "arithmetic": self.codec.arithmetic,
            "encoder_macs": self.codec.multiply_accumulates,
            "quantizer_macs": self.codec.quantizer.multiply_accumulates,
            "encoder_macs_per_cycle": rounded(self.macs_per_cycle),
            "share_of_roof": rounded(self.macs_per_cycle / ROOF_MACS_PER_CYCLE),
            "arena_bytes": self.arena_bytes,
            "energy_millijoules": {str(rate): rounded(self.energy_millijoules(rate)) for rate in rates},
            "cores": {str(cores): {
                "encoder_cycles": cycles.encoder,
                "quantizer_cycles": {str(rate): cycles.fixed_length.quantizer(self._stages(rate)) for rate in rates},
                "encoder_milliseconds": rounded(self.encoder_milliseconds(cores)),
                "quantizer_milliseconds": {str(rate): rounded(self.quantizer_milliseconds(cores, rate))
                                           for rate in rates},
                "chain_milliseconds": {str(rate): rounded(self.chain_milliseconds(cores, rate)) for rate in rates},
            } for cores, cycles in self.cycles.items()},
        }

    def _milliseconds(self, cycles: int) -> float:
        return cycles / find_chip(self.target).clock_mhz / 1e3

    def _stages(self, rate: int) -> int:
        return self.codec.quantizer.stages_of_rate[rate - 1]


@dataclass(frozen=True)
class Bench:
    """Where firmware is built and run.

    Args:
        simulator: None where there is no GVSOC: cycles are estimated then, for eight cores.
        cycle_table: the file to estimate by.
        work: for sources and programs.
    """

    toolchain: Toolchain
    simulator: GvsocSimulator | None
    target: str
    l1_bytes: int  # that the arena may take
    l1_stack_bytes: int  # beside it, for the stacks of all cores
    time_limit_seconds: float
    cycle_table: Path
    work: Path

    def measure(self, codec: ExportedCodec, window: NDArray[np.float32],
                cores: Sequence[int] = CORES) -> FirmwareBenchmark:
        """Of ``codec``, on one ``window`` [samples, channels].

        Raises:
            EdgeCodecError: the firmware does not fit, compile or end, or its bits differ from the oracle's; without
                GVSOC, there is no table to estimate by.
        """
        firmware = self.work / f"{codec.codec}_{codec.arithmetic}"
        plan = write_firmware(codec, window[None], self.l1_bytes, firmware, self.l1_stack_bytes)
        if self.simulator is None:
            table = CycleTable.read(self.cycle_table)
            estimated = {CLUSTER_CORES: estimate(table.prices, codec)}
            return FirmwareBenchmark(codec, self.target, "estimated", estimated, plan.arena_bytes, table.remark)
        counted = {number: self._counted(replace(self.simulator, cores=number), codec, firmware, window)
                   for number in progress(cores, f"Codec {codec.codec} in {codec.arithmetic} on "
                                                 f"{', '.join(map(str, cores))} cores")}
        return FirmwareBenchmark(codec, self.target, "measured", counted, plan.arena_bytes)

    def _counted(self, simulator: GvsocSimulator, codec: ExportedCodec, firmware: Path,
                 window: NDArray[np.float32]) -> Cycles:
        image = simulator.build(firmware, self.work / f"{firmware.name}_{simulator.cores}", self.target, window[None])
        transcript = simulator.run(image, self.time_limit_seconds)
        found = compare_with_oracle(codec, window[None], transcript)
        if not found.bit_exact:
            raise EdgeCodecError(f"codec {codec.codec} on {simulator.cores} cores: the bits are not the oracle's "
                                 f"({found.first_difference}); look at the stage verify_gvsoc")
        return Cycles.of_slowest_window(transcript)


def table_rows(benchmarks: Mapping[str, FirmwareBenchmark]) -> list[tuple[str, ...]]:
    """The paper's Table III with a column per benchmark, at its highest rate: the heading, then rows of text."""
    each = list(benchmarks.values())

    def milliseconds(cores: int, of: Callable[[FirmwareBenchmark, int], float]) -> list[str]:
        """A dash where nothing was counted with so many cores."""
        return [f"{of(one, cores):.2f} ms" if cores in one.cycles else "-" for one in each]

    def quantizer(one: FirmwareBenchmark, cores: int) -> float:
        return one.quantizer_milliseconds(cores, one.rates[-1])

    def chain(one: FirmwareBenchmark, cores: int) -> float:
        return one.chain_milliseconds(cores, one.rates[-1])

    encoder = FirmwareBenchmark.encoder_milliseconds
    of_paper = PAPER.encoder_macs / (PAPER.encoder_milliseconds * 370e3)
    counted = sorted({cores for one in each for cores in one.cycles}, reverse=True)
    return [
        ("", "paper, on GAP9", *(f"{name}, {one.evidence}" for name, one in benchmarks.items())),
        ("encoder, MACs", f"{PAPER.encoder_macs / 1e6:.2f} M",
         *(f"{one.codec.multiply_accumulates / 1e6:.2f} M" for one in each)),
        ("encoder, 8 cores", f"{PAPER.encoder_milliseconds:.1f} ms", *milliseconds(CLUSTER_CORES, encoder)),
        ("encoder, MAC/cycle", f"{of_paper:.2f}", *(f"{one.macs_per_cycle:.2f}" for one in each)),
        ("encoder, share of the roof", f"{of_paper / ROOF_MACS_PER_CYCLE:.0%}",
         *(f"{one.macs_per_cycle / ROOF_MACS_PER_CYCLE:.0%}" for one in each)),
        ("quantizer, highest rate, 8 cores", f"4 x {PAPER.stage_milliseconds:.2f} ms",
         *milliseconds(CLUSTER_CORES, quantizer)),
        ("quantizer, highest rate, 1 core", f"{PAPER.quantizer_one_core_milliseconds:.0f} ms",
         *milliseconds(1, quantizer)),
        *((f"window to packet, highest rate, {cores} core{'s' * (cores > 1)}",
           f"{PAPER.chain_milliseconds:.1f} ms" if cores == CLUSTER_CORES else "-", *milliseconds(cores, chain))
          for cores in counted),
        ("L1 arena", "-", *(f"{one.arena_bytes / 1000:.1f} kB" for one in each)),
        ("energy, compute + air, highest rate", "8 mJ + air",
         *(f"{one.energy_millijoules(one.rates[-1]):.2f} mJ" for one in each)),
    ]
