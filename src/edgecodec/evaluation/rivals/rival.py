"""What a rival does: windows in, bits and reconstructions out, at the numbers of bits that the codec spends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Compressed:
    """A set of windows after compression and decompression."""

    bits_per_window: float  # 8 x the bytes written, per window
    reconstruction: Floats  # [windows, channels, samples]
    settings: str  # what the rival chose to stay within its bits


class Rival(Protocol):
    """A codec that was given its budgets, and training windows if it learns.

    All rivals compress the low-passed windows, the very target of the error; from unfiltered windows each of them
    does worse, because they then spend bits on noise. EdgeCodec itself gets the unfiltered windows.
    """

    @property
    def name(self) -> str: ...

    @property
    def budgets(self) -> tuple[int, ...]:
        """Bits per window to stay within, on average."""

    def compress(self, targets: Floats) -> Iterator[Compressed]:
        """Compress ``targets`` [windows, channels, samples], once for every budget, in their order."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What it learned: all that is needed to use it on other windows."""
