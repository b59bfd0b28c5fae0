"""ZFP (Lindstrom, IEEE TVCG 20(12), 2014; PyPI zfpy) in its modes of fixed accuracy and fixed precision.

Its fixed-rate mode is left out: blocks of 9 header bits and more cannot be cut to the few bits that are asked here,
and zfpy 1.0.1 corrupts the heap at rates below 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import zfpy
from numpy.typing import NDArray

from edgecodec.evaluation.rivals.rival import Compressed, Floats
from edgecodec.evaluation.rivals.search import Field, FieldPreparation, Trial, best_within

BLOCK = 4  # ZFP transforms blocks of 4 x 4 ..., of as many dimensions as the array has
TOLERANCES = 2.0 ** np.arange(-8, 3)  # ZFP rounds a tolerance down to a power of two
PRECISIONS = range(2, 17)  # bit planes


@dataclass(frozen=True)
class Zfp:
    budgets: tuple[int, ...]
    preparation: FieldPreparation

    name = "zfp"

    def compress(self, targets: Floats) -> Iterator[Compressed]:
        trials = (trial for field in self.preparation.fields(targets) for trial in _trials(field))
        return best_within(trials, targets, self.preparation, self.budgets)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"budgets": np.array(self.budgets), **self.preparation.arrays()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Zfp:
        return cls(tuple(map(int, arrays["budgets"])), FieldPreparation.from_arrays(arrays))


def _trials(field: Field) -> Iterator[Trial]:
    folded = _folded(field.values)
    scale = float(np.abs(folded).mean()) or 1.0
    bounds: list[dict[str, Any]] = [{"tolerance": float(tolerance) * scale} for tolerance in TOLERANCES]
    bounds += [{"precision": precision} for precision in PRECISIONS]
    for bound in bounds:
        data = zfpy.compress_numpy(folded, **bound)
        [(kind, value)] = bound.items()
        yield Trial(field, len(data), partial(_decompress, data, field.values.shape), f"{kind} {value:.3g}")


def _folded(values: Floats) -> Floats:
    """[windows, channels, samples] in as many dimensions as fill ZFP's blocks: four, if time folds into two."""
    windows, channels, samples = values.shape
    if samples % BLOCK**2 == 0:
        values = values.reshape(windows, channels, BLOCK, samples // BLOCK)
    elif samples == 1:
        values = values.reshape(windows, channels)
    return np.ascontiguousarray(values)


def _decompress(data: bytes, shape: tuple[int, ...]) -> Floats:
    return cast(Floats, zfpy.decompress_numpy(data).reshape(shape))
