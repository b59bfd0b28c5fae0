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
from torch import Tensor, nn

from edgecodec.packets.entropy import PRECISION_BITS, EntropyTables, quantize_frequencies

ITERATIONS = 12  # of the generalized Lloyd algorithm
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
        """The indices [n] of the residuals ``part`` [n, codeword samples]."""
        bits = PRECISION_BITS - torch.log2(self.frequencies.float())
        cost = self.codewords.square().sum(dim=1) + self.price * bits  # [codewords]
        return (2 * part @ self.codewords.T - cost).argmax(dim=1)


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
        index = stage.choose(points)
        count = torch.bincount(index, minlength=codewords)
        total = torch.zeros_like(words).index_add_(0, index, points)
        fresh = points[torch.randint(len(points), (codewords,), generator=generator)]  # for words that nobody chose
        words = torch.where(count[:, None] > 0, total / count.clamp(min=1)[:, None], fresh)
        stage = CodedStage(where, words, _frequencies(count), price)
    return replace(stage, frequencies=_frequencies(torch.bincount(stage.choose(points), minlength=codewords)))


def _frequencies(count: Tensor) -> Tensor:
    return torch.from_numpy(quantize_frequencies(count.numpy() + UNSEEN).astype(np.int32))


@dataclass(frozen=True, eq=False)
class _Run:
    """What some stages find, and what they leave."""

    indices: Tensor  # [n, stages]
    residual: Tensor  # [n, dimension]


class CodedQuantizer(nn.Module):
    """Entropy-constrained codebooks for every regime; rate r sends the first ``stages_of_rate[r - 1]`` stages.

    Latents are in their regime's coordinates (:class:`~edgecodec.model.regimes.RegimeQuantizer` rotates them there).
    As there, a window's regime is the one whose stages of the lowest rate leave the least: here, of these codebooks.
    """

    coordinates: Tensor  # [regimes, stages, codeword samples]
    codewords: Tensor  # [regimes, stages, codewords, codeword samples]
    frequencies: Tensor  # [regimes, stages, codewords]
    prices: Tensor  # [regimes, stages]
    regime_frequencies: Tensor  # [regimes]

    def __init__(self, regimes: int, dimension: int, codewords: int, codeword_samples: int,
                 stages_of_rate: tuple[int, ...]) -> None:
        super().__init__()
        self.dimension = dimension
        self.stages_of_rate = stages_of_rate
        stages = stages_of_rate[-1]
        self.register_buffer("coordinates", torch.zeros(regimes, stages, codeword_samples, dtype=torch.int64))
        self.register_buffer("codewords", torch.zeros(regimes, stages, codewords, codeword_samples))
        self.register_buffer("frequencies", _frequencies(torch.ones(codewords)).repeat(regimes, stages, 1))
        self.register_buffer("prices", torch.zeros(regimes, stages))
        self.register_buffer("regime_frequencies", _frequencies(torch.ones(regimes)))

    def stages(self, regime: int) -> list[CodedStage]:
        """In the order they are sent."""
        return [CodedStage(*stage) for stage in zip(
            self.coordinates[regime], self.codewords[regime], self.frequencies[regime], self.prices[regime].tolist(),
            strict=True)]

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
                residual[:, stage.coordinates] -= stage.codewords[stage.choose(residual[:, stage.coordinates])]
                self.coordinates[regime, number] = stage.coordinates
                self.codewords[regime, number] = stage.codewords
                self.frequencies[regime, number] = stage.frequencies
                self.prices[regime, number] = stage.price

    def choose(self, latents: list[Tensor]) -> Tensor:
        """The regime [n] of windows with the latents [n, dimension] in the coordinates of every regime."""
        contested = self.stages_of_rate[0]
        return torch.stack([self._run(self.stages(regime)[:contested], latent).residual.square().sum(dim=1)
                            for regime, latent in enumerate(latents)]).argmin(dim=0)

    def encode(self, latent: Tensor, regime: int) -> Tensor:
        """Indices [n, stages] of ``latent`` [n, dimension] of ``regime``."""
        return self._run(self.stages(regime), latent).indices

    @staticmethod
    def _run(stages: list[CodedStage], latent: Tensor) -> _Run:
        residual = latent.clone()
        indices = []
        for stage in stages:
            index = stage.choose(residual[:, stage.coordinates])
            residual[:, stage.coordinates] -= stage.codewords[index]
            indices.append(index)
        return _Run(torch.stack(indices, dim=1), residual)

    def decode(self, indices: Tensor, regime: int) -> Tensor:
        """The latents [n, dimension] of ``indices`` [n, stages sent] of ``regime``."""
        latent = torch.zeros(len(indices), self.dimension)
        for stage, index in zip(self.stages(regime), indices.unbind(dim=1), strict=False):
            latent[:, stage.coordinates] += stage.codewords[index]
        return latent


def common_price(variances: list[Tensor], shares: Tensor, errors: list[float], bits: float) -> float:
    """The price of a bit, per unit of error, at which windows have ``bits`` on average.

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

    return math.exp(scipy.optimize.brentq(lambda logarithm: mean_bits(math.exp(logarithm)) - bits, -30, 30, xtol=1e-4))
