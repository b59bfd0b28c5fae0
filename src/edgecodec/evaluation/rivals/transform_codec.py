"""The classical codec: spatial and cosine transform, scalar quantizer, range coder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from edgecodec.evaluation.metrics import central
from edgecodec.evaluation.rivals.cosine import analyze, synthesize
from edgecodec.evaluation.rivals.rival import Compressed, Floats
from edgecodec.evaluation.rivals.scalar_quantizer import ScalarQuantizer, fit_quantizers


@dataclass(frozen=True)
class SpatialTransform:
    """Karhunen-Loeve transforms across channels: one for the windows' means, one for everything that moves.

    Channels are weighted first, so that a squared error of the coefficients stands for the error that is reported.
    That is relative to the channel's magnitude m and absolute in the sample: |e| / m. Around an error of the expected
    size a, e^2 / (a m) has the same slope; so the weight is 1 / sqrt(a m), and a is what the means leave over.
    """

    coefficients: int  # cosine coefficients per channel
    weight: Floats  # [channels]
    centre: Floats  # [channels], of coefficient 0
    means_basis: Floats  # [channels, channels], columns are modes
    motion_basis: Floats  # [channels, channels]

    @classmethod
    def fit(cls, windows: Floats, coefficients: int) -> SpatialTransform:
        """Args: ``windows`` [n, channels, samples]."""
        inner = windows[..., central(windows.shape[-1])]
        magnitude = np.abs(inner).mean(axis=(0, 2), dtype=np.float64)
        motion = np.abs(inner - inner.mean(axis=-1, keepdims=True)).mean(axis=(0, 2), dtype=np.float64)
        product = magnitude * motion
        weight = 1 / np.sqrt(np.where(product > 0, product, 1))  # a channel that is constantly zero costs nothing
        spectrum = analyze(windows, coefficients)
        centre = spectrum[..., 0].mean(axis=0)
        spectrum[..., 0] -= centre
        spectrum *= weight.astype(np.float32)[:, None]
        return cls(coefficients, weight.astype(np.float32), centre,
                   _principal_modes(spectrum[..., :1]), _principal_modes(spectrum[..., 1:]))

    def analyze(self, windows: Floats) -> Floats:
        """Coefficients [n, channels * coefficients] of ``windows`` [n, channels, samples]: mode by mode."""
        spectrum = analyze(windows, self.coefficients)
        spectrum[..., 0] -= self.centre
        spectrum *= self.weight[:, None]
        means, motion = self.means_basis.T @ spectrum[..., :1], self.motion_basis.T @ spectrum[..., 1:]
        return cast(Floats, np.concatenate([means, motion], axis=-1).reshape(len(windows), -1))

    def synthesize(self, coefficients: Floats, samples: int) -> Floats:
        """Windows [n, channels, samples] of ``coefficients`` [n, channels * coefficients]."""
        modes = coefficients.reshape(len(coefficients), len(self.weight), self.coefficients)
        means, motion = self.means_basis @ modes[..., :1], self.motion_basis @ modes[..., 1:]
        spectrum = np.concatenate([means, motion], axis=-1)
        spectrum /= self.weight[:, None]
        spectrum[..., 0] += self.centre
        return synthesize(spectrum, samples)


@dataclass(frozen=True)
class TransformCodec:
    """A transform, and a quantizer for every budget. Every window is a packet of its own."""

    name: str
    budgets: tuple[int, ...]
    transform: SpatialTransform
    quantizers: tuple[ScalarQuantizer, ...]

    @classmethod
    def fit(cls, name: str, windows: Floats, coefficients: int, budgets: tuple[int, ...]) -> TransformCodec:
        """Learn from ``windows`` [n, channels, samples], keeping ``coefficients`` per channel."""
        transform = SpatialTransform.fit(windows, coefficients)
        analyzed = transform.analyze(windows)
        return cls(name, budgets, transform, fit_quantizers(analyzed, budgets))

    def compress(self, targets: Floats) -> Iterator[Compressed]:
        coefficients = self.transform.analyze(targets)
        for quantizer in self.quantizers:
            packets = [quantizer.coder.encode(row) for row in quantizer.quantize(coefficients)]
            decoded = np.stack([quantizer.coder.decode(packet) for packet in packets])
            yield Compressed(
                bits_per_window=8 * sum(map(len, packets)) / len(packets),
                reconstruction=self.transform.synthesize(quantizer.restore(decoded), targets.shape[-1]),
                settings=f"step {quantizer.step:.3g}, {len(quantizer.coded)} coefficients with a table",
            )

    def arrays(self) -> dict[str, NDArray[Any]]:
        arrays = {"budgets": np.array(self.budgets)}
        arrays |= {f"transform.{field.name}": np.asarray(getattr(self.transform, field.name))
                   for field in fields(self.transform)}
        for bits, quantizer in zip(self.budgets, self.quantizers, strict=True):
            arrays |= {f"{bits}.{name}": array for name, array in quantizer.arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, name: str, arrays: dict[str, NDArray[Any]]) -> TransformCodec:
        def part(prefix: str) -> dict[str, NDArray[Any]]:
            return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}

        transform = part("transform.")
        coefficients = int(transform.pop("coefficients"))
        budgets = tuple(int(bits) for bits in arrays["budgets"])
        quantizers = tuple(ScalarQuantizer.from_arrays(part(f"{bits}.")) for bits in budgets)
        return cls(name, budgets, SpatialTransform(coefficients, **transform), quantizers)


def _principal_modes(spectrum: Floats) -> Floats:
    """Eigenvectors of the channels' second moments, the strongest first: [channels, channels]."""
    moments = np.einsum("nct,ndt->cd", spectrum, spectrum, optimize=True).astype(np.float64)
    _, modes = np.linalg.eigh(moments)
    return cast(Floats, np.ascontiguousarray(modes[:, ::-1], dtype=np.float32))
