"""The four parts of the paper's loss (arXiv 2507.06040): absolute, squared, commitment, adversarial.

The paper measures a relative error but trains on sums over all samples, next to which its other parts are numerically
inert: :class:`SumLoss`. In :class:`RelativeLoss` the absolute part *is* the measure: per channel the mean error over
the mean magnitude.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgecodec.model.codec import Rebuilt
from edgecodec.params import LossParams

SMOOTH_BELOW = 0.02  # the public code's absolute part is squared for errors below it


@dataclass(frozen=True)
class LossParts:
    absolute: Tensor
    squared: Tensor
    commitment: Tensor  # mean squared distance of latent and codewords
    adversarial: Tensor  # how surely the discriminator calls the rebuilt windows rebuilt

    def total(self, weights: LossParams) -> Tensor:
        return (weights.absolute * self.absolute + weights.squared * self.squared
                + weights.commitment * self.commitment + weights.adversarial * self.adversarial)


class CodecLoss(nn.Module, ABC):
    """Loss of rebuilt windows against normalised, low-passed targets."""

    def forward(self, rebuilt: Rebuilt, targets: Tensor, discriminator: nn.Module | None) -> LossParts:
        adversarial = torch.zeros(())
        if discriminator is not None:
            logits = discriminator(rebuilt.windows)  # [n, 1]
            adversarial = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        error = rebuilt.windows - targets  # [n, channels, samples]
        return LossParts(
            absolute=self.absolute(error),
            squared=self.squared(error),
            commitment=torch.zeros(()) if rebuilt.quantized is None else rebuilt.quantized.commitment,
            adversarial=adversarial,
        )

    @abstractmethod
    def absolute(self, error: Tensor) -> Tensor:
        """The absolute part of ``error`` [n, channels, samples]."""

    @abstractmethod
    def squared(self, error: Tensor) -> Tensor:
        """The squared part of ``error`` [n, channels, samples]."""


class RelativeLoss(CodecLoss):
    """Mean over channels of (mean |error| / mean |target|), and the mean squared error.

    Args:
        relative: [channels] what an error of one normalised unit is worth in the channel's mean magnitude.
    """

    relative: Tensor

    def __init__(self, relative: Tensor) -> None:
        super().__init__()
        self.register_buffer("relative", relative)

    def absolute(self, error: Tensor) -> Tensor:
        return (error.abs().mean(dim=(0, 2)) * self.relative).mean()

    def squared(self, error: Tensor) -> Tensor:
        return error.square().mean()


class SumLoss(CodecLoss):
    """Sums over windows, channels and samples, as the paper's public code takes them."""

    def absolute(self, error: Tensor) -> Tensor:
        return F.smooth_l1_loss(error, torch.zeros_like(error), reduction="sum", beta=SMOOTH_BELOW)

    def squared(self, error: Tensor) -> Tensor:
        return error.square().sum()


def discriminator_loss(discriminator: nn.Module, targets: Tensor, rebuilt: Tensor) -> Tensor:
    """Recorded windows should score high, rebuilt ones low."""
    real, fake = discriminator(targets), discriminator(rebuilt.detach())  # [n, 1] each
    return (F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
            + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)))
