"""The four parts of the paper's loss (arXiv 2507.06040): absolute, squared, commitment, adversarial.

The paper measures a relative error but trains on sums over all samples, next to which its other parts are numerically
inert. In the relative loss the absolute part *is* the measure: per channel the mean error over the mean magnitude.
"""

from __future__ import annotations

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


@dataclass(frozen=True, eq=False)
class CodecLoss:
    """Loss of rebuilt windows against normalised, low-passed targets.

    Args:
        relative: [channels] what an error of one normalised unit is worth in the channel's mean magnitude: means over
            windows, channels and samples. None: sums, as the paper's public code takes them.
    """

    relative: Tensor | None

    def __call__(self, rebuilt: Rebuilt, targets: Tensor, discriminator: nn.Module | None) -> LossParts:
        adversarial = torch.zeros(())
        if discriminator is not None:
            logits = discriminator(rebuilt.windows)  # [n, 1]
            adversarial = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        error = rebuilt.windows - targets  # [n, channels, samples]
        if self.relative is None:
            absolute = F.smooth_l1_loss(error, torch.zeros_like(error), reduction="sum", beta=SMOOTH_BELOW)
            squared = error.square().sum()
        else:
            absolute = (error.abs().mean(dim=(0, 2)) * self.relative).mean()
            squared = error.square().mean()
        commitment = torch.zeros(()) if rebuilt.quantized is None else rebuilt.quantized.commitment
        return LossParts(absolute, squared, commitment, adversarial)


def discriminator_loss(discriminator: nn.Module, targets: Tensor, rebuilt: Tensor) -> Tensor:
    """Recorded windows should score high, rebuilt ones low."""
    real, fake = discriminator(targets), discriminator(rebuilt.detach())  # [n, 1] each
    return (F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
            + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)))
