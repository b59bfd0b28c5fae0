"""The classical codec: Karhunen-Loeve transforms across channels, cosine bins in time, and small codebooks.

    encoder   window [36, 800]
              > decimate          depthwise filter, stride 8                    [36, 100]
              > mean bin          cosine bin 0 of the low-passed target         [36]
              > mean transform    spatial transform of the 36 means             [36]
              > spatial transform few modes of everything that moves            [6, 100]
              > time transform    the other cosine bins, mode by mode           [6, 88]
              = latent [1, 6 * 88 + 36], one token

    decoder   the same way back.

Every layer is the solution of its classical problem, and stays it: there is no gradient step. A linear map across
channels and one in time may take either order; across channels first, the time transform has 6 rows in place of 36.

Nothing selects coefficients: every stage of the quantizer takes those with the most energy left, and so the strongest
ones are sent first, often, and the weakest not at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from edgecodec.model.coded import CodedQuantizer
from edgecodec.model.cosine_bins import assign, cosines, decimating_filter, fit_bins
from edgecodec.model.karhunen_loeve import karhunen_loeve
from edgecodec.model.kind import Floats, Kind, Parts, WindowFormat
from edgecodec.model.regimes import RegimeQuantizer
from edgecodec.params import CodebookParams, TransformParams
from edgecodec.storage import rounded


class TransformEncoder(nn.Module):
    """Normalised window [n, channels, samples] to latent [n, 1, modes * bins + channels]."""

    def __init__(self, channels: int, samples: int, params: TransformParams) -> None:
        super().__init__()
        decimated = samples // params.decimation
        self.decimate = decimating_filter(channels, params)
        self.mean_bin = nn.Linear(decimated, 1, bias=False)
        self.mean_transform = nn.Linear(channels, channels)
        self.spatial_transform = nn.Linear(channels, params.modes, bias=False)
        self.time_transform = nn.Linear(decimated, params.time_bins, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [n, channels, samples]
        decimated = self.decimate(x)  # [n, channels, decimated samples]
        means = self.mean_transform(self.mean_bin(decimated).squeeze(-1))  # [n, channels]
        modes = self.spatial_transform(decimated.transpose(1, 2)).transpose(1, 2)  # [n, modes, decimated samples]
        moving = self.time_transform(modes).flatten(1)  # [n, modes * bins]
        return torch.cat((moving, means), dim=-1).unsqueeze(1)  # [n, 1, modes * bins + channels]


class TransformDecoder(nn.Module):
    """Quantized latent [n, 1, modes * bins + channels] to normalised window [n, channels, samples]."""

    def __init__(self, channels: int, samples: int, params: TransformParams) -> None:
        super().__init__()
        self.modes, self.bins = params.modes, params.time_bins
        self.mean_transform = nn.Linear(channels, channels)
        self.spatial_transform = nn.Linear(params.modes, channels, bias=False)
        self.time_transform = nn.Linear(params.time_bins, samples, bias=False)

    def forward(self, z: Tensor) -> Tensor:  # [n, 1, modes * bins + channels]
        moving, means = z[:, 0, : self.modes * self.bins], z[:, 0, self.modes * self.bins :]
        modes = self.time_transform(moving.reshape(-1, self.modes, self.bins))  # [n, modes, samples]
        windows = self.spatial_transform(modes.transpose(1, 2)).transpose(1, 2)  # [n, channels, samples]
        return cast(Tensor, windows + self.mean_transform(means).unsqueeze(-1))  # [n, channels, samples]


def fit_to(encoder: TransformEncoder, decoder: TransformDecoder, inputs: Floats, targets: Floats) -> dict[str, float]:
    """Set every layer to the solution of its classical problem.

    Args:
        inputs: normalised windows [n, channels, samples], unfiltered.
        targets: the same windows, low-passed.

    Returns:
        How much of the target's energy the bins keep, and how much of the moving bins' energy the modes.
    """
    samples = targets.shape[-1]
    fit = fit_bins(encoder.decimate, inputs, targets, 1 + decoder.bins)
    synthesis = cosines(1 + decoder.bins, samples)  # [1 + bins, samples]
    mean_bins, moving = fit.bins[..., 0], fit.bins[..., 1:].transpose(0, 2, 1)  # [n, channels], [n, bins, channels]

    centre = mean_bins.mean(axis=0)  # [channels]
    means = karhunen_loeve(mean_bins - centre)  # [channels, channels]
    mean = math.sqrt(1 / samples)  # of a window whose bin 0 is 1
    assign(encoder.mean_bin, fit.transform[:, :1].T)
    assign(encoder.mean_transform, means.T, -means.T @ centre)
    assign(decoder.mean_transform, mean * means, mean * centre)

    modes = karhunen_loeve(moving.reshape(-1, moving.shape[-1]))[:, : decoder.modes]  # [channels, modes]
    assign(encoder.spatial_transform, modes.T)
    assign(decoder.spatial_transform, modes)
    assign(encoder.time_transform, fit.transform[:, 1:].T)
    assign(decoder.time_transform, synthesis[1:].T)
    return {"bins_energy": fit.energy, "modes_energy": float(((moving @ modes) ** 2).sum() / (moving**2).sum())}


def _build(window: WindowFormat, sizes: TransformParams, codebooks: CodebookParams) -> Parts:
    moving = sizes.modes * sizes.time_bins
    quantizer = RegimeQuantizer(
        1, moving + window.channels, sizes.codeword_samples, sizes.codewords,
        tuple(sizes.stages_per_rate * rate for rate in range(1, sizes.rates + 1)),
        codebooks.ema_decay, codebooks.dead_codeword_threshold, codebooks.codebook_iterations,
        rotated=False)
    coded = CodedQuantizer(quantizer, sizes.rates)
    return Parts(
        TransformEncoder(window.channels, window.samples, sizes),
        TransformDecoder(window.channels, window.samples, sizes), quantizer, 1, coded, {
            "common offset": slice(moving, moving + 1),  # the strongest mode of the means
            "other means": slice(moving + 1, quantizer.dimension),
            "dynamics": slice(0, moving),
        })


def _start(encoder: nn.Module, decoder: nn.Module, draw: Callable[[], tuple[Floats, Floats]]) -> dict[str, float]:
    fit = fit_to(cast(TransformEncoder, encoder), cast(TransformDecoder, decoder), *draw())
    return {name: rounded(energy) for name, energy in fit.items()}


KIND = Kind(TransformParams, _build, _start)
