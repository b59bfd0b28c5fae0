"""What a kind of codec is. Each model file describes its own; :mod:`edgecodec.model.kinds` lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from edgecodec.model.coded import CodedQuantizer
from edgecodec.model.regimes import RegimeQuantizer
from edgecodec.params import CodebookParams, CodecParams

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class WindowFormat:
    """What a window of a codec looks like."""

    channel_names: tuple[str, ...]
    samples: int
    sample_rate_hz: float
    lowpass_hz: float

    @property
    def channels(self) -> int:
        return len(self.channel_names)


@dataclass(frozen=True)
class Parts:
    """What a codec is made of; untrained."""

    encoder: nn.Module  # normalised window [n, channels, samples] to latent [n, tokens, dimension]
    decoder: nn.Module  # the way back
    quantizer: RegimeQuantizer
    tokens: int
    coded: CodedQuantizer | None = None  # for packets of variable length
    coefficient_groups: Mapping[str, slice] = field(default_factory=dict)  # what a flattened latent's entries stand for


@dataclass(frozen=True, eq=False)
class Watched:
    """What a monitor sees of n windows in an encoder (:mod:`edgecodec.packets.monitor`)."""

    decimated: Tensor  # [n, channels, samples]
    bins_energy: Tensor  # [n], of the cosine bins without that of the means
    coefficients: Tensor  # [n, coefficients], without their bias
    weight: Tensor  # [coefficients], of a coefficient's square in the energy that the latent keeps


@dataclass(frozen=True)
class Kind:
    """One kind of codec.

    Args:
        sizes: its section in ``params.codecs``.
        build: its parts, for windows of a format, by its sizes.
        start: sets encoder and decoder to a linear codec, from which training starts. It may draw normalised windows
            and targets, [n, channels, samples] each, to fit them to. Returns figures of the fit.
        watch: what a monitor sees of normalised windows [n, channels, samples]. None: the kind has no monitor.
    """

    sizes: type[CodecParams]
    build: Callable[[WindowFormat, Any, CodebookParams], Parts]
    start: Callable[[nn.Module, nn.Module, Callable[[], tuple[Floats, Floats]]], dict[str, float]]
    watch: Callable[[nn.Module, Tensor], Watched] | None = None
