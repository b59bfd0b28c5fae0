"""Error against bits: the codec and its rivals on the same windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.metrics import Errors, ErrorTable, errors
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.progress import progress
from edgecodec.storage import rounded

if TYPE_CHECKING:
    from edgecodec.model.codec import Codec

CODEC = "edgecodec"  # the codec's name beside its rivals
Floats = NDArray[np.float32]
Comparison = Mapping[str, "Curve"]  # by the codecs' names
Curve = Mapping[int, "RatePoint"]  # by rate


@dataclass(frozen=True)
class RatePoint:
    """One codec at one rate."""

    bits_per_window: float
    errors: ErrorTable
    settings: str  # what the codec chose to reach the rate

    def to_json(self) -> dict[str, Any]:
        return {"bits_per_window": rounded(self.bits_per_window), **self.errors.to_json()}


def compare(
    codec: Codec, rivals: Sequence[Rival], inputs: Floats, targets: Floats, wind: NDArray[np.int64] | None, title: str
) -> Comparison:
    """Measure everyone.

    Args:
        inputs: [windows, channels, samples], unfiltered: what the codec gets.
        targets: the same, low-passed: what everyone must rebuild, and what the rivals get.
        wind: [windows] m/s, 0 where unknown; None if all are.
        title: of the progress bar.

    Raises:
        EdgeCodecError: the rivals were fitted to the bits of another codec.
    """
    bits = tuple(codec.bits(rate) for rate in codec.rates)
    for rival in rivals:
        if rival.budgets != bits:
            raise EdgeCodecError(f"rivals: {rival.name} was fitted to {rival.budgets} bits, the codec sends {bits}; "
                                 "run the stage analyze_codebooks again")
    points = {CODEC: _of_codec(codec, inputs, targets, wind),
              **{rival.name: _of_rival(rival, targets, wind) for rival in rivals}}
    return {name: dict(zip(codec.rates, of_codec, strict=True)) for name, of_codec in progress(points.items(), title)}


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """``<codec>.<rate>``: bits and errors."""
    return {name: {str(rate): point.to_json() for rate, point in curve.items()} for name, curve in comparison.items()}


def comparison_table(comparisons: Mapping[str, Comparison]) -> pd.DataFrame:
    """One row per split, codec and rate, with what each codec chose."""
    return pd.DataFrame([
        {"split": split, "codec": name, "rate": rate, "bits_per_window": point.bits_per_window,
         **{field.name: getattr(point.errors, field.name) for field in fields(Errors)}, "settings": point.settings}
        for split, comparison in comparisons.items()
        for name, curve in comparison.items()
        for rate, point in curve.items()
    ])


def _of_codec(
    codec: Codec, inputs: Floats, targets: Floats, wind: NDArray[np.int64] | None
) -> Iterator[RatePoint]:
    indices = codec.encode(inputs)
    for rate in codec.rates:
        yield RatePoint(codec.bits(rate), errors(codec.decode(indices, rate), targets, wind), f"rate {rate}")


def _of_rival(rival: Rival, targets: Floats, wind: NDArray[np.int64] | None) -> Iterator[RatePoint]:
    for compressed in rival.compress(targets):
        table = errors(compressed.reconstruction, targets, wind)
        yield RatePoint(compressed.bits_per_window, table, compressed.settings)
