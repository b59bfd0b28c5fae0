"""Codecs of other shapes with drawn weights, to count on a simulator: cycles hang on the shape, hardly on values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edgecodec.deploy.export import export_codec
from edgecodec.model.codec import build_codec
from edgecodec.model.kind import WindowFormat
from edgecodec.packets.network import Arithmetic, ExportedCodec
from edgecodec.params import CodecParams, EdgeParams, PaperParams, TrainParams

SAMPLE_RATE_HZ, LOWPASS_HZ = 100.0, 5.0  # no step depends on them


@dataclass(frozen=True)
class Shape:
    """A window, and the networks and codebooks for it."""

    codec: str
    channels: int
    samples: int
    sizes: CodecParams

    @torch.no_grad()
    def draw(self, seed: int, training: TrainParams, arithmetic: Arithmetic) -> ExportedCodec:
        """Untrained networks, drawn codebooks.

        Args:
            training: nothing is trained; the quantizers want to know how they would be.
        """
        names = tuple(f"P{number + 1:02d}" for number in range(self.channels))
        window = WindowFormat(names, self.samples, SAMPLE_RATE_HZ, LOWPASS_HZ)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            codec = build_codec(self.codec, window, self.sizes, training)
            for quantizer in codec.quantizer.quantizers:
                for codebook, coordinates in zip(quantizer.codebooks, quantizer.coordinates, strict=True):
                    codebook.normal_(std=0.5)
                    _draw_coordinates(coordinates, quantizer.dimension)
            if codec.coded is not None:
                codec.coded.classes.random_(0, 16)
        return export_codec(codec, arithmetic)


def noise(codec: ExportedCodec, seed: int) -> NDArray[np.float32]:
    """A window [samples, channels]."""
    return np.random.default_rng(seed).standard_normal((codec.samples, codec.channels)).astype(np.float32)


def _draw_coordinates(coordinates: torch.Tensor, dimension: int) -> None:
    coordinates.copy_(torch.randperm(dimension)[: len(coordinates)].sort().values)


def _edge(codewords: int, stages_per_rate: int, codeword_samples: int, regimes: int, decimation: int,
          filter_taps: int, bands: tuple[tuple[int, int, int], ...], coefficients: int) -> EdgeParams:
    """Of two rates."""
    return EdgeParams(
        codewords=codewords, rates=2, stages_per_rate=stages_per_rate, regimes=regimes,
        codeword_samples=codeword_samples, decimation=decimation, filter_taps=filter_taps, time_bins=bands[-1][1],
        bands=bands, coefficients=coefficients, refiner_channels=0)


SHAPES: Mapping[str, Shape] = {
    "edge_4x160": Shape("edge", 4, 160, _edge(16, 5, 2, 1, 4, 16, ((1, 10, 4), (10, 36, 2)), 30)),
    "edge_9x560": Shape("edge", 9, 560, _edge(24, 7, 4, 2, 14, 84, ((1, 8, 8), (8, 36, 2)), 40)),
    "edge_10x1200": Shape("edge", 10, 1200, _edge(80, 6, 6, 2, 12, 72, ((1, 24, 6), (24, 80, 2)), 72)),
    "edge_48x512": Shape("edge", 48, 512, _edge(40, 16, 2, 5, 8, 40, ((1, 8, 12), (8, 60, 2)), 150)),
    "paper_16x64": Shape("paper", 16, 64, PaperParams(codewords=700, rates=4, latent_channels=8)),
    "paper_36x200": Shape("paper", 36, 200, PaperParams(codewords=256, rates=2, latent_channels=9)),
}
