"""Error-bounded codecs at their best: all windows in one stream, and a search over everything that can be set.

SZ3 and ZFP are made for large fields. One window alone they cannot press below a thousand bits, so they get the whole
set as one array, which no node on the air could do. Their input may also be resampled, down to one sample per
window, and weighted by the channels' magnitudes. For a budget counts the trial with the least error among those within
it; if none is, the one with the fewest bits, whose ``bits_per_window`` says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.evaluation.rivals.cosine import resample
from edgecodec.evaluation.rivals.rival import Compressed, Floats
from edgecodec.metrics import BY_RELATIVE, RELATIVE, Measure, central

COMPARED_WINDOWS = 128  # behind the choice of a trial; the error that is reported is that of all windows


@dataclass(frozen=True)
class Field:
    """Windows as an error-bounded codec gets them."""

    values: Floats  # [windows, channels, resampled samples], divided by weight
    weight: Floats  # [channels, 1]
    settings: str

    def restore(self, values: Floats, samples: int) -> Floats:
        return resample(values.reshape(self.values.shape) * self.weight, samples)


@dataclass(frozen=True)
class Trial:
    """One way to compress a field."""

    field: Field
    bytes_written: int
    decompress: Callable[[], Floats]  # the field's values, in its shape
    settings: str


@dataclass(frozen=True)
class FieldPreparation:
    """What both error-bounded rivals know of the data beforehand."""

    band: int  # samples that keep all that the low-pass leaves
    magnitude: Floats  # [channels], what counts as one in the project's metric, over the training windows
    is_relative: bool = True  # to the magnitude of the very windows that are compressed
    power: int = 1  # of the deviation that the metric averages

    @classmethod
    def fit(cls, windows: Floats, band: int, measure: Measure = BY_RELATIVE) -> FieldPreparation:
        is_relative = measure.metric == RELATIVE
        magnitude = (np.abs(windows).mean(axis=(0, 2)) if is_relative
                     else measure.metric.unit_of_channels(windows, measure.tolerance))
        return cls(band, np.where(magnitude > 0, magnitude, 1).astype(np.float32), is_relative, measure.metric.power)

    def fields(self, targets: Floats) -> Iterator[Field]:
        """``targets`` [windows, channels, samples] at every sample rate, weighted and not."""
        for samples in sorted({self.band, *(few for few in (16, 4, 1) if few < self.band)}, reverse=True):
            resampled = resample(targets, samples)
            for name, weight in (("unweighted", np.ones_like(self.magnitude)), ("weighted", self.magnitude)):
                yield Field(resampled / weight[:, None], weight[:, None], f"samples per window: {samples}, {name}")

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"band": np.array(self.band), "magnitude": self.magnitude, "is_relative": np.array(self.is_relative),
                "power": np.array(self.power)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> FieldPreparation:
        return cls(int(arrays["band"]), arrays["magnitude"], bool(arrays["is_relative"]), int(arrays["power"]))

    def error(self, rebuilt: Floats, targets: Floats) -> float:
        """What stands for the project's metric, of windows [n, channels, samples] over their central part."""
        inner = central(targets.shape[-1])
        deviation = np.abs(rebuilt[..., inner] - targets[..., inner])
        if not self.is_relative:
            return float(np.mean((deviation / self.magnitude[:, None]) ** self.power))
        magnitude = np.abs(targets[..., inner]).mean(axis=(0, 2))
        alive = magnitude > 0
        return float(np.mean(deviation.mean(axis=(0, 2))[alive] / magnitude[alive]))


def best_within(
    trials: Iterable[Trial], targets: Floats, preparation: FieldPreparation, budgets: tuple[int, ...]
) -> Iterator[Compressed]:
    """For every budget the best of ``trials`` on ``targets`` [windows, channels, samples].

    Trials are compared on some windows, at as few samples per window as keep the band.
    """
    which = slice(None, None, math.ceil(len(targets) / COMPARED_WINDOWS))
    compared = resample(targets[which], preparation.band)
    best: dict[int, tuple[float, float, Trial]] = {}
    for trial in trials:
        bits = _bits_per_window(trial)
        within = [budget for budget in budgets if bits <= budget]
        error = preparation.error(_rebuilt(trial, which, compared.shape[-1]), compared) if within else math.inf
        for budget in budgets:
            rank = (error, bits) if budget in within else (math.inf, bits)
            if budget not in best or rank < best[budget][:2]:
                best[budget] = (*rank, trial)
    for budget in budgets:
        trial = best[budget][2]
        reconstruction = trial.field.restore(trial.decompress(), targets.shape[-1])
        yield Compressed(_bits_per_window(trial), reconstruction, f"{trial.field.settings}, {trial.settings}")


def _bits_per_window(trial: Trial) -> float:
    return 8 * trial.bytes_written / len(trial.field.values)


def _rebuilt(trial: Trial, which: slice, samples: int) -> Floats:
    values = trial.decompress().reshape(trial.field.values.shape)[which]
    return resample(values * trial.field.weight, samples)
