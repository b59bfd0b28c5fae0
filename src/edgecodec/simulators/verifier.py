"""Runs a firmware on this host and on a simulator, compares it with the oracle, and finds what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgecodec.deploy.emit import firmware_hash
from edgecodec.deploy.golden import expected_transcript
from edgecodec.deploy.memory import plan_memory
from edgecodec.deploy.network import ExportedCodec, Single
from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.progress import progress
from edgecodec.simulators.calibration import Calibration
from edgecodec.simulators.comparison import compare
from edgecodec.simulators.cycles import Cycles
from edgecodec.simulators.gvsoc import build_for_pulp, check_pulp_code, find_chip
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.measurement import Measurement, find, kernels_hash
from edgecodec.simulators.memory_map import Footprint, memory_map, pulp_footprint
from edgecodec.simulators.simulator import Image, Simulator
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.transcript import Transcript, parse_transcript
from edgecodec.simulators.verification import Check, Cost, Verification
from edgecodec.simulators.workload import Workload

CLUSTER_WORKERS = 8


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

    def golden_windows(self) -> Single:
        """The windows [n, samples, channels] that the firmware was generated with.

        Raises:
            EdgeCodecError: there are none.
        """
        path = self.firmware / "golden" / "windows.bin"
        if not path.is_file():
            raise EdgeCodecError(f"{path}: not found; run the stage generate_c")
        return np.fromfile(path, "<f4").astype(np.float32).reshape(-1, self.codec.samples, self.codec.channels)

    def verify(self, simulator: Simulator, target_windows: int, kept: Sequence[Measurement]) -> Verification:
        """Check all golden windows on the host, with one worker and with a cluster's number of them, and the first
        ``target_windows`` on ``simulator``.

        Args:
            kept: earlier measurements, for a simulator that counts no cycles.

        Raises:
            EdgeCodecError: the program does not compile, fit, run or end. A difference is no error: it is a result.
        """
        windows = self.golden_windows()
        expected = parse_transcript(expected_transcript(self.codec, encode(self.codec, windows)))
        checks = list(self._checks(simulator, windows, target_windows, expected))
        if simulator.counts_cycles:
            program = checks[-1].executable
            cost = _measured(checks[-1], pulp_footprint(program, self.l1_stack_bytes))
        else:
            program = self._target_program(windows[:1])
            cost = self._looked_up(pulp_footprint(program, self.l1_stack_bytes), kept)
        return Verification(self.codec, firmware_hash(self.firmware), self.target, tuple(checks), cost,
                            memory_map(program), check_pulp_code(program, self.l1_stack_bytes))

    def check_on_host(self) -> tuple[Check, ...]:
        """Check all golden windows on this host, with one worker and with a cluster's number of them.

        Raises:
            EdgeCodecError: the program does not compile, run or end. A difference is no error: it is a result.
        """
        windows = self.golden_windows()
        expected = parse_transcript(expected_transcript(self.codec, encode(self.codec, windows)))
        return tuple(self._checks(HostSimulator(self.toolchain), windows, 0, expected))

    def measurement(self, verification: Verification) -> Measurement:
        """What to keep of a verification whose cost was measured."""
        check, cost = verification.checks[-1], verification.cost
        return Measurement(
            firmware_hash=verification.firmware_hash, kernels_hash=kernels_hash(self.firmware), codec=self.codec.codec,
            target=self.target, simulator=check.fingerprint, clock_mhz=find_chip(self.target).clock_mhz,
            stack_bytes=cost.stack_bytes, footprint=cost.footprint, workload=self._workload(),
            cycles=cost.cycles, arithmetic=self.codec.arithmetic)

    def _checks(self, simulator: Simulator, windows: Single, target_windows: int,
                expected: Transcript) -> Iterator[Check]:
        host = HostSimulator(self.toolchain)
        image = host.build(self.firmware, self.work / "host", self.target, windows)
        runs: list[tuple[Simulator, Image, int]] = [
            (host, image, len(windows)),
            (host, replace(image, arguments=(*image.arguments, str(CLUSTER_WORKERS))), len(windows)),
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

    def _target_program(self, windows: Single) -> Path:
        """The verification program for the target, which only its size is wanted of."""
        return build_for_pulp(self.toolchain, self.firmware, self.work / "pulp", self.target, self.l1_stack_bytes,
                              windows).executable

    def _looked_up(self, footprint: Footprint, kept: Sequence[Measurement]) -> Cost:
        """From a kept measurement of the very same firmware, else from the cycle model."""
        same = find(kept, firmware_hash(self.firmware), self.target)
        if same is not None:
            return Cost("recorded", same.cycles, same.footprint, same.stack_bytes, f"counted by {same.simulator}")
        calibration = Calibration.of(kept, self.target, self.codec.arithmetic, kernels_hash(self.firmware))
        return Cost("estimated", calibration.model.estimate(self._workload()), footprint, None, calibration.remark)

    def _workload(self) -> Workload:
        return Workload.of(self.codec, plan_memory(self.codec, self.l1_bytes))


def _measured(check: Check, footprint: Footprint) -> Cost:
    return Cost("measured", Cycles.of_slowest_window(check.transcript), footprint, check.transcript.stack_bytes,
                f"counted by {check.fingerprint}")
