"""What all layouts have in common: rates and stages for a budget, filters, estimated errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.contradictions import AUTO
from edgecodec.design.estimate import Estimator
from edgecodec.params import Band, DesignParams, OneTokenParams, OneTokenPins

CODEWORDS = (64, 128, 32, 256, 16)  # the first whose bits come nearest to those of the lowest rate
TAPS_PER_SAMPLE = (8, 6, 4)  # of a decimated sample: longer filters cut more steeply
DECIMATIONS = 2  # that are tried: the largest that leave enough samples


@dataclass(frozen=True, eq=False)
class Layout:
    """Sizes, and what is expected of them."""

    sizes: OneTokenParams
    errors: NDArray[np.float64]  # of every rate, in the unit of normalised windows

    @property
    def error(self) -> float:
        """Geometric mean over the rates."""
        return float(np.exp(np.log(self.errors).mean()))


def window_bits(design: DesignParams, seconds: float) -> tuple[float, ...]:
    """Bits per window of every rate, equally far apart."""
    per_window = 1.0 if design.bits_per == "window" else seconds
    rates = max(1, round(design.highest_bits / design.lowest_bits))
    return tuple(number * design.lowest_bits * per_window for number in range(1, rates + 1))


def quantizer_sizes(pins: OneTokenPins, bits: tuple[float, ...]) -> dict[str, Any]:
    """Codewords and stages, pinned or such that every rate has its ``bits``."""
    words = pins.codewords or min(
        CODEWORDS, key=lambda each: (round(abs(_stages(bits[0], each) * math.log2(each) / bits[0] - 1), 2),
                                     CODEWORDS.index(each)))
    rates = pins.rates or len(bits)
    stages = pins.stages_per_rate or _stages(bits[0], words)
    samples = pins.codeword_samples or 2 * max(1, round(math.log2(words) / 2))
    return {"codewords": words, "rates": rates, "stages_per_rate": stages, "codeword_samples": samples}


def _stages(bits: float, words: int) -> int:
    return max(1, round(bits / math.log2(words)))


def decimations(pins: OneTokenPins, samples: int, bins: int) -> Iterator[tuple[int, int]]:
    """Decimation and taps that leave at least ``bins`` samples of a window, an even number."""
    fitting = [each for each in range(1, samples + 1) if samples % (2 * each) == 0 and samples // each >= bins]
    chosen = [pins.decimation] if pins.decimation else fitting[-DECIMATIONS:]
    for decimation in chosen:
        if pins.filter_taps:
            yield decimation, pins.filter_taps
        elif decimation == 1:
            yield 1, 1
        else:
            yield from ((decimation, decimation * (each + (decimation * (each - 1)) % 2)) for each in TAPS_PER_SAMPLE)


@dataclass(frozen=True)
class KindDesign:
    """How codecs of one kind are designed.

    Args:
        layouts: that may suit the windows, with what is pinned, at the bits of every rate.
        macs: multiplications of the encoder's layers, by channels and samples of a window.
        regimes: the same layout with other numbers of regimes, if these are open.
        bands: which modes of which bins are sent.
        reasons: for what is particular to the kind, by setting.
    """

    layouts: Callable[[Estimator, Any, tuple[float, ...]], list[Layout]]
    macs: Callable[[Any, int, int], int]
    regimes: Callable[[Layout, Any], list[Layout]]
    bands: Callable[[Any], tuple[Band, ...]]
    reasons: Callable[[Any], dict[str, str]]


def pinned(pins: OneTokenPins) -> list[str]:
    """The sizes that params.yaml pins."""
    return [name for name, value in pins.model_dump().items()
            if value != AUTO and not (isinstance(value, dict) and AUTO in value.values())]
