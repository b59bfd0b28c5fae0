"""A codec taken apart: its quantized latents, and what their entries stand for."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgecodec.model.codec import Codec

Floats = NDArray[np.float32]


@torch.no_grad()
def quantized_latents_of(codec: Codec, windows: Floats) -> dict[int, Tensor]:
    """Per rate, what arrives at the decoder: [n, tokens, dimension]."""
    indices = torch.from_numpy(codec.encode(windows).astype(np.int64))
    return {rate: codec.quantizer.decode(indices[:, :stages])
            for rate, stages in zip(codec.rates, codec.quantizer.stages_of_rate, strict=True)}
