"""The paper's networks: counted, and shaped, as published."""

import pytest
import torch

from edgecodec.model.paper import Discriminator, PaperDecoder, PaperEncoder, start_linear


def parameters(module: torch.nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def test_parameter_counts_are_the_live_ones_of_the_public_code() -> None:
    assert parameters(PaperEncoder(36, 9)) == 30_366
    assert parameters(PaperDecoder(36, 9, 800)) == 3_061_729
    assert parameters(Discriminator(36)) == 1_240_257


@pytest.mark.parametrize(("channels", "samples"), [(36, 800), (37, 800), (5, 400)])
def test_a_window_comes_back_in_its_shape(channels: int, samples: int) -> None:
    window = torch.randn(2, channels, samples)
    latent = PaperEncoder(channels, 9)(window)
    assert latent.shape == (2, 9, samples // 8)
    assert PaperDecoder(channels, 9, samples)(latent).shape == window.shape
    assert Discriminator(channels)(window).shape == (2, 1)


def test_a_linear_start_passes_windows_that_random_weights_lose() -> None:
    """How much of the difference between windows is left at the far end, before any training."""
    torch.manual_seed(0)
    window = torch.randn(16, 36, 1).expand(-1, -1, 800)
    encoder, decoder = PaperEncoder(36, 9), PaperDecoder(36, 9, 800).eval()
    with torch.no_grad():
        lost = decoder(encoder(window)).std(dim=0).mean()
        encoder.apply(start_linear)
        decoder.apply(start_linear)
        passed = decoder(encoder(window)).std(dim=0).mean()
    assert passed > 10 * lost
