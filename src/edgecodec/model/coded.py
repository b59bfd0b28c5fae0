"""A quantizer for packets of variable length: codewords that are near *and* cheap to send.

Fixed-length indices want codewords that are used equally often; an entropy coder wants the opposite. So coded packets
have codebooks of their own, on the same regimes: entropy-constrained vector quantization (Chou, Lookabaugh and Gray,
IEEE Trans. ASSP 37(1), 1989), stage after stage. A stage takes the codeword k with the least

    |residual - codeword_k|^2 + price * bits_k,        bits_k = -log2(how often k was chosen in training)

where the price of a bit is what a bit saves elsewhere at that rate: 2 ln 2 times the water level of the latents
(reverse water-filling), and a margin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import scipy.optimize
import torch
from torch import Tensor

from edgecodec.model.regimes import PacketQuantizer, RegimeQuantizer
from edgecodec.packets.entropy import PRECISION_BITS, EntropyTables, quantize_frequencies
from edgecodec.packets.indices import Indices
from edgecodec.packets.payloads import CodedPayloads

ITERATIONS = 12  # of the generalized Lloyd algorithm
LEAST_PRICE = -30  # its logarithm
MARGIN = 1.4  # small codebooks are no ideal quantizer: late bits save this much less than the water level says
UNSEEN = 0.3  # counts added to every codeword: what was never chosen must have a length, too


@dataclass(frozen=True, eq=False)
class CodedStage:
    """One codebook of one regime."""

    coordinates: Tensor  # [codeword samples]
    codewords: Tensor  # [codewords, codeword samples]
    frequencies: Tensor  # [codewords], of 4096
    price: float  # of a bit, in squared latent

    def choose(self, part: Tensor) -> Tensor:
        """The words [n] for the residuals ``part`` [n, codeword samples]."""
        bits = PRECISION_BITS - torch.log2(self.frequencies.float())
        cost = self.codewords.square().sum(dim=1) + self.price * bits  # [codewords]
        return (2 * part @ self.codewords.T - cost).argmax(dim=1)

    def take(self, residual: Tensor) -> Tensor:
        """Subtract from ``residual`` [n, dimension] the words [n] that are chosen for it."""
        word = self.choose(residual[:, self.coordinates])
        residual[:, self.coordinates] -= self.codewords[word]
        return word


def fit_stage(residual: Tensor, codewords: int, samples: int, price: float, generator: torch.Generator) -> CodedStage:
    """A codebook for the ``samples`` coordinates of ``residual`` [n, dimension] with the most energy.

    The first codeword starts at zero, so that a stage may leave the residual as it is at next to no cost.
    """
    where = residual.square().mean(dim=0).topk(samples).indices.sort().values
    points = residual[:, where]  # [n, samples]
    words = points[torch.randperm(len(points), generator=generator)[:codewords]].clone()
    words[0] = 0
    stage = CodedStage(where, words, _frequencies(torch.ones(codewords)), price)
    for _ in range(ITERATIONS):
        chosen = stage.choose(points)
        count = torch.bincount(chosen, minlength=codewords)
        total = torch.zeros_like(words).index_add_(0, chosen, points)
        fresh = points[torch.randint(len(points), (codewords,), generator=generator)]  # for words that nobody chose
        words = torch.where(count[:, None] > 0, total / count.clamp(min=1)[:, None], fresh)
        stage = CodedStage(where, words, _frequencies(count), price)
    return replace(stage, frequencies=_frequencies(torch.bincount(stage.choose(points), minlength=codewords)))


def _frequencies(count: Tensor) -> Tensor:
    return torch.from_numpy(quantize_frequencies(count.numpy() + UNSEEN).astype(np.int32))


@dataclass(frozen=True, eq=False)
class CodedStages:
    """The codebooks of one regime, in the order they are sent, for latents [n, 1, dimension] in its coordinates."""

    stages: tuple[CodedStage, ...]
    dimension: int

    def residual(self, latent: Tensor, stages: int) -> Tensor:
        """What the first ``stages`` stages leave."""
        residual = latent[:, 0].clone()
        for stage in self.stages[:stages]:
            stage.take(residual)
        return residual[:, None]

    def encode(self, latent: Tensor) -> Tensor:
        """The words [n, stages, 1]."""
        residual = latent[:, 0].clone()
        return torch.stack([stage.take(residual) for stage in self.stages], dim=1)[:, :, None]

    def decode(self, words: Tensor) -> Tensor:
        """The latents of ``words`` [n, stages sent, 1]."""
        latent = torch.zeros(len(words), self.dimension)
        for stage, word in zip(self.stages, words[:, :, 0].unbind(dim=1), strict=False):
            latent[:, stage.coordinates] += stage.codewords[word]
        return latent[:, None]


class CodedQuantizer(PacketQuantizer):
    """Entropy-constrained codebooks for every regime of ``shared``, in its coordinates."""

    coordinates: Tensor  # [regimes, stages, codeword samples]
    codewords: Tensor  # [regimes, stages, codewords, codeword samples]
    frequencies: Tensor  # [regimes, stages, codewords]
    prices: Tensor  # [regimes, stages]
    regime_frequencies: Tensor  # [regimes]

    def __init__(self, shared: RegimeQuantizer, codewords: int, codeword_samples: int,
                 stages_of_rate: tuple[int, ...]) -> None:
        super().__init__()
        self._shared = (shared,)  # in a tuple: no part of this module, whose state it would become
        self.dimension = shared.dimension
        self.stages_of_rate = stages_of_rate
        regimes = len(shared.regimes)
        stages = stages_of_rate[-1]
        self.register_buffer("coordinates", torch.zeros(regimes, stages, codeword_samples, dtype=torch.int64))
        self.register_buffer("codewords", torch.zeros(regimes, stages, codewords, codeword_samples))
        self.register_buffer("frequencies", _frequencies(torch.ones(codewords)).repeat(regimes, stages, 1))
        self.register_buffer("prices", torch.zeros(regimes, stages))
        self.register_buffer("regime_frequencies", _frequencies(torch.ones(regimes)))

    @property
    def quantizers(self) -> list[CodedStages]:
        """Of every regime."""
        return [CodedStages(tuple(CodedStage(*stage) for stage in zip(*of_regime, strict=True)), self.dimension)
                for of_regime in zip(self.coordinates, self.codewords, self.frequencies, self.prices.tolist(),
                                     strict=True)]

    def into(self, regime: int, latent: Tensor) -> Tensor:
        return self._shared[0].into(regime, latent)

    def out_of(self, regime: int, rotated: Tensor) -> Tensor:
        return self._shared[0].out_of(regime, rotated)

    def payloads(self, tokens: int) -> CodedPayloads:
        return CodedPayloads(self.stages_of_rate, self.tables)

    @property
    def tables(self) -> EntropyTables:
        """For the entropy coder."""
        words = self.frequencies.numpy().astype(np.uint16)
        return EntropyTables(self.regime_frequencies.numpy().astype(np.uint16), tuple(map(tuple, words)))

    @torch.no_grad()
    def fit(self, latents: list[Tensor], errors: list[float], bits_of_rate: list[float], seed: int,
            watch: Callable[[range], Iterable[int]] = iter) -> None:
        """Set everything from ``latents``, [n, dimension] of every regime.

        Args:
            errors: mean error of every regime's windows. Where errors are large anyway, a squared error adds less to
                the mean absolute error, so a bit must save more of it.
            bits_of_rate: mean bits that a window is meant to have, one per rate.
        """
        counts = torch.tensor([len(latent) for latent in latents])
        self.regime_frequencies.copy_(_frequencies(counts))
        variances = [torch.linalg.eigvalsh(torch.cov(latent.T)).clamp(min=0) for latent in latents]
        prices = [common_price(variances, counts / counts.sum(), errors, bits) for bits in bits_of_rate]
        for regime in watch(range(len(latents))):
            generator = torch.Generator().manual_seed(seed + regime)
            residual = latents[regime].clone()
            for number in range(self.stages_of_rate[-1]):
                rate = next(rate for rate, stages in enumerate(self.stages_of_rate) if number < stages)
                stage = fit_stage(residual, self.codewords.shape[2], self.codewords.shape[3],
                                  MARGIN * prices[rate] * errors[regime], generator)
                stage.take(residual)
                self.coordinates[regime, number] = stage.coordinates
                self.codewords[regime, number] = stage.codewords
                self.frequencies[regime, number] = stage.frequencies
                self.prices[regime, number] = stage.price

    @torch.no_grad()
    def encode(self, latent: Tensor) -> Indices:
        regime = self.choose(latent)
        words = torch.zeros(len(latent), self.stages_of_rate[-1], 1, dtype=torch.int64)
        for number, quantizer in enumerate(self.quantizers):
            mine = regime == number
            words[mine] = quantizer.encode(self.into(number, latent)[mine])
        return Indices(*(each.numpy().astype(np.uint16) for each in (regime, words)))


def common_price(variances: list[Tensor], shares: Tensor, errors: list[float], bits: float) -> float:
    """The price of a bit, per unit of error, at which windows have ``bits`` on average.

    A small latent may have no use for so many; then a bit costs next to nothing.

    Args:
        variances: of every regime's principal components.
        shares: of the windows in every regime.
        errors: by which each regime's price is multiplied.
    """
    def mean_bits(price: float) -> float:
        """At 2 ln 2 times the water level, a bit more or less changes the distortion by the price."""
        levels = [price * error / (2 * math.log(2)) for error in errors]
        return sum(float(share * torch.log2((variance / level).clamp(min=1)).sum() / 2)
                   for variance, level, share in zip(variances, levels, shares, strict=True))

    if mean_bits(math.exp(LEAST_PRICE)) < bits:
        return math.exp(LEAST_PRICE)
    return math.exp(scipy.optimize.brentq(lambda logarithm: mean_bits(math.exp(logarithm)) - bits, LEAST_PRICE, 30,
                                          xtol=1e-4))
