"""What is known of a firmware on a target: whether its bits are the oracle's, and what a window costs there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import Convolution, ExportedCodec, Filter, Layer
from edgecodec.packets.packet import PacketFormat
from edgecodec.simulators.code_check import CodeCheck
from edgecodec.simulators.comparison import Comparison
from edgecodec.simulators.cycles import Cycles
from edgecodec.simulators.energy import WindowEnergy, raw_millijoules, saving, window_energy
from edgecodec.simulators.gvsoc import find_chip
from edgecodec.simulators.measurement import Measurement
from edgecodec.simulators.memory_map import Footprint
from edgecodec.simulators.transcript import Transcript
from edgecodec.storage import rounded

Evidence = Literal["measured", "recorded", "estimated"]


@dataclass(frozen=True)
class Check:
    """One run of the firmware, compared with the oracle."""

    simulator: str
    fingerprint: str
    target: str
    executable: Path
    printed: str
    transcript: Transcript
    comparison: Comparison

    def __str__(self) -> str:
        verdict = "bit-exact" if self.comparison.bit_exact else f"DIFFERS: {self.comparison.first_difference}"
        compared = f"{self.comparison.results} results of {self.comparison.windows} windows"
        return f"{self.simulator} ({self.target}, workers: {self.transcript.workers}), {compared}: {verdict}"


@dataclass(frozen=True)
class Cost:
    """What one window takes on the target.

    The evidence is ``measured`` if a simulator of the target counted the cycles now, ``recorded`` if it counted them
    for a program of the same code, shapes and memory plan and the figures were kept, ``estimated`` if they come from a
    table of what other codecs took.
    """

    evidence: Evidence
    cycles: Cycles
    footprint: Footprint
    stack_bytes: int | None  # deepest stack of a core; None where no target ran
    remark: str  # where the figures come from

    @classmethod
    def of(cls, measurement: Measurement, evidence: Evidence) -> Cost:
        return cls(evidence, measurement.cycles, measurement.footprint, measurement.stack_bytes, measurement.remark)


@dataclass(frozen=True)
class Verification:
    codec: ExportedCodec
    firmware_hash: str
    target: str
    checks: tuple[Check, ...]  # the last one is the chosen simulator's
    cost: Cost
    measurement: Measurement | None  # of the program, if it was counted now or before
    memory_map: str  # of the verification program on the target
    code: CodeCheck  # of the same program

    @property
    def bit_exact(self) -> bool:
        return all(check.comparison.bit_exact for check in self.checks)

    @property
    def new_measurement(self) -> Measurement | None:
        """What to keep: cycles that were counted now, of a firmware whose bits are right."""
        return self.measurement if self.cost.evidence == "measured" and self.bit_exact else None

    def milliseconds(self, rate: int, kind: PacketKind = PacketKind.FIXED_LENGTH) -> float:
        """Time to encode, quantize and pack one window."""
        stages = self.codec.quantizers[kind].stages_of_rate[rate - 1]
        return self.cost.cycles.chain(rate, stages, kind) / find_chip(self.target).clock_mhz / 1e3

    def energy(self, rate: int) -> WindowEnergy:
        """Energy to compute one window and to send its packet."""
        return window_energy(self.milliseconds(rate), 8 * PacketFormat.of(self.codec).packet_bytes(rate))

    def metrics(self) -> dict[str, Any]:
        """What ``metrics/verification.json`` holds."""
        cycles, footprint = self.cost.cycles, self.cost.footprint
        rates = PacketFormat.of(self.codec).rates
        return {
            "simulator": self.checks[-1].simulator,
            "target": self.target,
            "evidence": self.cost.evidence,
            "trainings": 0 if self.measurement is None else len(self.measurement.models),
            "cycle_spread": {} if self.measurement is None else {
                kind.label: rounded(share) for kind, share in self.measurement.spread.items()},
            "bit_exact": self.bit_exact,
            "clock_mhz": find_chip(self.target).clock_mhz,
            "encoder": {
                "cycles": cycles.encoder,
                "macs": self.codec.multiply_accumulates,
                "layers": [_layer(layer, count)
                           for layer, count in zip(self.codec.layers, cycles.layers, strict=True)],
            },
            "rvq": {str(rate): {"cycles": cycles.fixed_length.quantizer(stages)}
                    for rate, stages in zip(rates, self.codec.quantizer.stages_of_rate, strict=True)},
            "total_milliseconds": {str(rate): rounded(self.milliseconds(rate)) for rate in rates},
            "energy_millijoules": {str(rate): rounded(self.energy(rate).total) for rate in rates},
            "l1_bytes": footprint.l1_bytes,
            "l2_bytes": footprint.l2_bytes,
            "code_bytes": footprint.code_bytes,
            "stack_bytes": self.cost.stack_bytes,
            "stack_bound_bytes": self.code.stack.bytes,
            "stack_reserved_bytes": self.code.stack_reserved_bytes,
            "coded": {},
            **{kind.label: self._by_rate(kind) for kind in cycles.kinds if kind is not PacketKind.FIXED_LENGTH},
        }

    def _by_rate(self, kind: PacketKind) -> dict[str, Any]:
        """Cycles and time of packets of ``kind`` by rate."""
        cycles = self.cost.cycles.kinds[kind]
        return {str(rate): {"quantizer_cycles": cycles.quantizer(stages), "packing_cycles": cycles.packets[rate - 1],
                            "total_milliseconds": rounded(self.milliseconds(rate, kind))}
                for rate, stages in enumerate(self.codec.quantizers[kind].stages_of_rate, 1)}

    def report(self) -> dict[str, Any]:
        """How the metrics came about, and the first difference of every check."""
        return {
            "model_hash": self.codec.model_hash,
            "firmware_hash": self.firmware_hash,
            "target": self.target,
            "evidence": self.cost.evidence,
            "remark": self.cost.remark,
            "bit_exact": self.bit_exact,
            "energy": self._energy(),
            "instructions": dict(self.code.instructions),
            "stack": {
                "reserved_bytes": self.code.stack_reserved_bytes,
                "deepest": str(self.code.stack),
                "api": {function: str(bound) for function, bound in self.code.api_stacks.items()},
            },
            "checks": [{
                "simulator": check.simulator,
                "fingerprint": check.fingerprint,
                "target": check.target,
                "workers": check.transcript.workers,
                "windows": check.comparison.windows,
                "results": check.comparison.results,
                "first_difference": str(check.comparison.first_difference or "none"),
            } for check in self.checks],
        }

    def _energy(self) -> dict[str, Any]:
        samples, sample_rate_hz = self.codec.samples, self.codec.sample_rate_hz
        by_rate = {}
        for rate in PacketFormat.of(self.codec).rates:
            energy = self.energy(rate)
            saved = saving(energy, samples, sample_rate_hz)
            by_rate[str(rate)] = {
                "compute_millijoules": rounded(energy.compute),
                "radio_millijoules": rounded(energy.radio),
                "saving_same_window": rounded(saved.same_window),
                "saving_as_the_paper_counts": rounded(saved.paper),
            }
        return {"raw_window_millijoules": rounded(raw_millijoules(samples)), "by_rate": by_rate}


def _layer(layer: Layer, cycles: int) -> dict[str, Any]:
    macs = layer.multiply_accumulates if isinstance(layer, Filter | Convolution) else 0
    return {"name": layer.name, "cycles": cycles, "macs": macs, "mac_per_cycle": rounded(macs / cycles)}
