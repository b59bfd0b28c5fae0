"""The four parts of the paper's loss (arXiv 2507.06040): absolute, squared, commitment, adversarial.

The paper measures a relative error but trains on sums over all samples, next to which its other parts are numerically
inert. In the loss that follows the project's metric the first part *is* the measure: per channel the mean error over
the mean magnitude, or the squared error over the variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgecodec.model.codec import Rebuilt
from edgecodec.params import LossParams

SMOOTH_BELOW = 0.02  # the public code's absolute part is squared for errors below it


@dataclass(frozen=True)
class LossParts:
    absolute: Tensor  # the measure, which averages squares where the project's metric does
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
        worth: [channels] how often an error of one normalised unit has what counts as one in the channel (by the metric
            relative its mean magnitude): means over windows, channels and samples. None: sums, as the paper's public
            code takes them.
        power: of the error, in the measure.
    """

    worth: Tensor | None
    power: Literal[1, 2] = 1

    def __call__(self, rebuilt: Rebuilt, targets: Tensor, discriminator: nn.Module | None) -> LossParts:
        adversarial = torch.zeros(())
        if discriminator is not None:
            logits = discriminator(rebuilt.windows)  # [n, 1]
            adversarial = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        error = rebuilt.windows - targets  # [n, channels, samples]
        if self.worth is None:
            absolute = F.smooth_l1_loss(error, torch.zeros_like(error), reduction="sum", beta=SMOOTH_BELOW)
            squared = error.square().sum()
        else:
            deviation = error.abs().mean(dim=(0, 2)) if self.power == 1 else error.square().mean(dim=(0, 2))
            absolute = (deviation * self.worth**self.power).mean()
            squared = error.square().mean()
        commitment = torch.zeros(()) if rebuilt.quantized is None else rebuilt.quantized.commitment
        return LossParts(absolute, squared, commitment, adversarial)


def discriminator_loss(discriminator: nn.Module, targets: Tensor, rebuilt: Tensor) -> Tensor:
    """Recorded windows should score high, rebuilt ones low."""
    real, fake = discriminator(targets), discriminator(rebuilt.detach())  # [n, 1] each
    return (F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
            + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)))
