"""The host as a simulator: the portable C, compiled for this machine. Bits are the target's; time is not."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.supervised import read_transcript, run_to_end
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.transcript import Transcript


@dataclass(frozen=True)
class HostSimulator:
    toolchain: Toolchain
    workers: int | None = None  # threads; None: the serial port, without fetching
    options: tuple[str, ...] = ("-O2",)

    name = "host"
    counts_cycles = False

    @property
    def fingerprint(self) -> str:
        return f"{platform.system()} {platform.machine()}, {self.toolchain.version('host')}"

    def build(self, firmware: Path, work: Path, target: str, windows: NDArray[np.float32]) -> Image:
        """See :meth:`Simulator.build`. Every target's bits are the host's, so that any ``target`` will do."""
        work = work.resolve()
        executable, input_file = work / "host_verify", work / "windows.bin"
        Firmware.open(firmware).build(self.toolchain, "host", executable, main=["host_main.c"],
                                      ports=["serial", "pthreads"], options=(*self.options, "-pthread"))
        input_file.write_bytes(windows.astype("<f4").tobytes())
        workers = () if self.workers is None else (str(self.workers),)
        return Image("host", executable, (str(input_file), *workers), None)

    def run(self, image: Image, time_limit_seconds: float) -> Transcript:
        """See :meth:`Simulator.run`."""
        output = image.executable.parent / "transcript.txt"
        run_to_end("host", (str(image.executable), *image.arguments), output=output, folder=output.parent,
                   environment=os.environ, time_limit_seconds=time_limit_seconds)
        return read_transcript("host", output)
