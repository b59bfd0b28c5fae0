"""Runs a firmware on this host and on a simulator, compares it with the oracle, and finds what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgecodec.deploy.emit import firmware_hash
from edgecodec.deploy.golden import expected_transcript
from edgecodec.deploy.memory import CLUSTER_CORES, plan_memory
from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec, Single
from edgecodec.progress import progress
from edgecodec.simulators.comparison import compare
from edgecodec.simulators.cycles import Cycles
from edgecodec.simulators.estimate import CycleTable, estimate
from edgecodec.simulators.gvsoc import build_for_pulp, check_pulp_code
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.measurement import Measurement, find
from edgecodec.simulators.memory_map import memory_map, pulp_footprint
from edgecodec.simulators.program_hash import program_hash
from edgecodec.simulators.simulator import Image, Simulator
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.transcript import parse_transcript
from edgecodec.simulators.verification import Check, Cost, Verification


def golden_windows(firmware: Path, codec: ExportedCodec) -> Single:
    """The windows [n, samples, channels] that the folder ``firmware`` was generated with.

    Raises:
        EdgeCodecError: there are none.
    """
    path = firmware / "golden" / "windows.bin"
    if not path.is_file():
        raise EdgeCodecError(f"{path}: not found; run the stage generate_c")
    return np.fromfile(path, "<f4").astype(np.float32).reshape(-1, codec.samples, codec.channels)


@dataclass(frozen=True)
class Verifier:
    """A firmware folder, the codec it was generated from, and the target it is for."""

    codec: ExportedCodec
    firmware: Path
    target: str
    l1_bytes: int  # that the arena may take
    l1_stack_bytes: int
    toolchain: Toolchain
    time_limit_seconds: float
    work: Path  # for programs and what they print

    def verify(self, simulator: Simulator, target_windows: int, kept: Sequence[Measurement],
               cycle_table: Path) -> Verification:
        """Check all golden windows on the host, with one worker and with a cluster's number of them, and the first
        ``target_windows`` on ``simulator``.

        Args:
            kept: earlier measurements: what a simulator that counts no cycles looks this program up in.
            cycle_table: of a program that is not there the cycles are estimated by this file.

        Raises:
            EdgeCodecError: the program does not compile, fit, run or end. A difference is no error: it is a result.
        """
        checks = tuple(self._checks(simulator, target_windows))
        measurement = find(kept, self.program_hash, self.target)
        if simulator.counts_cycles:
            executable = checks[-1].executable
            measurement = self._measured(checks[-1]).with_models_of(measurement)
            cost = Cost.of(measurement, "measured")
        else:
            executable = self._target_program()
            cost = (Cost.of(measurement, "recorded") if measurement is not None
                    else self._estimated(executable, CycleTable.read(cycle_table)))
        return Verification(self.codec, firmware_hash(self.firmware), self.target, checks, cost, measurement,
                            memory_map(executable), check_pulp_code(executable, self.l1_stack_bytes))

    @property
    def program_hash(self) -> str:
        return program_hash(self.codec, plan_memory(self.codec, self.l1_bytes), self.firmware)

    def check_on_host(self) -> tuple[Check, ...]:
        """Check all golden windows on this host, with one worker and with a cluster's number of them.

        Raises:
            EdgeCodecError: the program does not compile, run or end. A difference is no error: it is a result.
        """
        return tuple(self._checks(HostSimulator(self.toolchain), target_windows=0))

    def _checks(self, simulator: Simulator, target_windows: int) -> Iterator[Check]:
        windows = golden_windows(self.firmware, self.codec)
        expected = parse_transcript(expected_transcript(self.codec, encode(self.codec, windows)))
        host = HostSimulator(self.toolchain)
        image = host.build(self.firmware, self.work / "host", self.target, windows)
        runs: list[tuple[Simulator, Image, int]] = [
            (host, image, len(windows)),
            (host, replace(image, arguments=(*image.arguments, str(CLUSTER_CORES))), len(windows)),
        ]
        if simulator.name != "host":
            count = min(target_windows, len(windows))
            image = simulator.build(self.firmware, self.work / simulator.name, self.target, windows[:count])
            runs.append((simulator, image, count))
        for runner, image, count in progress(runs, "verify"):
            transcript = runner.run(image, self.time_limit_seconds)
            printed = (image.executable.parent / "transcript.txt").read_text(encoding="utf-8")
            yield Check(runner.name, runner.fingerprint, image.target, image.executable, printed, transcript,
                        compare(replace(expected, windows=expected.windows[:count]), transcript))

    def _target_program(self) -> Path:
        """The verification program for the target, which only its size is wanted of."""
        return build_for_pulp(self.toolchain, self.firmware, self.work / "pulp", self.target, self.l1_stack_bytes,
                              golden_windows(self.firmware, self.codec)[:1]).executable

    def _measured(self, check: Check) -> Measurement:
        cycles = Cycles.of_slowest_window(check.transcript)
        return Measurement(
            program_hash=self.program_hash, codec=self.codec.codec, target=self.target,
            arithmetic=self.codec.arithmetic, simulator=check.fingerprint, stack_bytes=check.transcript.stack_bytes,
            footprint=pulp_footprint(check.executable, self.l1_stack_bytes), cycles=cycles,
            models={self.codec.model_hash: {kind: counted.chains for kind, counted in cycles.kinds.items()}})

    def _estimated(self, executable: Path, table: CycleTable) -> Cost:
        return Cost("estimated", estimate(table.prices, self.codec), pulp_footprint(executable, self.l1_stack_bytes),
                    None, table.remark)
