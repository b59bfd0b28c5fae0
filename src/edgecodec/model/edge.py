"""Our codec's networks: decimate, transform, spend bits where the energy is, and quantize the window as one vector.

    encoder   window [36, 800]
              > decimate          depthwise filter, stride 8                    [36, 100]
              > time transform    cosine bins of the low-passed target          [36, 88]
              > bin 0             spatial transform of the 36 means             [36]
              > each band         few spatial modes per band of bins            [modes, bins] ...
              > rotation          of all modes and bins to few coefficients     [128]
              = latent [1, 36 + 128], one token

    decoder   the same way back, after a small network has moved the coefficients to where they most likely were.

Every layer is a plain linear map that starts at the solution of the matching classical problem (Karhunen-Loeve
transforms, least squares), fitted by :func:`fit_to`; training refines them from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgecodec.model.coded import CodedQuantizer
from edgecodec.model.cosine_bins import assign, cosines, decimating_filter, fit_bins
from edgecodec.model.karhunen_loeve import karhunen_loeve
from edgecodec.model.kind import Floats, Kind, Parts, Watched, WindowFormat
from edgecodec.model.regimes import RegimeQuantizer
from edgecodec.params import CodebookParams, EdgeParams
from edgecodec.storage import rounded


class EdgeEncoder(nn.Module):
    """Normalised window [n, channels, samples] to latent [n, 1, channels + coefficients]."""

    def __init__(self, channels: int, samples: int, params: EdgeParams) -> None:
        super().__init__()
        self.bands = [(first, end) for first, end, _ in params.bands]
        self.decimate = decimating_filter(channels, params)
        self.time_transform = nn.Linear(samples // params.decimation, params.time_bins, bias=False)
        self.mean_transform = nn.Linear(channels, channels)
        self.band_transforms = nn.ModuleList(nn.Linear(channels, modes, bias=False) for *_, modes in params.bands)
        structured = sum(modes * (end - first) for first, end, modes in params.bands)
        self.rotation = nn.Linear(structured, params.coefficients)

    def forward(self, x: Tensor) -> Tensor:  # [n, channels, samples]
        bins = self.time_transform(self.decimate(x))  # [n, channels, bins]
        means = self.mean_transform(bins[..., 0])  # [n, channels]
        modes = self.structured(bins)  # [n, sum of modes * bins]
        return torch.cat((means, self.rotation(modes)), dim=-1).unsqueeze(1)  # [n, 1, channels + coefficients]

    def structured(self, bins: Tensor) -> Tensor:  # [n, channels, bins]
        """Spatial modes of every band, bin by bin: [n, sum of modes * bins]."""
        return torch.cat([
            transform(bins[..., first:end].transpose(1, 2)).flatten(1)  # [n, bins of the band * modes]
            for (first, end), transform in zip(self.bands, self.band_transforms, strict=True)
        ], dim=-1)


class EdgeDecoder(nn.Module):
    """Quantized latent [n, 1, channels + coefficients] to normalised window [n, channels, samples]."""

    def __init__(self, channels: int, samples: int, params: EdgeParams) -> None:
        super().__init__()
        self.channels = channels
        self.bands = list(params.bands)
        latent = channels + params.coefficients
        self.refiner = nn.Sequential(
            nn.Linear(latent, params.refiner_channels), nn.SiLU(), nn.Linear(params.refiner_channels, latent),
        ) if params.refiner_channels else None
        structured = sum(modes * (end - first) for first, end, modes in params.bands)
        self.rotation = nn.Linear(params.coefficients, structured)
        self.mean_transform = nn.Linear(channels, channels)
        self.band_transforms = nn.ModuleList(nn.Linear(modes, channels, bias=False) for *_, modes in params.bands)
        self.time_transform = nn.Linear(max(end for _, end, _ in params.bands), samples, bias=False)

    def forward(self, z: Tensor) -> Tensor:  # [n, 1, channels + coefficients]
        z = z.squeeze(1)  # [n, channels + coefficients]
        if self.refiner is not None:
            z = z + self.refiner(z)  # [n, channels + coefficients]
        modes = self.rotation(z[:, self.channels:])  # [n, sum of modes * bins]
        columns = [self.mean_transform(z[:, : self.channels]).unsqueeze(-1)]  # [n, channels, 1]
        start = 0
        for (first, end, count), transform in zip(self.bands, self.band_transforms, strict=True):
            band = modes[:, start : start + count * (end - first)].unflatten(1, (end - first, count))
            columns.append(transform(band).transpose(1, 2))  # [n, channels, bins of the band]
            start += count * (end - first)
        return self.time_transform(torch.cat(columns, dim=-1))  # type: ignore[no-any-return]  # [n, channels, samples]


@dataclass(frozen=True)
class LinearFit:
    """What :func:`fit_to` found: how much of the target's energy each part of the linear codec keeps."""

    bins_energy: float  # by the time bins
    bands_energy: float  # by the spatial modes of the bands
    rotation_energy: float  # by the coefficients


