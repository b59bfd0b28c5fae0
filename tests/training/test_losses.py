"""The loss is what is measured, or the sum that the paper's public code takes."""

import pytest
import torch

from edgecodec.model.codec import Rebuilt
from edgecodec.training.losses import CodecLoss, LossParts

MAGNITUDE = torch.tensor([2.0, 8.0])


def parts(loss: CodecLoss, windows: int) -> LossParts:
    """Of windows that are 0.5 off everywhere."""
    targets = MAGNITUDE[:, None].expand(windows, 2, 100)
    return loss(Rebuilt(targets + 0.5, None), targets, None)


@pytest.mark.parametrize("windows", [1, 3])
def test_the_relative_loss_is_a_share_of_each_channels_magnitude(windows: int) -> None:
    found = parts(CodecLoss(1 / MAGNITUDE), windows)
    assert found.absolute.item() == pytest.approx((0.5 / 2 + 0.5 / 8) / 2)
    assert found.squared.item() == pytest.approx(0.25)


@pytest.mark.parametrize("windows", [1, 3])
def test_the_squared_loss_is_a_share_of_each_channels_variance(windows: int) -> None:
    found = parts(CodecLoss(1 / MAGNITUDE, power=2), windows)
    assert found.absolute.item() == pytest.approx((0.25 / 4 + 0.25 / 64) / 2)


@pytest.mark.parametrize("windows", [1, 3])
def test_sums_grow_with_the_batch(windows: int) -> None:
    found = parts(CodecLoss(None), windows)
    assert found.absolute.item() == pytest.approx(windows * 2 * 100 * (0.5 - 0.02 / 2))
    assert found.squared.item() == pytest.approx(windows * 2 * 100 * 0.25)
