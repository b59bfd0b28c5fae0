"""Codecs of every kind with random networks, small but for their windows."""

from pathlib import Path

import torch

from edgecodec.model.codec import Codec, codec_from_params
from edgecodec.model.kind import WindowFormat
from edgecodec.params import Params, load_params


def small_sizes(repository: Path) -> Params:
    """The project's, with few and small codebooks."""
    content = load_params(repository / "params.yaml").model_dump(by_alias=True)
    content["codecs"]["edge"].update(codewords=60, regimes=2, bands=[[1, 16, 5], [16, 45, 4], [45, 88, 1]])
    content["codecs"]["paper"].update(codewords=64)
    content["codecs"]["transform"].update(modes=5)
    return Params.model_validate(content)


def random_codec(params: Params, channels: int) -> Codec:
    """Random networks with codebooks that fit their latents."""
    torch.manual_seed(3)
    codec = codec_from_params(params, WindowFormat(tuple(f"S{i}" for i in range(channels)), 800, 100.0, 5.0))
    codec.offset.normal_()
    codec.scale.uniform_(1, 2)
    with torch.no_grad():
        latent = codec.encoder(torch.randn(300, channels, 800))
        codec.quantizer.initialize(latent, per_step=64)
        if codec.coded is not None:
            regimes = range(len(codec.quantizer.quantizers))
            codec.coded.fit([codec.quantizer.into(number, latent)[:, 0].numpy() for number in regimes],
                            codec.quantizer.choose(latent).numpy(), [1.0 for _ in regimes],
                            [90.0, 180.0, 270.0, 360.0])
    return codec.eval()
