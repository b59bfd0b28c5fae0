"""Layouts of codec edge: bands, coefficients, regimes."""

from __future__ import annotations

from edgecodec.design.bands import coefficients_of, gains
from edgecodec.design.estimate import Estimator
from edgecodec.design.layouts import KindDesign, Layout, decimations, quantizer_sizes
from edgecodec.params import EdgeParams, EdgePins

COEFFICIENTS = (16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 192, 224, 256, 320)
STRUCTURED = (16, 32, 48, 64, 96, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512)
REGIMES = (4, 2, 1)  # that are tried where they are open
REFINER_CHANNELS = 32


def layouts(estimator: Estimator, pins: EdgePins, bits: tuple[float, ...]) -> list[Layout]:
    """With every number of structured and of rotated coefficients, and every filter."""
    evidence, quantizer = estimator.evidence, quantizer_sizes(pins, bits)
    regimes = pins.regimes or evidence.regimes
    found = []
    for bands in [pins.bands] if pins.bands else gains(estimator).alternatives(list(STRUCTURED)):
        bins = pins.time_bins or max(2, bands[-1][1])
        if bands[-1][1] > bins:
            continue
        structured = coefficients_of(bands)
        counts = [pins.coefficients] if pins.coefficients else [
            count for count in (*COEFFICIENTS, structured) if count <= min(structured, COEFFICIENTS[-1])
            and evidence.channels + count >= quantizer["codeword_samples"]]
        for decimation, taps in decimations(pins, evidence.samples, bins):
            for count in dict.fromkeys(counts):
                sizes = EdgeParams(
                    **quantizer, regimes=regimes, time_bins=bins, bands=bands, coefficients=count,
                    decimation=decimation, filter_taps=taps,
                    refiner_channels=REFINER_CHANNELS if pins.refiner_channels is None else pins.refiner_channels)
                lost = estimator.lost(bands, evidence.missed(sizes))
                found.append(Layout(sizes, estimator.errors(bands, count, lost)))
    return found


def macs(sizes: EdgeParams, channels: int, samples: int) -> int:
    decimated, structured = samples // sizes.decimation, coefficients_of(sizes.bands)
    return (channels * (decimated * (sizes.filter_taps + sizes.time_bins) + channels + structured)
            + structured * sizes.coefficients + sizes.regimes * (channels + sizes.coefficients)**2)


def of_regimes(layout: Layout, pins: EdgePins) -> list[Layout]:
    if pins.regimes is not None:
        return [layout]
    return [Layout(layout.sizes.model_copy(update={"regimes": each}), layout.errors) for each in REGIMES
            if layout.sizes.codewords % each == 0]


def reasons(sizes: EdgeParams) -> dict[str, str]:
    return {
        "regimes": f"of {', '.join(map(str, REGIMES))}, the least error on windows held out",
        "bands": f"{coefficients_of(sizes.bands)} modes of bins, with the most variance above the water level",
        "coefficients": "further ones are not worth their multiplications at the highest rate",
        "refiner_channels": "of the receiver alone",
    }


KIND = KindDesign(layouts, macs, of_regimes, lambda sizes: sizes.bands, reasons)
