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
    indices = codec.encode(windows)
    return {rate: codec.quantized_latents(indices, rate) for rate in codec.rates}
