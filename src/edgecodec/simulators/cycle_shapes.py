"""Codecs of many shapes with random weights: what the cycle model learns the target's costs from.

What a step takes depends on its shape, hardly on its values: weights and codebooks are drawn, windows are noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edgecodec.deploy.export import export_codec, quantizers_of
from edgecodec.deploy.network import Arithmetic, ExportedCodec
from edgecodec.model.codec import Codec, WindowFormat, build_codec
from edgecodec.model.coded import CodedQuantizer
from edgecodec.params import CodedParams, EdgeParams, PaperParams, TrainParams

SAMPLE_RATE_HZ, LOWPASS_HZ = 100.0, 5.0  # no step depends on them


@dataclass(frozen=True)
class Shape:
    """A window, and the networks and codebooks for it."""

    channels: int
    samples: int
    sizes: EdgeParams | PaperParams

    def random_codec(self, seed: int, training: TrainParams, arithmetic: Arithmetic) -> ExportedCodec:
        """Untrained networks, drawn codebooks.

        Args:
            training: nothing is trained; the quantizers want to know how they would be.
        """
        names = tuple(f"P{number + 1:02d}" for number in range(self.channels))
        window = WindowFormat(names, self.samples, SAMPLE_RATE_HZ, LOWPASS_HZ)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            codec = build_codec("edge" if isinstance(self.sizes, EdgeParams) else "paper", window, self.sizes, training)
            _draw_codebooks(codec)
        return export_codec(codec, arithmetic)


def _edge(codewords: int, stages_per_rate: int, codeword_samples: int, regimes: int, decimation: int,
          filter_taps: int, bands: tuple[tuple[int, int, int], ...], coefficients: int, coded: tuple[int, int, int],
          rates: int = 3) -> EdgeParams:
    """``coded``: codewords, samples of one, stages per rate."""
    words, samples, stages = coded
    return EdgeParams(
        codewords=codewords, rates=rates, stages_per_rate=stages_per_rate, regimes=regimes,
        codeword_samples=codeword_samples, decimation=decimation, filter_taps=filter_taps, time_bins=bands[-1][1],
        bands=bands, coefficients=coefficients, refiner_channels=0,
        coded=CodedParams(codewords=words, codeword_samples=samples,
                          stages_of_rate=tuple(stages * rate for rate in range(1, rates + 1))))


def _paper(codewords: int, latent_channels: int, rates: int) -> PaperParams:
    return PaperParams(codewords=codewords, rates=rates, latent_channels=latent_channels)


SHAPES: Mapping[str, Shape] = {
    "edge_8x256": Shape(8, 256, _edge(32, 6, 4, 2, 4, 32, ((1, 12, 4), (12, 30, 2)), 48, (16, 2, 8))),
    "edge_13x480": Shape(13, 480, _edge(48, 8, 6, 3, 6, 36, ((1, 20, 6), (20, 64, 2)), 64, (48, 4, 10))),
    "edge_20x400": Shape(20, 400, _edge(128, 5, 8, 1, 10, 50, ((1, 10, 8), (10, 40, 4)), 96, (64, 6, 6), rates=2)),
    "edge_28x720": Shape(28, 720, _edge(96, 12, 4, 4, 6, 24, ((1, 24, 8), (24, 100, 2)), 120, (24, 4, 16))),
    "edge_36x640": Shape(36, 640, _edge(64, 10, 6, 4, 8, 64, ((1, 16, 6), (16, 40, 4), (40, 72, 2)), 128, (32, 4, 20))),
    "edge_6x1600": Shape(6, 1600, _edge(256, 4, 10, 2, 16, 96, ((1, 40, 4), (40, 96, 2)), 80, (128, 8, 5), rates=2)),
    "edge_48x512": Shape(48, 512, _edge(40, 16, 2, 5, 8, 40, ((1, 8, 12), (8, 60, 2)), 150, (20, 2, 24), rates=2)),
    "edge_4x160": Shape(4, 160, _edge(16, 5, 2, 1, 4, 16, ((1, 10, 4), (10, 36, 2)), 30, (8, 2, 6))),
    "edge_10x1200": Shape(10, 1200, _edge(80, 6, 6, 2, 12, 72, ((1, 24, 6), (24, 80, 2)), 72, (40, 4, 8), rates=2)),
    "edge_16x960": Shape(16, 960, _edge(192, 4, 8, 3, 6, 48, ((1, 30, 4), (30, 120, 2)), 90, (96, 6, 5), rates=2)),
    "edge_24x800": Shape(24, 800, _edge(512, 3, 10, 1, 10, 30, ((1, 12, 10), (12, 72, 2)), 110, (256, 8, 4), rates=2)),
    "edge_40x320": Shape(40, 320, _edge(60, 9, 4, 6, 4, 20, ((1, 14, 6), (14, 50, 4)), 100, (12, 4, 12), rates=2)),
    "edge_9x560": Shape(9, 560, _edge(24, 7, 4, 2, 14, 84, ((1, 8, 8), (8, 36, 2)), 40, (16, 2, 9))),
    "paper_16x64": Shape(16, 64, _paper(700, 8, rates=4)),
    "paper_24x96": Shape(24, 96, _paper(900, 10, rates=3)),
    "paper_36x400": Shape(36, 400, _paper(512, 9, rates=2)),
    "paper_36x200": Shape(36, 200, _paper(256, 9, rates=2)),
    "paper_12x400": Shape(12, 400, _paper(64, 5, rates=2)),
    "paper_20x120": Shape(20, 120, _paper(512, 4, rates=3)),
    "paper_6x304": Shape(6, 304, _paper(100, 12, rates=2)),
    "paper_30x520": Shape(30, 520, _paper(384, 7, rates=1)),
}


def noise(codec: ExportedCodec, seed: int) -> NDArray[np.float32]:
    """A window [samples, channels]."""
    return np.random.default_rng(seed).standard_normal((codec.samples, codec.channels)).astype(np.float32)


@torch.no_grad()
def _draw_codebooks(codec: Codec) -> None:
    for quantizer in quantizers_of(codec):
        for stage, codebook in enumerate(quantizer.codebooks):
            codebook.normal_(std=0.5)
            quantizer.coordinates[stage] = _coordinates(quantizer.dimension, quantizer.coordinates.shape[1])
    if codec.coded is not None:
        _draw_coded(codec.coded)


def _draw_coded(coded: CodedQuantizer) -> None:
    regimes, stages, samples = coded.coordinates.shape
    coded.codewords.normal_(std=0.5)
    for regime in range(regimes):
        for stage in range(stages):
            coded.coordinates[regime, stage] = _coordinates(coded.dimension, samples)


def _coordinates(dimension: int, samples: int) -> torch.Tensor:
    return torch.randperm(dimension)[:samples].sort().values
