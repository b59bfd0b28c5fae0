"""SZ3 (Liang et al., IEEE Transactions on Big Data 9(2), 2023; PyPI pysz) with its three kinds of error bound.

With the whole set as one array, REL is ABS times the array's range, and ABS_AND_REL the tighter of two bounds: the
three differ in words only, and their rows in the tables agree. The compression ratio is no monotone function of the
bound where little is left, hence a grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pysz import sz, szAlgorithm, szConfig, szErrorBoundMode

from edgecodec.evaluation.rivals.rival import Compressed, Floats
from edgecodec.evaluation.rivals.search import Field, FieldPreparation, Trial, best_within

Mode = Literal["abs", "rel", "abs_rel"]
ERROR_BOUND_MODES = {
    "abs": szErrorBoundMode.ABS, "rel": szErrorBoundMode.REL, "abs_rel": szErrorBoundMode.ABS_AND_REL,
}
ALGORITHMS = {"Lorenzo/regression": szAlgorithm.LORENZO_REG, "interpolation": szAlgorithm.INTERP_LORENZO}
LAYOUTS: dict[str, Callable[[Floats], Floats]] = {  # from [channels, windows, samples]
    "one row": lambda field: field.reshape(-1),
    "a row per channel": lambda field: field.reshape(len(field), -1),
}
BOUNDS = np.geomspace(0.004, 2.5, 24)  # in mean magnitudes of the field


@dataclass(frozen=True)
class Sz3:
    """SZ3 with one kind of error bound."""

    mode: Mode
    budgets: tuple[int, ...]
    preparation: FieldPreparation

    @property
    def name(self) -> str:
        return f"sz3_{self.mode}"

    def compress(self, targets: Floats) -> Iterator[Compressed]:
        trials = (trial for field in self.preparation.fields(targets) for trial in self._trials(field))
        return best_within(trials, targets, self.preparation, self.budgets)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"budgets": np.array(self.budgets), **self.preparation.arrays()}

    @classmethod
    def from_arrays(cls, mode: Mode, arrays: dict[str, NDArray[Any]]) -> Sz3:
        return cls(mode, tuple(map(int, arrays["budgets"])), FieldPreparation.from_arrays(arrays))

    def _trials(self, field: Field) -> Iterator[Trial]:
        by_channel = np.ascontiguousarray(field.values.transpose(1, 0, 2))  # neighbours in time are neighbours here
        spread = float(np.ptp(by_channel)) or 1.0
        for layout, arrange in LAYOUTS.items():
            arranged = arrange(by_channel)
            for algorithm, number in ALGORITHMS.items():
                for bound in BOUNDS * float(np.abs(by_channel).mean()):
                    config = szConfig()
                    config.errorBoundMode = ERROR_BOUND_MODES[self.mode]
                    config.absErrorBound = float(bound)
                    config.relErrorBound = float(bound) / spread
                    config.cmprAlgo = number
                    data, _ = sz.compress(arranged, config)
                    yield Trial(field, len(data), partial(_decompress, data, arranged.shape, by_channel.shape),
                                f"{layout}, {algorithm}, bound {bound:.3g}")


def _decompress(data: NDArray[np.uint8], arranged: tuple[int, ...], by_channel: tuple[int, ...]) -> Floats:
    values, _ = sz.decompress(data, np.float32, arranged)
    return cast(Floats, values.reshape(by_channel).transpose(1, 0, 2))
