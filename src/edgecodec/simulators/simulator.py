"""What every simulator offers: build the firmware's verification program for a target, run it, read its transcript."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgecodec.simulators.transcript import Transcript


@dataclass(frozen=True)
class Image:
    """A verification program, ready to run: the firmware, some windows, and a main."""

    target: str  # "host", "pulp-open", "gap9_like" ...
    executable: Path
    arguments: tuple[str, ...]  # of the command line, after the program's own name
    code_bytes: int | None  # instructions and constants without weights and codebooks; None on the host


class Simulator(Protocol):
    """A machine that runs verification programs."""

    @property
    def name(self) -> str:
        """``host``, ``qemu``, ``gvsoc``, or the Cortex-M of a board."""

    @property
    def fingerprint(self) -> str:
        """Names the very simulator: version or hash of its files, and the compiler."""

    @property
    def counts_cycles(self) -> bool:
        """Whether the cycles in the transcript are clock cycles of the target."""

    def build(self, firmware: Path, work: Path, target: str, windows: NDArray[np.float32]) -> Image:
        """Compile ``firmware`` (the generated folder) for ``target`` into the folder ``work``.

        Args:
            windows: float32 [n, samples, channels], the windows the program encodes.

        Raises:
            EdgeCodecError: the compiler refuses, or the simulator does not know the target.
        """

    def run(self, image: Image, time_limit_seconds: float) -> Transcript:
        """Run ``image`` to its end. What it printed stays in ``transcript.txt`` beside the executable.

        Raises:
            EdgeCodecError: the time limit passed (the text says what was running), the program failed or printed
                nothing usable.
        """
