"""Windows come in regimes (wind speed, kind of motion), and each is quantized in coordinates and codebooks of its own.

A mixture of Gaussians over the latents says what the regimes are; no label is needed. In its regime's principal
directions a latent has its energy in few coordinates, and codebooks need not be a compromise between calm and wild.

The regime costs no field in the packet: the codewords of the first stage are shared out among the regimes, so that
the first index names the regime. It is the regime whose stages of the lowest rate leave the least of the latent, so
the indices of a lower rate are a prefix of those of a higher one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize

from edgecodec.errors import EdgeCodecError
from edgecodec.model.karhunen_loeve import principal_directions
from edgecodec.model.quantizer import Quantized, ResidualQuantizer

MIXTURE_LATENTS = 16000  # that the mixture is fitted to


class RegimeQuantizer(nn.Module):
    """A :class:`~edgecodec.model.quantizer.ResidualQuantizer` per regime, each in rotated coordinates.

    Latents are [n, 1, dimension], one token per window. Indices are those of a ResidualQuantizer, [n, stages, 1], but
    for the first: regime * words of the regime's first codebook + word.

    Args:
        regimes: how many; must divide ``codewords``.
        others: as for ResidualQuantizer.
    """

    centre: Tensor  # [regimes, dimension]
    rotation: Tensor  # [regimes, dimension, dimension], columns are the regime's principal directions

    def __init__(self, regimes: int, dimension: int, codeword_samples: int, codewords: int,
                 stages_of_rate: tuple[int, ...], decay: float, dead_codeword_threshold: float,
                 kmeans_iterations: int) -> None:
        super().__init__()
        if codewords % regimes or codewords < 2 * regimes:
            raise EdgeCodecError(f"params.yaml: codecs.edge.regimes: {codewords} codewords of the first stage cannot "
                                 f"be shared out evenly among {regimes} regimes; change one of the two")
        self.dimension = dimension
        self.codewords = codewords
        self.stages_of_rate = stages_of_rate
        self.register_buffer("centre", torch.zeros(regimes, dimension))
        self.register_buffer("rotation", torch.eye(dimension).repeat(regimes, 1, 1))
        self.regimes = nn.ModuleList(
            ResidualQuantizer(dimension, codeword_samples, codewords, stages_of_rate, decay, dead_codeword_threshold,
                              kmeans_iterations, first_codewords=codewords // regimes)
            for _ in range(regimes)
        )

    @property
    def quantizers(self) -> list[ResidualQuantizer]:
        """Of every regime."""
        return [cast(ResidualQuantizer, quantizer) for quantizer in self.regimes]

    @property
    def codebooks(self) -> list[Tensor]:
        """Per stage [words of all regimes, codeword samples], regime after regime."""
        return [torch.cat(of_stage) for of_stage in zip(*(each.codebooks for each in self.quantizers), strict=True)]

    def word_numbers(self, indices: Tensor) -> Tensor:
        """Which of :attr:`codebooks`' words ``indices`` [n, stages, 1] name: the same shape."""
        regime = indices[:, :1] // self._first_codewords
        return torch.cat((indices[:, :1], indices[:, 1:] + regime * self.codewords), dim=1)

    @torch.no_grad()
    def initialize(self, latent: Tensor, per_step: float,
                   watch: Callable[[nn.ModuleList], Iterable[VectorQuantize]] = iter) -> None:
        """Set regimes and codebooks from ``latent`` [n, 1, dimension]; arguments as of ResidualQuantizer.

        Raises:
            EdgeCodecError: a regime has fewer latents than codewords.
        """
        from edgecodec.model.mixture import fit_mixture  # scikit-learn: not needed where codecs only decode

        flat = latent[:, 0].double().numpy()
        mixture = fit_mixture(flat[:MIXTURE_LATENTS], len(self.regimes), self._bits_of_lowest_rate)
        for number, (mean, covariance) in enumerate(zip(mixture.means_, mixture.covariances_, strict=True)):
            self.centre[number] = torch.from_numpy(mean)
            self.rotation[number] = torch.from_numpy(principal_directions(covariance))
        regime = torch.from_numpy(mixture.predict(flat))  # [n]
        for number, quantizer in enumerate(self.quantizers):
            mine = latent[regime == number]
            if len(mine) < self.codewords:
                raise EdgeCodecError(f"params.yaml: codecs.edge.regimes: regime {number} of {len(self.regimes)} has "
                                     f"{len(mine)} windows for {self.codewords} codewords; take fewer regimes or more "
                                     "train.edge.codebook_windows")
            quantizer.initialize(self.into(number, mine), per_step * len(mine) / len(latent), watch)

    def forward(self, latent: Tensor, stages_sent: Tensor | None = None) -> Quantized:
        """Quantize ``latent`` [n, 1, dimension]; item i with its first ``stages_sent[i]`` stages (all if None).

        In training mode the codebooks follow the latents of their regime.
        """
        sent = torch.full((len(latent),), self.stages_of_rate[-1]) if stages_sent is None else stages_sent
        detached = latent.detach()
        regime = self.choose(detached)  # [n]
        quantized = torch.zeros_like(detached)
        indices = torch.full((len(latent), self.stages_of_rate[-1], 1), -1)
        reseeded = torch.zeros(self.stages_of_rate[-1])
        for number, quantizer in enumerate(self.quantizers):
            mine = regime == number
            if bool(mine.any()):
                of_regime = quantizer(self.into(number, detached[mine]), sent[mine])
                quantized[mine] = self.out_of(number, of_regime.latent)
                indices[mine] = of_regime.indices
                reseeded += of_regime.reseeded / len(self.regimes)
        indices[:, 0] += (regime * self._first_codewords)[:, None]
        return Quantized(
            latent=latent + (quantized - latent).detach(),
            indices=indices,
            commitment=(latent - quantized).square().mean(),
            reseeded=reseeded,
        )

    @torch.no_grad()
    def choose(self, latent: Tensor) -> Tensor:
        """The regime [n] whose stages of the lowest rate leave the least of ``latent`` [n, 1, dimension]."""
        return torch.stack([
            quantizer.residual(self.into(number, latent), self.stages_of_rate[0]).square().sum(dim=(1, 2))
            for number, quantizer in enumerate(self.quantizers)
        ]).argmin(dim=0)

    def to_latent(self, sums: Tensor, regime: Tensor) -> Tensor:
        """The latents [n, 1, dimension] of sums of codewords [n, 1, dimension], each in its ``regime`` [n]."""
        return sums @ self.rotation.transpose(1, 2)[regime] + self.centre[regime][:, None]

    def decode(self, indices: Tensor) -> Tensor:
        """The latents [n, 1, dimension] of ``indices`` [n, stages sent, 1]."""
        latent = torch.zeros(len(indices), 1, self.dimension)
        regime = indices[:, 0, 0] // self._first_codewords
        for number, quantizer in enumerate(self.quantizers):
            mine = regime == number
            words = indices[mine].clone()
            words[:, 0] -= number * self._first_codewords
            latent[mine] = self.out_of(number, quantizer.decode(words))
        return latent

    @property
    def _first_codewords(self) -> int:
        return self.codewords // len(self.regimes)

    def into(self, regime: int, latent: Tensor) -> Tensor:
        """``latent`` [n, 1, dimension] in the coordinates of ``regime``."""
        return (latent - self.centre[regime]) @ self.rotation[regime]

    def out_of(self, regime: int, rotated: Tensor) -> Tensor:
        """The way back of :meth:`into`."""
        return rotated @ self.rotation[regime].T + self.centre[regime]

    @property
    def _bits_of_lowest_rate(self) -> float:
        return float(self.stages_of_rate[0] * np.log2(self.codewords))
