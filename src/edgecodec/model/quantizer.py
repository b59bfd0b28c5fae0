"""Residual vector quantizer: vector-quantize-pytorch's codebooks, one per stage, each on its own coordinates.

SoundStream (arXiv 2107.03312, section III-C) lets every stage quantize the whole residual token. Here a stage may
take a subset of the coordinates instead, so that one long token per window can be quantized by many small codebooks.
The number of stages is drawn per item (the library draws one per batch), so that any prefix of stages decodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize


@dataclass(frozen=True)
class Quantized:
    latent: Tensor  # [n, tokens, dimension], with a straight-through gradient
    indices: Tensor  # [n, stages, tokens], -1 where an item sent fewer stages
    commitment: Tensor  # scalar: mean squared distance of the encoder's latent to its quantized self
    reseeded: Tensor  # [stages], share of the codewords that were dead and drawn anew at this step


class ResidualQuantizer(nn.Module):
    """Codebooks in the order they are sent; rate r sends the first ``stages_of_rate[r - 1]`` of them.

    Args:
        dimension: entries of a token.
        codeword_samples: entries of a token that one stage quantizes; :meth:`initialize` chooses which.
        codewords: words per codebook.
        decay, dead_codeword_threshold: of the moving averages by which codebooks follow their data; a codeword
            whose average count per batch is below the threshold is replaced by a latent of the batch.
        first_codewords: words of the first codebook, if it has fewer.
    """

    coordinates: Tensor  # [stages, codeword samples]

    def __init__(self, dimension: int, codeword_samples: int, codewords: int, stages_of_rate: tuple[int, ...],
                 decay: float, dead_codeword_threshold: float, kmeans_iterations: int,
                 first_codewords: int | None = None) -> None:
        super().__init__()
        self.dimension = dimension
        self.codewords = codewords
        self.stages_of_rate = stages_of_rate
        self.register_buffer("coordinates", torch.arange(codeword_samples).repeat(stages_of_rate[-1], 1))
        self.stages = nn.ModuleList(
            VectorQuantize(dim=codeword_samples, codebook_size=words, decay=decay, kmeans_init=True,
                           kmeans_iters=kmeans_iterations, threshold_ema_dead_code=dead_codeword_threshold,
                           rotation_trick=False, commitment_weight=0.0,
                           sync_codebook=False)  # where several processes train, each sees the latents of all
            for words in [first_codewords or codewords] + [codewords] * (stages_of_rate[-1] - 1)
        )

    @property
    def quantizers(self) -> list[ResidualQuantizer]:
        """Of every regime: there is one."""
        return [self]

    @property
    def codebooks(self) -> list[Tensor]:
        """Per stage [codewords, codeword samples]."""
        return [cast(Tensor, stage.codebook) for stage in self.stages]

    @torch.no_grad()
    def initialize(self, latent: Tensor, per_step: float,
                   watch: Callable[[nn.ModuleList], Iterable[VectorQuantize]] = iter) -> None:
        """Set all codebooks from ``latent`` [n, tokens, dimension], stage after stage.

        A stage takes the coordinates with the most energy left and runs the library's k-means on them.

        Args:
            per_step: how many of the n items a training step will bring. The library goes on from the counts of k-means
                as if they came from one step: so many more items would hold the codebooks where they are for long.
            watch: may show progress over the stages.
        """
        self.train()
        residual = latent.clone()
        for number, stage in enumerate(watch(self.stages)):
            energy = residual.square().mean(dim=(0, 1))  # [dimension]
            where = energy.topk(self.coordinates.shape[1]).indices.sort().values
            self.coordinates[number] = where
            part = residual[..., where]  # [n, tokens, codeword samples]
            stage._codebook.initted.fill_(False)  # any forward before, even one in evaluation, has set it
            codeword, _, _ = stage(part)
            residual[..., where] = part - codeword
            stage._codebook.cluster_size *= per_step / len(latent)
            stage._codebook.embed_avg *= per_step / len(latent)

    def forward(self, latent: Tensor, stages_sent: Tensor | None = None) -> Quantized:
        """Quantize ``latent`` [n, tokens, dimension]; item i with its first ``stages_sent[i]`` stages (all if None).

        In training mode the codebooks follow the latents.
        """
        sent = torch.full((len(latent),), len(self.stages)) if stages_sent is None else stages_sent
        residual = latent.detach().clone()
        indices, reseeded = [], []
        for number, (stage, where) in enumerate(zip(self.stages, self.coordinates, strict=True)):
            taking = sent > number  # [n]
            index = torch.full(latent.shape[:2], -1)
            if bool(taking.any()):
                left = residual[taking]  # [n taking, tokens, dimension]
                codeword, index[taking], _ = stage(left[..., where])  # [n taking, tokens, codeword samples]
                left[..., where] -= codeword.detach()
                residual[taking] = left
            indices.append(index)
            reseeded.append(_share_of_reseeded(stage) if self.training and bool(taking.any()) else torch.zeros(()))
        quantized = latent.detach() - residual
        return Quantized(
            latent=latent + (quantized - latent).detach(),
            indices=torch.stack(indices, dim=1),
            commitment=(latent - quantized).square().mean(),
            reseeded=torch.stack(reseeded),
        )

    @torch.no_grad()
    def residual(self, latent: Tensor, stages: int) -> Tensor:
        """What the first ``stages`` stages leave of ``latent`` [n, tokens, dimension]; codebooks stay as they are."""
        residual = latent.clone()
        for where, codebook in zip(self.coordinates[:stages], self.codebooks, strict=False):
            part = residual[..., where]  # [n, tokens, codeword samples]
            nearest = (part @ codebook.T - codebook.square().sum(dim=1) / 2).argmax(dim=-1)  # [n, tokens]
            residual[..., where] = part - codebook[nearest]
        return residual

    def word_numbers(self, indices: Tensor) -> Tensor:
        """Which of :attr:`codebooks`' words ``indices`` name: themselves."""
        return indices

    def choose(self, latent: Tensor) -> Tensor:
        """The regime [n] of ``latent`` [n, tokens, dimension]: the one there is."""
        return torch.zeros(len(latent), dtype=torch.int64)

    def into(self, regime: int, latent: Tensor) -> Tensor:
        """``latent`` [n, tokens, dimension] in the coordinates of the one ``regime``: as it is."""
        return latent

    def out_of(self, regime: int, latent: Tensor) -> Tensor:
        """The way back of :meth:`into`."""
        return latent

    def to_latent(self, sums: Tensor, regime: Tensor) -> Tensor:
        """The latents of sums of codewords [n, tokens, dimension]: themselves, whatever the one ``regime`` [n]."""
        return sums

    def decode(self, indices: Tensor) -> Tensor:
        """Sum the codewords of ``indices`` [n, stages sent, tokens] onto their coordinates: [n, tokens, dimension]."""
        latent = torch.zeros(len(indices), indices.shape[2], self.dimension)
        for where, codebook, index in zip(self.coordinates, self.codebooks, indices.unbind(dim=1), strict=False):
            latent[..., where] += codebook[index]
        return latent


def _share_of_reseeded(stage: VectorQuantize) -> Tensor:
    """Share of the codewords that the last step drew anew: the library leaves a mark in their count."""
    codebook = stage._codebook
    return cast(Tensor, (codebook.cluster_size == codebook.reset_cluster_size).float().mean())
