"""The last step of a training: codebooks and tables for coded packets, from latents of the trained encoder."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import Codec
from edgecodec.progress import progress


@torch.no_grad()
def fit_coded(codec: Codec, batches: Iterable[tuple[Tensor, Tensor]], worth: Tensor, power: int, seed: int) -> None:
    """Fit ``codec.coded``.

    Args:
        batches: normalised windows and targets, [n, channels, samples] each.
        worth: [channels], how often a normalised error of one has what counts as one in the project's metric.
        power: of the error, in the metric.

    Raises:
        EdgeCodecError: a regime has fewer windows than coded codewords.
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
        errors.append((((rebuilt - targets).abs() * worth[:, None]) ** power).mean(dim=(1, 2)))
    latent, regime, error = torch.cat(latents), torch.cat(regimes), torch.cat(errors)
    of_regime = [regime == number for number in range(len(quantizer.quantizers))]
    fewest = min(int(mine.sum()) for mine in of_regime)
    if fewest < (words := coded.codewords.shape[2]):
        raise EdgeCodecError(f"params.yaml: codecs.{codec.name}: of {len(latent)} training windows one of "
                             f"{len(of_regime)} regimes is left with {fewest}, too few for {words} coded.codewords; "
                             f"take fewer regimes or more train.{codec.name}.codebook_windows")
    coded.fit(
        [quantizer.into(number, latent[mine])[:, 0] for number, mine in enumerate(of_regime)],
        [float(error[mine].mean() / error.mean()) for mine in of_regime],
        [float(codec.bits(rate)) for rate in codec.rates], seed,
        lambda numbers: progress(numbers, "coded packets"),
    )