def fit_to(encoder: EdgeEncoder, decoder: EdgeDecoder, inputs: NDArray[np.float32],
           targets: NDArray[np.float32]) -> LinearFit:
    """Set every layer to the solution of its classical problem.

    Args:
        inputs: normalised windows [n, channels, samples], unfiltered.
        targets: the same windows, low-passed.
    """
    fit = fit_bins(encoder.decimate, inputs, targets, encoder.time_transform.out_features)
    bins = fit.bins  # [n, channels, bins]
    centre = bins[..., 0].mean(axis=0)  # [channels]
    means = karhunen_loeve(bins[..., 0] - centre)  # [channels, channels]
    structured, kept, offered = [], 0.0, 0.0
    for (first, end, modes), analysis, synthesis in zip(
            decoder.bands, encoder.band_transforms, decoder.band_transforms, strict=True):
        band = bins[..., first:end].transpose(0, 2, 1)  # [n, bins of the band, channels]
        basis = karhunen_loeve(band.reshape(-1, band.shape[-1]))[:, :modes]  # [channels, modes]
        assign(analysis, basis.T)
        assign(synthesis, basis)
        structured.append((band @ basis).reshape(len(band), -1))
        kept += float((structured[-1] ** 2).sum())
        offered += float((band**2).sum())
    modes_of_all = np.concatenate(structured, axis=1)  # [n, sum of modes * bins]
    offset = modes_of_all.mean(axis=0)
    rotation = karhunen_loeve(modes_of_all - offset)[:, : encoder.rotation.out_features]
    coefficients = (modes_of_all - offset) @ rotation

    assign(encoder.time_transform, fit.transform.T)
    assign(encoder.mean_transform, means.T, -means.T @ centre)
    assign(encoder.rotation, rotation.T, -rotation.T @ offset)
    assign(decoder.rotation, rotation, offset)
    assign(decoder.mean_transform, means, centre)
    assign(decoder.time_transform, cosines(decoder.time_transform.in_features, inputs.shape[-1]).T)
    if decoder.refiner is not None:  # the network starts silent: the linear solution is where training begins
        last = decoder.refiner[-1]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return LinearFit(
        bins_energy=fit.energy,
        bands_energy=kept / offered,
        rotation_energy=float((coefficients**2).sum() / ((modes_of_all - offset) ** 2).sum()),
    )


def _build(window: WindowFormat, sizes: EdgeParams, codebooks: CodebookParams) -> Parts:
    encoder = EdgeEncoder(window.channels, window.samples, sizes)
    decoder = EdgeDecoder(window.channels, window.samples, sizes)
    quantizer = RegimeQuantizer(
        sizes.regimes, window.channels + sizes.coefficients, sizes.codeword_samples, sizes.codewords,
        tuple(sizes.stages_per_rate * rate for rate in range(1, sizes.rates + 1)),
        codebooks.ema_decay, codebooks.dead_codeword_threshold, codebooks.codebook_iterations)
    coded = CodedQuantizer(quantizer, sizes.rates)
    return Parts(encoder, decoder, quantizer, 1, coded, {
        "common offset": slice(0, 1),  # the strongest mode of the means: nearly the same on all channels
        "other means": slice(1, window.channels),
        "dynamics": slice(window.channels, quantizer.dimension),
    })


def _start(encoder: nn.Module, decoder: nn.Module, draw: Callable[[], tuple[Floats, Floats]]) -> dict[str, float]:
    fit = fit_to(cast(EdgeEncoder, encoder), cast(EdgeDecoder, decoder), *draw())
    return {key: rounded(value) for key, value in vars(fit).items()}


@torch.no_grad()
def _watch(encoder: nn.Module, x: Tensor) -> Watched:
    """A coefficient is a product of the bins with one direction; training leaves these all but orthogonal, not of
    length one. A coefficient's square over its direction's own is the energy that it keeps."""
    edge = cast(EdgeEncoder, encoder)
    decimated = edge.decimate(x)  # [n, channels, decimated samples]
    bins = edge.time_transform(decimated)  # [n, channels, bins]
    channels, count = bins.shape[1:]
    unit = torch.eye(channels * count).reshape(-1, channels, count)  # every bin of every channel alone
    directions = torch.cat([edge.structured(part) for part in torch.split(unit, 256)]) @ edge.rotation.weight.T
    return Watched(decimated, bins[..., 1:].square().sum(dim=(1, 2)),
                   edge.structured(bins) @ edge.rotation.weight.T, 1 / directions.square().sum(dim=0))


KIND = Kind(EdgeParams, _build, _start, _watch)
