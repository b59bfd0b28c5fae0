"""The last step of a training: steps and tables for coded packets, from latents of the trained encoder."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from edgecodec.model.codec import Codec
from edgecodec.progress import progress


@torch.no_grad()
def fit_coded(codec: Codec, batches: Iterable[tuple[Tensor, Tensor]], worth: Tensor, power: int) -> None:
    """Fit ``codec.coded``.

    Args:
        batches: normalised windows and targets, [n, channels, samples] each.
        worth: [channels], how often a normalised error of one has what counts as one in the project's metric.
        power: of the error, in the metric.
    """
    codec.eval()
    quantizer, coded = codec.quantizer, codec.coded
    assert coded is not None, "codecs without coded packets have nothing to fit"
    latents, regimes, errors = [], [], []
    for inputs, targets in batches:
        latent = codec.encoder(inputs)  # [n, 1, dimension]
        rebuilt = codec.decoder(quantizer(latent).latent)
        latents.append(latent)
        regimes.append(quantizer.choose(latent))
        errors.append(((rebuilt - targets).abs() * worth[:, None]).mean(dim=(1, 2)))
    latent, regime, error = torch.cat(latents), torch.cat(regimes), torch.cat(errors)
    of_regime = [regime == number for number in range(len(quantizer.quantizers))]
    coded.fit(
        [quantizer.into(number, latent)[:, 0].numpy() for number in range(len(of_regime))], regime.numpy(),
        [float(error[mine].mean() / error.mean()) if power == 1 and bool(mine.any()) else 1.0
         for mine in of_regime],
        [float(codec.bits(rate)) for rate in codec.rates], lambda rounds: progress(rounds, "coded packets"))
