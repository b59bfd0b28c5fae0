"""The error of a reconstruction against its target (the low-passed window), as the project defines it.

The edges of a window are left out: all errors are taken over its central 64 %, 512 of 800 samples, as in the public
code of arXiv 2507.06040.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import rounded

CENTRAL_FRACTION = 0.64
POINTWISE_FLOOR = 1e-8  # the paper's, in the unit of the target


@dataclass(frozen=True)
class Errors:
    """Errors in percent, pooled over a set of windows."""

    error_percent: float  # per channel mean|x_hat - x| / mean|x|, then the mean over channels: the gate
    pointwise_error_percent: float  # mean of |x_hat - x| / (|x| + 1e-8): the paper's, moved by zero crossings
    pointwise_error_median_percent: float
    nmse_percent: float  # sum of squared errors / sum of squares

    def to_json(self) -> dict[str, Any]:
        return {field.name: rounded(getattr(self, field.name)) for field in fields(Errors)}


@dataclass(frozen=True)
class ErrorTable(Errors):
    """Errors over all windows, and over those of each known wind speed (m/s)."""

    by_wind: Mapping[int, Errors]

    def to_json(self) -> dict[str, Any]:
        by_wind = {str(speed): of_speed.to_json() for speed, of_speed in self.by_wind.items()}
        return {**super().to_json(), "by_wind": by_wind}


def central(samples: int) -> slice:
    """The central 64 % of a window of ``samples``."""
    width = round(CENTRAL_FRACTION * samples)
    start = (samples - width) // 2
    return slice(start, start + width)


def errors(
    reconstruction: NDArray[np.float32], target: NDArray[np.float32], wind: NDArray[np.integer[Any]] | None = None
) -> ErrorTable:
    """Compare windows with their targets.

    Args:
        reconstruction: [windows, channels, samples], in the unit of the target.
        target: [windows, channels, samples], the low-passed windows.
        wind: [windows], wind speed in m/s, 0 where it is unknown; None if all are.

    Raises:
        EdgeCodecError: there is no window, shapes differ, or the target is zero everywhere.
    """
    if reconstruction.shape != target.shape or target.ndim != 3 or target.size == 0:
        raise EdgeCodecError(f"reconstruction {reconstruction.shape} and target {target.shape} must be equal, "
                             "non-empty [windows, channels, samples]")
    inner = central(target.shape[-1])
    reconstruction, target = reconstruction[..., inner], target[..., inner]
    speeds = [] if wind is None else sorted({int(speed) for speed in wind if speed > 0})
    return ErrorTable(
        **vars(_errors_of(reconstruction, target)),
        by_wind={speed: _errors_of(reconstruction[wind == speed], target[wind == speed]) for speed in speeds},
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


def _errors_of(reconstruction: NDArray[np.float32], target: NDArray[np.float32]) -> Errors:
    deviation = np.abs(reconstruction.astype(np.float64) - target)
    magnitude = np.abs(target.astype(np.float64))
    pointwise = deviation / (magnitude + POINTWISE_FLOOR)
    return Errors(
        error_percent=relative_error_percent(deviation.mean(axis=2), magnitude.mean(axis=2)),
        pointwise_error_percent=100 * float(pointwise.mean()),
        pointwise_error_median_percent=100 * float(np.median(pointwise)),
        nmse_percent=100 * float(np.square(deviation).sum() / np.square(magnitude).sum()),
    )
