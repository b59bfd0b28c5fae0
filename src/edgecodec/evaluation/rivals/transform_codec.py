"""The classical codec: KLT across channels, DCT in time, scalar quantizer, static range coder. It has three designs.

``klt_dct`` is the best rival. Its microcontroller would spend about 0.3 M MACs on a window.

``klt_dct_plain`` is the same as it is usually built: one KLT, relative weights, a dead zone, and no more. It stands
beside the best because results of learned codecs, ours among them, have been stated as ratios to this plain version: on
the same windows both ratios can be read, and what the strong version gains is not mistaken for a loss of the codec.

``means`` sends the windows' means and nothing else: what any codec must beat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from edgecodec.evaluation.rivals.rival import Compressed, Floats
from edgecodec.evaluation.rivals.scalar_quantizer import TUNED, QuantizerDesign, ScalarQuantizer, fit_quantizers
from edgecodec.evaluation.rivals.weighted_spectrum import WeightedSpectrum
from edgecodec.metrics import BY_RELATIVE, Measure


@dataclass(frozen=True)
class TransformDesign:
    """What the transform knows."""

    means_apart: bool = True  # a KLT of their own for the means, else one for everything
    error_weights: bool = True  # weights made for the error that is left, else 1 / magnitude


KLT_DCT, KLT_DCT_PLAIN, MEANS = "klt_dct", "klt_dct_plain", "means"
ALL_KNOWN = TransformDesign()
DESIGNS = {KLT_DCT: (ALL_KNOWN, TUNED), MEANS: (ALL_KNOWN, TUNED), KLT_DCT_PLAIN: (
    TransformDesign(means_apart=False, error_weights=False),
    QuantizerDesign(bit_price=0.0, rounding=0.4, centroids=False))}


@dataclass(frozen=True)
class SpatialTransform:
    """Karhunen-Loeve transforms across channels: one for the windows' means, one for everything that moves."""

    spectrum: WeightedSpectrum
    means_basis: Floats  # [channels, channels], columns are modes
    motion_basis: Floats  # [channels, channels]

    @classmethod
    def fit(cls, windows: Floats, coefficients: int, design: TransformDesign = ALL_KNOWN,
            measure: Measure = BY_RELATIVE) -> SpatialTransform:
        """Args: ``windows`` [n, channels, samples]."""
        weighted = WeightedSpectrum.fit(windows, coefficients, design.error_weights, measure)
        spectrum = weighted.analyze(windows)
        if not design.means_apart:
            basis = _principal_modes(spectrum)
            return cls(weighted, basis, basis)
        return cls(weighted, _principal_modes(spectrum[..., :1]), _principal_modes(spectrum[..., 1:]))

    def analyze(self, windows: Floats) -> Floats:
        """Coefficients [n, channels * coefficients] of ``windows`` [n, channels, samples]: mode by mode."""
        spectrum = self.spectrum.analyze(windows)
        means, motion = self.means_basis.T @ spectrum[..., :1], self.motion_basis.T @ spectrum[..., 1:]
        return cast(Floats, np.concatenate([means, motion], axis=-1).reshape(len(windows), -1))

    def synthesize(self, coefficients: Floats, samples: int) -> Floats:
        """Windows [n, channels, samples] of ``coefficients`` [n, channels * coefficients]."""
        modes = coefficients.reshape(len(coefficients), len(self.means_basis), self.spectrum.coefficients)
        means, motion = self.means_basis @ modes[..., :1], self.motion_basis @ modes[..., 1:]
        return self.spectrum.synthesize(np.concatenate([means, motion], axis=-1), samples)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"means_basis": self.means_basis, "motion_basis": self.motion_basis, **self.spectrum.arrays()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> SpatialTransform:
        return cls(WeightedSpectrum.from_arrays(arrays), arrays["means_basis"], arrays["motion_basis"])


@dataclass(frozen=True)
class TransformCodec:
    """A transform, and a quantizer for every budget. Every window is a packet of its own."""

    name: str
    budgets: tuple[int, ...]
    transform: SpatialTransform
    quantizers: tuple[ScalarQuantizer, ...]

    @classmethod
    def fit(cls, name: str, windows: Floats, band: int, budgets: tuple[int, ...],
            measure: Measure = BY_RELATIVE) -> TransformCodec:
        """Learn from ``windows`` [n, channels, samples]; ``band`` is the cosine coefficients below the cut-off."""
        transform_design, quantizer_design = DESIGNS[name]
        transform = SpatialTransform.fit(windows, 1 if name == MEANS else band, transform_design, measure)
        analyzed = transform.analyze(windows)
        return cls(name, budgets, transform, fit_quantizers(analyzed, budgets, quantizer_design))

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
        arrays |= {f"transform.{name}": array for name, array in self.transform.arrays().items()}
        for bits, quantizer in zip(self.budgets, self.quantizers, strict=True):
            arrays |= {f"{bits}.{name}": array for name, array in quantizer.arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, name: str, arrays: dict[str, NDArray[Any]]) -> TransformCodec:
        def part(prefix: str) -> dict[str, NDArray[Any]]:
            return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}

        budgets = tuple(int(bits) for bits in arrays["budgets"])
        quantizers = tuple(ScalarQuantizer.from_arrays(part(f"{bits}.")) for bits in budgets)
        return cls(name, budgets, SpatialTransform.from_arrays(part("transform.")), quantizers)


def _principal_modes(spectrum: Floats) -> Floats:
    """Eigenvectors of the channels' second moments, the strongest first: [channels, channels]."""
    moments = np.einsum("nct,ndt->cd", spectrum, spectrum, optimize=True).astype(np.float64)
    _, modes = np.linalg.eigh(moments)
    return cast(Floats, np.ascontiguousarray(modes[:, ::-1], dtype=np.float32))
