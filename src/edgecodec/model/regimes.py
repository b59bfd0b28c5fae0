"""Windows come in regimes (wind speed, kind of motion), and each is quantized in coordinates and codebooks of its own.

A mixture of Gaussians over the latents says what the regimes are; no label is needed. In its regime's principal
directions a latent has its energy in few coordinates, and codebooks need not be a compromise between calm and wild.

The regime costs no field in a fixed-length packet: its first stage has a codebook of fewer words in every regime, all
of them together as many as one index can number. A window's regime is the one whose stages of the lowest rate leave the
least of the latent, so the indices of a lower rate are a prefix of those of a higher one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize

from edgecodec.errors import EdgeCodecError
from edgecodec.model.karhunen_loeve import principal_directions
from edgecodec.model.quantizer import Quantized, ResidualQuantizer
from edgecodec.packets.indices import Indices
from edgecodec.packets.payloads import FixedLengthPayloads, Payloads

OUTLYING = 10  # times the usual distance from the middle: windows so far off are faults of recordings
MIXTURE_LATENTS = 16000  # that the mixture is fitted to


class Codebooks(Protocol):
    """Those of one regime, for latents [n, tokens, dimension] in its coordinates."""

    def residual(self, latent: Tensor, stages: int) -> Tensor:
        """What the first ``stages`` stages leave of ``latent``."""

    def decode(self, words: Tensor) -> Tensor:
        """The latents of ``words`` [n, stages sent, tokens]."""


def _too_few(latents: NDArray[np.float64], mine: NDArray[np.bool_], codewords: int, regimes: int) -> str:
    """What to say of a regime with fewer latents than codewords: whether it is the data or a setting.

    Args:
        latents: [n, dimension] of all training windows that codebooks are made from.
        mine: [n] those of the regime.
    """
    size = np.linalg.norm(latents - np.median(latents, axis=0), axis=1)
    usual = float(np.median(size))
    count = f"{int(mine.sum())} of {len(latents)} training windows"
    if mine.any() and np.median(size[mine]) > OUTLYING * usual:
        return (f"artifacts/windows/train: {count} are {float(np.median(size[mine])) / usual:.0f} times as large as "
                "most and would be a regime of their own: outlying values in the recordings; see "
                "artifacts/validation/report.html, mend them or leave such recordings out")
    return (f"params.yaml: codecs.edge.regimes: one of {regimes} regimes has {count}, too few for {codewords} "
            "codewords; take fewer regimes or more train.edge.codebook_windows")


class PacketQuantizer(nn.Module):
    """What makes the indices of one kind of packets. Rate r has ``stages_of_rate[r - 1]`` stages."""

    dimension: int
    stages_of_rate: tuple[int, ...]

    @abstractmethod
    def payloads(self, tokens: int) -> Payloads:
        """How indices of so many tokens are sent."""

    @abstractmethod
    def into(self, regime: int, latent: Tensor) -> Tensor:
        """``latent`` [n, tokens, dimension] in the coordinates of ``regime``."""

    @abstractmethod
    def out_of(self, regime: int, rotated: Tensor) -> Tensor:
        """The way back of :meth:`into`."""

    @abstractmethod
    def encode(self, latent: Tensor) -> Indices:
        """The indices of ``latent`` [n, tokens, dimension], for the highest rate and all below."""

    @abstractmethod
    def decode(self, indices: Indices) -> Tensor:
        """The latents [n, tokens, dimension] of ``indices``, of the stages of a rate."""


class RegimeQuantizer(PacketQuantizer):
    """For fixed-length packets: a :class:`~edgecodec.model.quantizer.ResidualQuantizer` per regime.

    Args:
        regimes: how many; must divide ``codewords``.
        rotated: whether regimes have coordinates of their own, for latents of one token. If not, there is one regime,
            in the coordinates of the latents, which may have any number of tokens.
        others: as for ResidualQuantizer.
    """

    centre: Tensor | None  # [regimes, dimension]
    rotation: Tensor | None  # [regimes, dimension, dimension], columns are the regime's principal directions

    def __init__(self, regimes: int, dimension: int, codeword_samples: int, codewords: int,
                 stages_of_rate: tuple[int, ...], decay: float, dead_codeword_threshold: float,
                 kmeans_iterations: int, rotated: bool = True) -> None:
        super().__init__()
        if codewords % regimes or codewords < 2 * regimes:
            raise EdgeCodecError(f"params.yaml: codecs.edge.regimes: {codewords} codewords of the first stage cannot "
                                 f"be shared out evenly among {regimes} regimes; change one of the two")
        self.dimension = dimension
        self.codewords = codewords
        self.stages_of_rate = stages_of_rate
        self.register_buffer("centre", torch.zeros(regimes, dimension) if rotated else None)
        self.register_buffer("rotation", torch.eye(dimension).repeat(regimes, 1, 1) if rotated else None)
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
        """Per stage [regimes, words, codeword samples]."""
        return [torch.stack(of_stage) for of_stage in zip(*(each.codebooks for each in self.quantizers), strict=True)]

    def payloads(self, tokens: int) -> FixedLengthPayloads:
        codewords = tuple(len(codebook) for codebook in self.quantizers[0].codebooks)
        return FixedLengthPayloads(self.stages_of_rate, tokens, codewords, len(self.regimes))

    @torch.no_grad()
    def initialize(self, latent: Tensor, per_step: float,
                   watch: Callable[[nn.ModuleList], Iterable[VectorQuantize]] = iter) -> None:
        """Set regimes and codebooks from ``latent`` [n, tokens, dimension]; arguments as of ResidualQuantizer.

        Raises:
            EdgeCodecError: a regime has fewer latents than codewords.
        """
        if self.centre is None or self.rotation is None:
            self.quantizers[0].initialize(latent, per_step, watch)
            return
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
                raise EdgeCodecError(_too_few(flat, regime.numpy() == number, self.codewords, len(self.regimes)))
            quantizer.initialize(self.into(number, mine), per_step * len(mine) / len(latent), watch)

    def forward(self, latent: Tensor, stages_sent: Tensor | None = None) -> Quantized:
        """Quantize ``latent`` [n, tokens, dimension]; item i with its first ``stages_sent[i]`` stages (all if None).

        In training mode the codebooks follow the latents of their regime.
        """
        if self.rotation is None:
            return cast(Quantized, self.quantizers[0](latent, stages_sent))
        sent = torch.full((len(latent),), self.stages_of_rate[-1]) if stages_sent is None else stages_sent
        detached = latent.detach()
        regime = self.choose(detached)  # [n]
        quantized = torch.zeros_like(detached)
        words = torch.full((len(latent), self.stages_of_rate[-1], 1), -1)
        reseeded = torch.zeros(self.stages_of_rate[-1])
        for number, quantizer in enumerate(self.quantizers):
            mine = regime == number
            if bool(mine.any()):
                of_regime = quantizer(self.into(number, detached[mine]), sent[mine])
                quantized[mine] = self.out_of(number, of_regime.latent)
                words[mine] = of_regime.words
                reseeded += of_regime.reseeded / len(self.regimes)
        return Quantized(
            latent=latent + (quantized - latent).detach(),
            regime=regime,
            words=words,
            commitment=(latent - quantized).square().mean(),
            reseeded=reseeded,
        )

    @torch.no_grad()
    def choose(self, latent: Tensor) -> Tensor:
        """The regime [n] whose stages of the lowest rate leave the least of ``latent`` [n, tokens, dimension]."""
        return torch.stack([
            quantizer.residual(self.into(number, latent), self.stages_of_rate[0]).square().sum(dim=(1, 2))
            for number, quantizer in enumerate(self.quantizers)
        ]).argmin(dim=0)

    @torch.no_grad()
    def decode(self, indices: Indices) -> Tensor:
        """The latents [n, tokens, dimension] of ``indices``."""
        words = torch.from_numpy(indices.words.astype(np.int64))
        latent = torch.zeros(len(words), words.shape[2], self.dimension)
        for number, quantizer in enumerate(self.quantizers):
            mine = torch.from_numpy(indices.regime == number)
            latent[mine] = self.out_of(number, quantizer.decode(words[mine]))
        return latent

    @torch.no_grad()
    def encode(self, latent: Tensor) -> Indices:
        quantized = self(latent)
        return Indices(*(each.numpy().astype(np.uint16) for each in (quantized.regime, quantized.words)))

    def to_latent(self, sums: Tensor, regime: Tensor) -> Tensor:
        """The latents of sums of codewords [n, tokens, dimension], each in its ``regime`` [n]."""
        if self.centre is None or self.rotation is None:
            return sums
        return sums @ self.rotation.transpose(1, 2)[regime] + self.centre[regime][:, None]

    def into(self, regime: int, latent: Tensor) -> Tensor:
        if self.centre is None or self.rotation is None:
            return latent
        return (latent - self.centre[regime]) @ self.rotation[regime]

    def out_of(self, regime: int, rotated: Tensor) -> Tensor:
        if self.centre is None or self.rotation is None:
            return rotated
        return rotated @ self.rotation[regime].T + self.centre[regime]

    @property
    def _bits_of_lowest_rate(self) -> float:
        return float(self.stages_of_rate[0] * np.log2(self.codewords))
