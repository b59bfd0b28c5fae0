"""Cosine coefficients whose squared error stands for the error that is reported: what transforms are learned on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.evaluation.rivals.cosine import analyze, synthesize
from edgecodec.evaluation.rivals.rival import Floats
from edgecodec.metrics import BY_RELATIVE, Measure, central


@dataclass(frozen=True)
class WeightedSpectrum:
    """The coefficients below the cut-off, coefficient 0 about its mean, each channel times a weight.

    An error that is absolute in the sample is |e| / m, where m is what counts as one in the channel: by the metric
    relative its magnitude. Around an error of the expected size a, e^2 / (a m) has the same slope; so the weight is
    1 / sqrt(a m), and a is what the means leave over. An error that is squared anyway is (e / m)^2, whose weight is
    1 / m.
    """

    coefficients: int  # per channel
    weight: Floats  # [channels]
    centre: Floats  # [channels], of coefficient 0

    @classmethod
    def fit(cls, windows: Floats, coefficients: int, error_weights: bool = True,
            measure: Measure = BY_RELATIVE) -> WeightedSpectrum:
        """Args: ``windows`` [n, channels, samples]; without ``error_weights`` a is taken for a fixed share of m."""
        inner = windows[..., central(windows.shape[-1])]
        unit = measure.metric.unit_of_channels(inner, measure.tolerance)
        motion = np.abs(inner - inner.mean(axis=-1, keepdims=True)).mean(axis=(0, 2), dtype=np.float64)
        product = unit * (motion if error_weights and measure.metric.power == 1 else unit)
        weight = 1 / np.sqrt(np.where(product > 0, product, 1))  # a channel that is constant costs nothing
        centre = analyze(windows, 1)[..., 0].mean(axis=0)
        return cls(coefficients, weight.astype(np.float32), centre)

    def analyze(self, windows: Floats) -> Floats:
        """[n, channels, coefficients] of ``windows`` [n, channels, samples]."""
        spectrum = analyze(windows, self.coefficients)
        spectrum[..., 0] -= self.centre
        spectrum *= self.weight[:, None]
        return spectrum

    def synthesize(self, spectrum: Floats, samples: int) -> Floats:
        """Windows [n, channels, samples] of ``spectrum`` [n, channels, coefficients]."""
        spectrum = spectrum / self.weight[:, None]
        spectrum[..., 0] += self.centre
        return synthesize(spectrum, samples)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> WeightedSpectrum:
        return cls(int(arrays["coefficients"]), arrays["weight"], arrays["centre"])
