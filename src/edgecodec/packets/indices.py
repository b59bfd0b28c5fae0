"""What windows are quantized to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Indices:
    """Of n windows, the regime of each and the codewords of that regime; or of one window, without the axis n."""

    regime: NDArray[np.uint16]  # [n]
    words: NDArray[np.uint16]  # [n, stages, tokens], each counts in its own codebook

    @classmethod
    def joined(cls, parts: Sequence[Indices]) -> Indices:
        """One part's windows after the other's."""
        return cls(np.concatenate([part.regime for part in parts]), np.concatenate([part.words for part in parts]))

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, which: Any) -> Indices:
        """As NumPy selects along the axis n; an integer takes one window, None makes n = 1 of one."""
        return Indices(self.regime[which], self.words[which])

    def __iter__(self) -> Iterator[Indices]:
        return (self[number] for number in range(len(self)))

    def sent(self, stages: int) -> Indices:
        """The first ``stages`` stages alone."""
        return Indices(self.regime, self.words[..., :stages, :])
