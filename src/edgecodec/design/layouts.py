"""Layouts of both kinds of codec that may suit the windows, with their estimated errors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.contradictions import AUTO
from edgecodec.design.bands import coefficients_of, gains
from edgecodec.design.estimate import Estimator
from edgecodec.params import Band, DesignParams, EdgeParams, EdgePins, OneTokenPins, TransformParams, TransformPins

CODEWORDS = (64, 128, 32, 256, 16)  # the first whose bits come nearest to those of the lowest rate
COEFFICIENTS = (16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 192, 224, 256, 320)
STRUCTURED = (16, 32, 48, 64, 96, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512)
TAPS_PER_SAMPLE = (8, 6, 4)  # of a decimated sample: longer filters cut more steeply
DECIMATIONS = 2  # that are tried: the largest that leave enough samples
CODED_SHARE = 0.68  # of a coded index's bits, that an entropy coder leaves (metrics/rate_distortion.json)
CODED_CODEWORDS, CODED_SAMPLES = 32, 4
REFINER_CHANNELS = 32


@dataclass(frozen=True, eq=False)
class Layout:
    """Sizes, and what is expected of them."""

    sizes: EdgeParams | TransformParams
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
    coded_words = pins.coded.codewords or min(CODED_CODEWORDS, words)
    of_rate = pins.coded.stages_of_rate or tuple(
        max(rate, round(rate * stages * math.log2(words) / (CODED_SHARE * math.log2(coded_words))))
        for rate in range(1, rates + 1))
    return {"codewords": words, "rates": rates, "stages_per_rate": stages, "codeword_samples": samples,
            "coded": {"codewords": coded_words, "codeword_samples": pins.coded.codeword_samples or CODED_SAMPLES,
                      "stages_of_rate": of_rate}}


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


def edge_layouts(estimator: Estimator, pins: EdgePins, regimes: int, quantizer: Mapping[str, Any]) -> list[Layout]:
    """With every number of structured and of rotated coefficients, and every filter."""
    evidence = estimator.evidence
    found = []
    losses: dict[tuple[int, int, int], float] = {}
    for bands in [pins.bands] if pins.bands else gains(estimator).alternatives(list(STRUCTURED)):
        bins = pins.time_bins or max(2, bands[-1][1])
        if bands[-1][1] > bins:
            continue
        structured = coefficients_of(bands)
        counts = [pins.coefficients] if pins.coefficients else [
            count for count in (*COEFFICIENTS, structured) if count <= min(structured, COEFFICIENTS[-1])
            and evidence.channels + count >= max(quantizer["codeword_samples"], quantizer["coded"]["codeword_samples"])]
        for decimation, taps in decimations(pins, evidence.samples, bins):
            for count in dict.fromkeys(counts):
                sizes = EdgeParams(
                    **quantizer, regimes=regimes, time_bins=bins, bands=bands, coefficients=count,
                    decimation=decimation, filter_taps=taps,
                    refiner_channels=REFINER_CHANNELS if pins.refiner_channels is None else pins.refiner_channels)
                key = (decimation, taps, bins)
                if key not in losses:
                    losses[key] = evidence.bins_lost(sizes, bins)
                found.append(Layout(sizes, estimator.errors(bands, count, losses[key])))
    return found


def transform_layouts(estimator: Estimator, pins: TransformPins, quantizer: Mapping[str, Any]) -> list[Layout]:
    """With every number of spatial modes of what moves, the same in all bins."""
    evidence = estimator.evidence
    found = []
    most = evidence.bins - 1
    for bins in [pins.time_bins] if pins.time_bins else sorted(
            {max(2, 2 * round(share * most / 2)) for share in (0.5, 0.7, 0.85, 1.0)} & set(range(2, most + 1, 2))):
        for decimation, taps in decimations(pins, evidence.samples, 1 + bins):
            options = {2**power for power in range(7)} | {6, 12, 24}
            for modes in [pins.modes] if pins.modes else sorted(each for each in options if each <= evidence.channels
                                                                and each * bins <= STRUCTURED[-1] * 2):
                sizes = TransformParams(**quantizer, decimation=decimation, filter_taps=taps, modes=modes,
                                        time_bins=bins)
                band: tuple[Band, ...] = ((1, 1 + bins, modes),)
                found.append(Layout(sizes, estimator.errors(band, modes * bins,
                                                            evidence.bins_lost(sizes, 1 + bins))))
    return found


def pinned(pins: OneTokenPins) -> list[str]:
    """The sizes that params.yaml pins."""
    return [name for name, value in pins.model_dump().items()
            if value != AUTO and not (isinstance(value, dict) and AUTO in value.values())]
