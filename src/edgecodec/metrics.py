"""The error of a reconstruction against its target (the low-passed window), as the project defines it.

The edges of a window are left out: all errors are taken over its central 64 %, 512 of 800 samples, as in the public
code of arXiv 2507.06040.

Every kind of error is measured always. Which of them a project trains for, gates on and shows first is its metric
(:data:`ERROR_METRICS`):

    relative   mean deviation over mean magnitude: for signals far from zero, whose zero means something
    nmse       squared deviation over the variance: for signals about any other value
    snr        the same in decibels
    absolute   mean deviation of the worst channel, in its unit or in its tolerance
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import rounded

CENTRAL_FRACTION = 0.64
POINTWISE_FLOOR = 1e-8  # the paper's, in the unit of the target
GROUPS_SHOWN = 6  # in a table or a picture
LEAST_NMSE = 1e-20  # no float32 tells less; 200 dB
FLOAT32_STEP = 2.0**-24  # of its magnitude, what a value may be off for being a float32

MetricName = Literal["relative", "nmse", "snr", "absolute"]
Tolerance = float | tuple[float, ...]  # of all channels, or of each: what counts as one in the metric absolute


@dataclass(frozen=True)
class Errors:
    """Errors pooled over a set of windows."""

    error_percent: float  # per channel mean|x_hat - x| / mean|x|, then the mean over channels
    pointwise_error_percent: float  # mean of |x_hat - x| / (|x| + 1e-8): the paper's, moved by zero crossings
    pointwise_error_median_percent: float
    nmse_percent: float  # sum of squared errors / sum of squares
    variance_percent: float  # per channel mean squared error / variance about its mean, then the mean over channels
    snr_db: float  # the same in decibels
    absolute_error: float  # mean|x_hat - x| of the worst channel, in its tolerance
    spread_percent: float  # per channel mean|x_hat - x| / mean|x - its mean|, then the mean over channels
    constant_percent: float  # the error_percent of each channel's mean, sent for all of it
    share_of_means: float  # variance_percent beside what each window's exact means alone would have

    def to_json(self) -> dict[str, Any]:
        return {field.name: rounded(getattr(self, field.name)) for field in fields(Errors)}


@dataclass(frozen=True)
class Metric:
    """A kind of error that a project can go by."""

    field: str  # of Errors
    label: str
    unit: str  # behind a number, with the blank before it
    power: Literal[1, 2]  # of the deviation that it averages
    more_is_better: bool = False

    def of(self, errors: Errors) -> float:
        return float(getattr(errors, self.field))

    def shown(self, value: float) -> str:
        """``value`` with its unit: ``2.09 %``."""
        return f"{value:{'.2f' if self.unit else '.3g'}}{self.unit}"

    def ratio(self, value: float, reference: float) -> float:
        """How many times the error of ``reference`` that of ``value`` is: below 1 is better."""
        return 10 ** ((reference - value) / 10) if self.more_is_better else value / reference

    def unit_of_channels(self, targets: NDArray[np.float32], tolerance: Tolerance = 1.0) -> NDArray[np.float64]:
        """What a deviation is divided by in each channel [channels], from ``targets`` [windows, channels, samples]."""
        if self.field == "error_percent":
            return np.asarray(np.abs(targets).mean(axis=(0, 2), dtype=np.float64))
        if self.field == "absolute_error":
            return np.broadcast_to(np.asarray(tolerance, np.float64), targets.shape[1]).copy()
        return np.asarray(targets.std(axis=(0, 2), dtype=np.float64))


ERROR_METRICS: Mapping[MetricName, Metric] = {
    "relative": Metric("error_percent", "error", " %", 1),
    "nmse": Metric("variance_percent", "NMSE", " %", 2),
    "snr": Metric("snr_db", "SNR", " dB", 2, more_is_better=True),
    "absolute": Metric("absolute_error", "largest error", "", 1),
}
RELATIVE = ERROR_METRICS["relative"]


@dataclass(frozen=True)
class ErrorTable(Errors):
    """Errors over all windows, and over those of each group."""

    by_group: Mapping[str, Errors]

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "by_group": {name: found.to_json() for name, found in self.by_group.items()}}

    def shown_groups(self, metric: Metric) -> list[str]:
        """See :func:`shown_groups`."""
        return shown_groups({name: metric.of(found) for name, found in self.by_group.items()}, metric)


def shown_groups(errors: Mapping[str, float], metric: Metric) -> list[str]:
    """Names of as many groups as tables and pictures have room for: those with the worst ``errors``."""
    worst = sorted(errors, key=errors.__getitem__, reverse=not metric.more_is_better)[:GROUPS_SHOWN]
    return [name for name in errors if name in worst]


def central(samples: int) -> slice:
    """The central 64 % of a window of ``samples``."""
    width = round(CENTRAL_FRACTION * samples)
    start = (samples - width) // 2
    return slice(start, start + width)


@dataclass(frozen=True)
class Measure:
    """The metric that a project goes by, with the tolerance that ``absolute`` counts in."""

    metric: Metric = RELATIVE
    tolerance: Tolerance = 1.0

    def error(self, reconstruction: NDArray[np.float32], target: NDArray[np.float32]) -> float:
        """By the metric, less is better: for snr it is the share of the variance that the decibels are of."""
        found = errors(reconstruction, target, tolerance=self.tolerance)
        return found.variance_percent if self.metric.more_is_better else self.metric.of(found)


BY_RELATIVE = Measure()


def errors(
    reconstruction: NDArray[np.float32], target: NDArray[np.float32], groups: NDArray[np.str_] | None = None,
    tolerance: Tolerance = 1.0,
) -> ErrorTable:
    """Compare windows with their targets.

    Args:
        reconstruction: [windows, channels, samples], in the unit of the target.
        target: [windows, channels, samples], the low-passed windows.
        groups: [windows], the name of each one's group, "" where it is unknown; None if all are. A group whose target
            is zero everywhere has no errors.
        tolerance: what counts as one in ``absolute_error``, in the unit of the target: in all channels, or in each.

    Raises:
        EdgeCodecError: there is no window, shapes differ, or the target is zero everywhere.
    """
    if reconstruction.shape != target.shape or target.ndim != 3 or target.size == 0:
        raise EdgeCodecError(f"reconstruction {reconstruction.shape} and target {target.shape} must be equal, "
                             "non-empty [windows, channels, samples]")
    means = target.mean(axis=2, dtype=np.float64)  # of the whole windows, as a codec that knows nothing else sends them
    inner = central(target.shape[-1])
    reconstruction, target = reconstruction[..., inner], target[..., inner]
    members = {} if groups is None else {
        str(name): groups == name for name in np.unique(groups) if name and target[groups == name].any()}
    of_one = np.broadcast_to(np.asarray(tolerance, np.float64), target.shape[1])
    return ErrorTable(
        **vars(_errors_of(reconstruction, target, means, of_one)),
        by_group={name: _errors_of(reconstruction[own], target[own], means[own], of_one)
                  for name, own in members.items()},
    )


def errors_of_windows(
    reconstruction: NDArray[np.float32], target: NDArray[np.float32], counted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """``error_percent`` of every window by itself: [windows].

    Args:
        reconstruction: [windows, channels, samples].
        target: the same.
        counted: [windows, channels]; the others have no part in it. A channel whose target is zero makes it infinite.
    """
    inner = central(target.shape[-1])
    deviation = np.abs(reconstruction[..., inner].astype(np.float64) - target[..., inner]).mean(axis=2)
    magnitude = np.abs(target[..., inner].astype(np.float64)).mean(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(counted, deviation / magnitude, 0)
    return np.asarray(100 * relative.sum(axis=1) / counted.sum(axis=1))


def relative_error_percent(deviation: NDArray[np.float64], magnitude: NDArray[np.float64]) -> float:
    """``error_percent`` from every window's mean absolute ``deviation`` and target ``magnitude`` [windows, channels].

    Raises:
        EdgeCodecError: the target is zero everywhere.
    """
    channel_magnitude = magnitude.mean(axis=0)
    alive = channel_magnitude > 0  # a channel that is zero throughout has no relative error
    if not alive.any():
        raise EdgeCodecError("the target is zero everywhere: it has no relative error; leave such windows out")
    return 100 * float(np.mean(deviation.mean(axis=0)[alive] / channel_magnitude[alive]))


def _errors_of(reconstruction: NDArray[np.float32], target: NDArray[np.float32], means: NDArray[np.float64],
               tolerance: NDArray[np.float64]) -> Errors:
    deviation = np.abs(reconstruction.astype(np.float64) - target)
    magnitude = np.abs(target.astype(np.float64))
    of_windows = deviation.mean(axis=2), magnitude.mean(axis=2)  # [windows, channels] each
    relative = relative_error_percent(*of_windows)
    pointwise = deviation / (magnitude + POINTWISE_FLOOR)
    least = FLOAT32_STEP * magnitude.mean(axis=(0, 2))  # [channels], what float32 itself moves a value by
    squared, variance = np.square(deviation).mean(axis=(0, 2)), _variance(target, least)  # [channels] each
    of_means = np.square(target - means[..., None]).mean(axis=(0, 2))
    nmse = _mean_share(squared, variance)
    moves = np.abs(target - target.mean(axis=(0, 2), keepdims=True, dtype=np.float64)).mean(axis=2)
    return Errors(
        error_percent=relative,
        pointwise_error_percent=100 * float(pointwise.mean()),
        pointwise_error_median_percent=100 * float(np.median(pointwise)),
        nmse_percent=100 * float(np.square(deviation).sum() / np.square(magnitude).sum()),
        variance_percent=100 * nmse,
        snr_db=-10 * float(np.log10(max(nmse, LEAST_NMSE))),
        absolute_error=float((deviation.mean(axis=(0, 2)) / tolerance).max()),
        spread_percent=relative_error_percent(of_windows[0], np.maximum(moves, least)),
        constant_percent=relative_error_percent(moves, of_windows[1]),
        share_of_means=nmse / max(_mean_share(of_means, variance), LEAST_NMSE),
    )


def _variance(target: NDArray[np.float32], least: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of every channel about its mean, at least the square of ``least``: [channels] all."""
    return np.asarray(np.maximum(target.var(axis=(0, 2), dtype=np.float64), np.square(least)))


def _mean_share(squared: NDArray[np.float64], variance: NDArray[np.float64]) -> float:
    """Mean over the channels of squared error over variance; a channel that is zero throughout has no part in it."""
    alive = variance > 0
    return float(np.mean(squared[alive] / variance[alive]))
