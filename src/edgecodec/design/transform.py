"""Layouts of codec transform: as many modes in all bins."""

from __future__ import annotations

from edgecodec.design.estimate import Estimator
from edgecodec.design.layouts import KindDesign, Layout, decimations, quantizer_sizes
from edgecodec.params import Band, TransformParams, TransformPins

LARGEST = 1024  # coefficients


def layouts(estimator: Estimator, pins: TransformPins, bits: tuple[float, ...]) -> list[Layout]:
    """With every number of spatial modes of what moves, the same in all bins."""
    evidence, quantizer = estimator.evidence, quantizer_sizes(pins, bits)
    found = []
    most = evidence.bins - 1
    for bins in [pins.time_bins] if pins.time_bins else sorted(
            {max(2, 2 * round(share * most / 2)) for share in (0.5, 0.7, 0.85, 1.0)} & set(range(2, most + 1, 2))):
        for decimation, taps in decimations(pins, evidence.samples, 1 + bins):
            options = {2**power for power in range(7)} | {6, 12, 24}
            for modes in [pins.modes] if pins.modes else sorted(each for each in options if each <= evidence.channels
                                                                and each * bins <= LARGEST):
                sizes = TransformParams(**quantizer, decimation=decimation, filter_taps=taps, modes=modes,
                                        time_bins=bins)
                lost = estimator.lost(bands_of(sizes), evidence.missed(sizes))
                found.append(Layout(sizes, estimator.errors(bands_of(sizes), modes * bins, lost)))
    return found


def bands_of(sizes: TransformParams) -> tuple[Band, ...]:
    return ((1, 1 + sizes.time_bins, sizes.modes),)


def macs(sizes: TransformParams, channels: int, samples: int) -> int:
    decimated = samples // sizes.decimation
    return (channels * (decimated * (sizes.filter_taps + 1 + sizes.modes) + channels)
            + sizes.modes * decimated * sizes.time_bins)


KIND = KindDesign(layouts, macs, lambda layout, pins: [layout], bands_of,
                  lambda sizes: {"modes": "further ones are not worth their multiplications at the highest rate"})
