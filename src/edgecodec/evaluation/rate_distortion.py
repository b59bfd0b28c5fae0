"""Error against bits: our codec, other learned codecs and the rivals on the same windows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.evaluation.rivals.transform_codec import KLT_DCT, KLT_DCT_PLAIN
from edgecodec.metrics import BY_RELATIVE, RELATIVE, Errors, ErrorTable, Measure, Metric, Tolerance, errors
from edgecodec.packets.kind import PacketKind
from edgecodec.progress import progress
from edgecodec.storage import rounded

if TYPE_CHECKING:
    from edgecodec.model.codec import Codec

CODEC = "edgecodec"  # our codec's name beside the others: fixed-length packets
CODED = f"{CODEC}_{PacketKind.CODED.label}"  # its packets of variable length
REFERENCES = (KLT_DCT, KLT_DCT_PLAIN)  # rivals that everyone is set against at equal bits
BELOW, ABOVE = 1 / 2, 4 / 3  # a rival's curve reaches this far beyond the codec's rates

Floats = NDArray[np.float32]
Comparison = Mapping[str, "Curve"]  # by the codecs' names


@dataclass(frozen=True)
class RatePoint:
    """One codec with one number of bits."""

    rate: int | None  # None where a rival's budget lies beyond our codec's rates
    bits_per_window: float
    errors: ErrorTable
    settings: str  # what the codec chose to reach the rate

    def to_json(self) -> dict[str, Any]:
        return {"bits_per_window": rounded(self.bits_per_window), **self.errors.to_json()}


@dataclass(frozen=True)
class Curve:
    """One codec with every number of bits it was measured at, in the metric that the project goes by."""

    points: tuple[RatePoint, ...]
    metric: Metric = RELATIVE

    @cached_property
    def by_rate(self) -> dict[int, RatePoint]:
        return {point.rate: point for point in self.points if point.rate is not None}

    def error_at(self, bits: float) -> float | None:
        """The metric with ``bits`` per window on average; None where nothing was measured on either side.

        Errors run through the points as a piecewise cubic of the logarithm of bits (PCHIP; Fritsch and Carlson, SIAM
        J. Numer. Anal. 17(2), 1980): errors fall about evenly with it, and this cubic is monotone wherever the points
        are, as it must be when a curve is read between few of them. A point that is worse than one with fewer bits
        counts as that one: whoever has the bits may leave them unused.
        """
        best = np.maximum if self.metric.more_is_better else np.minimum
        measured = sorted((point.bits_per_window, self.metric.of(point.errors)) for point in self.points)
        least: dict[float, float] = {}
        for (each, _), error in zip(measured, best.accumulate([error for _, error in measured]), strict=True):
            least[each] = float(error)
        if bits in least:
            return float(least[bits])
        known = [each for each in least if each > 0]
        if not known or not known[0] < bits < known[-1]:
            return None
        return float(PchipInterpolator(np.log(known), [least[each] for each in known])(math.log(bits)))


@dataclass(frozen=True)
class EqualBits:
    """A codec's error beside a reference's at the same average bits on the same windows."""

    metric: Metric
    error: float
    reference_error: float

    @property
    def ratio(self) -> float:
        return self.metric.ratio(self.error, self.reference_error)

    def to_json(self) -> dict[str, float]:
        return {self.metric.field: rounded(self.reference_error), "ratio": rounded(self.ratio)}


def budgets_around(bits: Sequence[int]) -> tuple[int, ...]:
    """Budgets for rivals of a codec with such ``bits`` per rate: these, one below and one above all."""
    return round(BELOW * min(bits)), *bits, round(ABOVE * max(bits))


def compare(
    codecs: Mapping[str, Codec], rivals: Sequence[Rival], inputs: Floats, targets: Floats,
    groups: NDArray[np.str_] | None, title: str, measure: Measure = BY_RELATIVE,
) -> Comparison:
    """Measure everyone.

    Args:
        codecs: learned codecs by name, ours as ``CODEC`` first; their bits and numbers of rates may differ.
        rivals: with budgets for the bits of our codec, at least.
        inputs: [windows, channels, samples], unfiltered: what the learned codecs get.
        targets: the same, low-passed: what everyone must rebuild, and what the rivals get.
        groups: [windows], the name of each one's group, "" where unknown; None if all are.
        title: of the progress bar.
        measure: what the project goes by.

    Raises:
        EdgeCodecError: the rivals were fitted to the bits of another codec.
    """
    rate_of = {codecs[CODEC].bits(rate): rate for rate in codecs[CODEC].rates}
    for rival in rivals:
        if not rate_of.keys() <= set(rival.budgets):
            raise EdgeCodecError(f"rivals: {rival.name} was fitted to {rival.budgets} bits, the codec sends "
                                 f"{tuple(rate_of)}; run the stage analyze_codebooks again")
    tolerance = measure.tolerance
    measurements = {
        **{name: _of_codec(codec, PacketKind.FIXED_LENGTH, inputs, targets, groups, tolerance)
           for name, codec in codecs.items()},
        **{f"{CODEC}_{kind.label}": _of_codec(codecs[CODEC], kind, inputs, targets, groups, tolerance)
           for kind in codecs[CODEC].quantizers if kind is not PacketKind.FIXED_LENGTH},
        **{rival.name: _of_rival(rival, rate_of, targets, groups, tolerance) for rival in rivals},
    }
    return {name: Curve(tuple(points), measure.metric) for name, points in progress(measurements.items(), title)}


def at_equal_bits(point: RatePoint, reference: Curve) -> EqualBits | None:
    """``point`` against the curve of the ``reference``; None where the curve does not reach."""
    error = reference.error_at(point.bits_per_window)
    return None if error is None else EqualBits(reference.metric, reference.metric.of(point.errors), error)


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """``<codec>.<rate>``: bits, errors, and ``at_equal_bits.<reference>``: its error and the ratio to it."""
    references = {name: comparison[name] for name in REFERENCES if name in comparison}

    def beside(point: RatePoint) -> dict[str, Any]:
        found = {name: at_equal_bits(point, reference) for name, reference in references.items()}
        return {name: equal.to_json() for name, equal in found.items() if equal is not None}

    return {name: {str(rate): {**point.to_json(), "at_equal_bits": beside(point)}
                   for rate, point in curve.by_rate.items()}
            for name, curve in comparison.items()}


def comparison_table(comparisons: Mapping[str, Comparison]) -> pd.DataFrame:
    """One row per split, codec and number of bits, with what each codec chose; no rate beyond our codec's."""
    return pd.DataFrame([
        {"split": split, "codec": name, "rate": point.rate, "bits_per_window": point.bits_per_window,
         **{field.name: getattr(point.errors, field.name) for field in fields(Errors)}, "settings": point.settings}
        for split, comparison in comparisons.items()
        for name, curve in comparison.items()
        for point in curve.points
    ]).astype({"rate": "Int64"})


def _of_codec(
    codec: Codec, kind: PacketKind, inputs: Floats, targets: Floats, groups: NDArray[np.str_] | None,
    tolerance: Tolerance,
) -> Iterator[RatePoint]:
    indices = codec.encode(inputs, kind)
    for rate in codec.rates:
        bits = codec.payload_bits(indices, rate, kind)
        table = errors(codec.decode(indices, rate, kind), targets, groups, tolerance)
        varying = f", {bits.min()} to {bits.max()} bits" if kind is not PacketKind.FIXED_LENGTH else ""
        yield RatePoint(rate, float(bits.mean()), table, f"rate {rate}{varying}")


def _of_rival(
    rival: Rival, rate_of: Mapping[int, int], targets: Floats, groups: NDArray[np.str_] | None,
    tolerance: Tolerance,
) -> Iterator[RatePoint]:
    for budget, compressed in zip(rival.budgets, rival.compress(targets), strict=True):
        table = errors(compressed.reconstruction, targets, groups, tolerance)
        yield RatePoint(rate_of.get(budget), compressed.bits_per_window, table, compressed.settings)
