"""The paper's networks: counted, and shaped, as published."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from edgecodec.model.codec import codec_from_params, load_model, save_model
from edgecodec.model.kind import WindowFormat
from edgecodec.model.paper import Discriminator, PaperDecoder, PaperEncoder, start_linear
from edgecodec.params import Params


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


def test_a_model_from_before_it_had_a_regime_loads(small_params: Params, tmp_path: Path) -> None:
    params = small_params.model_copy(update={"codec": "paper"})
    codec = codec_from_params(params, WindowFormat(tuple("ABCDE"), 800, 100.0, 5.0))
    save_model(codec, params, tmp_path)
    path = tmp_path / "model.safetensors"
    save_file({name.replace("quantizer.regimes.0.", "quantizer."): value for name, value in load_file(path).items()},
              path)
    assert "quantizer.coordinates" in load_file(path)
    loaded = load_model(tmp_path).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in codec.state_dict().items())
