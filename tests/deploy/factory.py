"""Small random codecs of both kinds, as the exporter would hand them over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from packets.entropy_tables import random_table

from edgecodec.deploy.oracle import dot
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import Estimate, Monitor
from edgecodec.packets.network import (
    AnyQuantizer,
    Arithmetic,
    Convolution,
    ExportedCodec,
    Filter,
    Half,
    Layer,
    Normalize,
    Quantizer,
    ScalarQuantizer,
    Single,
    Stage,
    Transpose,
    View,
)
from edgecodec.packets.scalar import SHIFTS, Scalars, costs_of

L1_STACK_BYTES = 9216


def even(count: int) -> int:
    return count + count % 2


@dataclass(frozen=True)
class Sizes:
    """What a random codec varies in."""

    seed: int = 0
    channels: int = 5
    samples: int = 48
    width: int = 6  # of the paper's first layer; modes of the edge codec's bands
    taps: int = 5
    stride: int = 2
    dilation: int = 3
    codewords: int = 20
    stages_per_rate: int = 1
    rates: int = 3
    regimes: int = 1
    coded_classes: int = 0  # of codec edge's coded packets; 0: it has none
    arithmetic: Arithmetic = "dotpex"
    monitored: bool = False  # codec edge


# Of every kind of layer more than any tile has, and less; both arithmetics.
RANDOM_SIZES = st.builds(
    Sizes, seed=st.integers(0, 2**32 - 1), channels=st.integers(1, 48), samples=st.integers(8, 60),
    width=st.integers(1, 12), taps=st.integers(1, 9), stride=st.integers(1, 8), dilation=st.integers(1, 9),
    codewords=st.integers(2, 300), stages_per_rate=st.integers(1, 3), regimes=st.integers(1, 5),
    coded_classes=st.sampled_from([0, 2, 300]), arithmetic=st.sampled_from(get_args(Arithmetic)),
    monitored=st.booleans())


class Drawer:
    """Draws layers with values of a size that keeps activations near one."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def half(self, *shape: int, scale: float = 1.0) -> Half:
        return (self.generator.standard_normal(shape) * scale).astype(np.float16)

    def scaling(self, channels: int) -> dict[str, Single]:
        return {"offset": self.generator.standard_normal(channels).astype(np.float32),
                "scale": self.generator.uniform(0.5, 1.5, channels).astype(np.float32)}

    def normalize(self, channels: int, output: View) -> Normalize:
        return Normalize("normalize", output, **self.scaling(channels))

    def filter(self, channels: int, output: View, taps: int, stride: int, samples: int) -> Filter:
        return Filter("decimate", output, samples, **self.scaling(channels), stride=stride,
                      weight=self.half(channels, taps, scale=taps**-0.5), pad_left=(taps - stride) // 2)

    def convolution(self, name: str, source: View, target: View, taps: int, **fields: object) -> Convolution:
        bias = (0.1 * self.generator.standard_normal(target.channels)).astype(np.float32)
        weight = self.half(target.channels, taps, source.channels, scale=(taps * source.channels) ** -0.5)
        return Convolution(name, source, target, weight, bias, **fields)  # type: ignore[arg-type]

    def stage(self, regimes: int, codewords: int, samples: int, dimension: int) -> Stage:
        """On coordinates of its own in every regime, unless a codeword is a whole token."""
        books = self.half(regimes, codewords, samples, scale=0.5)
        books[:, -1] = books[:, 0]  # a tie, which the lower index must win
        coordinates = None if samples == dimension else np.stack([
            self.generator.choice(dimension, samples, replace=False).astype(np.uint16) for _ in range(regimes)])
        return Stage(books, dot(books, books), coordinates)


def same_padding(taps: int, dilation: int) -> int:
    return dilation * (taps - 1) // 2


def paper_like(sizes: Sizes) -> ExportedCodec:
    """Convolutions with a residual unit and PReLUs, time-major, then tokens of whole latent rows."""
    draw = Drawer(sizes.seed)
    width, rows = even(sizes.width), sizes.samples
    short, tokens = even(-(-rows // sizes.stride)), 3
    window = View("a", rows, even(sizes.channels))
    wide_a, wide_b = View("a", rows, width), View("b", rows, width)
    narrow, latent = View("narrow", short, 4), View("latent", 4, short)
    layers: tuple[Layer, ...] = (
        draw.normalize(sizes.channels, window),
        draw.convolution("first", window, wide_b, sizes.taps, pad_left=same_padding(sizes.taps, 1), slope=0.25),
        draw.convolution("unit_wide", wide_b, wide_a, sizes.taps, dilation=sizes.dilation, slope=-0.125,
                         pad_left=same_padding(sizes.taps, sizes.dilation)),
        draw.convolution("unit_narrow", wide_a, wide_b, 1, residual=wide_b, slope=0.1),
        draw.convolution("down", wide_b, narrow, 2 * sizes.stride, stride=sizes.stride,
                         pad_left=same_padding(2 * sizes.stride, 1)),
        Transpose("to_tokens", narrow, latent),
    )
    if sizes.regimes > 1:
        source, latent = View("latent", tokens, short), View("regimes", sizes.regimes * tokens, short)
        layers += tuple(draw.convolution(f"regime{regime}", source,
                                         View("regimes", tokens, short, regime * tokens * short), 1)
                        for regime in range(sizes.regimes))
    return _codec("paper", sizes, layers, _quantizer(draw, sizes, latent, tokens, short))


def edge_like(sizes: Sizes) -> ExportedCodec:
    """Decimate, transform over time, then by bands over channels, rotate: a window is one token."""
    draw = Drawer(sizes.seed)
    channels, taps = even(sizes.channels), even(sizes.taps + sizes.stride)
    decimated = -(-sizes.samples // sizes.stride)
    short = even(decimated)
    bins, modes, coefficients = 6, even(sizes.width), 8
    by_channel, spectrum = View("by_channel", channels, short), View("spectrum", channels, bins)
    by_bin = View("by_bin", bins, channels)
    latent = View("latent", 1, channels + coefficients)
    structured = View("structured", 1, (bins - 2) * modes + 2 * 2)
    layers: tuple[Layer, ...] = (
        draw.filter(sizes.channels, by_channel, taps, sizes.stride, decimated),
        draw.convolution("time_transform", by_channel, spectrum, 1),
        Transpose("to_bins", spectrum, by_bin),
        draw.convolution("means", View("by_bin", 1, channels), View("latent", 1, channels), 1),
        draw.convolution("low_band", View("by_bin", bins - 2, channels), View("structured", bins - 2, modes), 1),
        draw.convolution("high_band", View("by_bin", 2, channels, (bins - 2) * channels),
                         View("structured", 2, 2, (bins - 2) * modes), 1),
        draw.convolution("rotation", structured, View("latent", 1, coefficients, channels), 1),
    )
    if sizes.regimes > 1:
        dense = draw.convolution("regimes", latent, View("regimes", 1, sizes.regimes * latent.channels), 1)
        layers, latent = (*layers, dense), View("regimes", sizes.regimes, latent.channels)
    codec = _codec("edge", sizes, layers, _quantizer(draw, sizes, latent, 1, 4))
    if sizes.coded_classes:
        codec = replace(codec, quantizers={**codec.quantizers, PacketKind.CODED: _coded(draw, sizes, latent)})
    if not sizes.monitored or decimated < 2:  # samples that a monitor could look at
        return codec
    monitor = _monitor(draw, sizes, by_channel, View("by_bin", bins - 1, channels, channels),
                       View("latent", 1, coefficients, channels), spectrum, decimated)
    return replace(codec, monitor=monitor, quantizers={
        kind: replace(quantizer, estimate=_estimate(draw, sizes)) for kind, quantizer in codec.quantizers.items()})


def _monitor(draw: Drawer, sizes: Sizes, channels: View, bins: View, coefficients: View, spectrum: View,
             samples: int) -> Monitor:
    """Now and then a channel of random windows is called faulty."""
    def positive(*shape: int, scale: float = 1.0) -> Single:
        return (scale * draw.generator.uniform(0.5, 1.5, shape)).astype(np.float32)

    count = sizes.channels
    regression = (draw.generator.standard_normal((count, count)) / max(1, count)).astype(np.float32)
    np.fill_diagonal(regression, 0)
    return Monitor(
        channels, bins, coefficients, spectrum, inside=(samples // 16 * 2, samples // 2 * 2),
        central=(samples // 8 * 2, samples // 2 * 2),
        most_faulty=max(1, count // 4), limits=np.array([3, 1.125], np.float32),
        lowest=-positive(count, scale=9), highest=positive(count, scale=9),
        largest_step=positive(count, scale=12), largest_drift=positive(count, scale=40),
        smallest_span=positive(count, scale=0.02), gain=positive(count),
        origin=draw.generator.standard_normal(count).astype(np.float16).astype(np.float32),
        inverse_power=positive(count),
        share=positive(count, scale=60), regression=regression,
        centre=(0.1 * draw.generator.standard_normal(coefficients.channels)).astype(np.float32),
        weight=positive(coefficients.channels, scale=0.2))


def _estimate(draw: Drawer, sizes: Sizes) -> Estimate:
    return Estimate(draw.generator.uniform(0.001, 0.01, (sizes.rates, 3)).astype(np.float32),
                    draw.generator.uniform(50, 150, sizes.rates).astype(np.float32),
                    draw.generator.uniform(0.01, 0.1, (sizes.regimes, 2)).astype(np.float32))


def random_windows(codec: ExportedCodec, count: int, seed: int = 0) -> NDArray[np.float32]:
    """float32 [count, samples, channels]"""
    generator = np.random.default_rng(seed)
    return generator.standard_normal((count, codec.samples, codec.channels)).astype(np.float32)


def random_words(generator: np.random.Generator, quantizer: AnyQuantizer, rate: int, regime: int) -> NDArray[np.uint16]:
    """[stages, tokens] that a window of ``regime`` may have at ``rate``."""
    if isinstance(quantizer, ScalarQuantizer):
        scalars = quantizer.scalars
        return generator.integers(0, 2 * scalars.reach[scalars.classes[:rate, regime]] + 1).astype(np.uint16)
    counts = [stage.codewords.shape[1] for stage in quantizer.stages[: quantizer.stages_of_rate[rate - 1]]]
    return np.array([generator.integers(0, count, quantizer.tokens) for count in counts], np.uint16)


def with_layer(codec: ExportedCodec, name: str, /, **changes: object) -> ExportedCodec:
    """``codec`` with the fields of one layer replaced."""
    return replace(codec, layers=tuple(
        replace(layer, **changes) if layer.name == name else layer for layer in codec.layers))  # type: ignore[arg-type]


def with_quantizer(codec: ExportedCodec, /, kind: PacketKind = PacketKind.FIXED_LENGTH,
                   **changes: object) -> ExportedCodec:
    """``codec`` with fields of the quantizer for packets of ``kind`` replaced."""
    changed = replace(codec.quantizers[kind], **changes)  # type: ignore[arg-type]
    return replace(codec, quantizers={**codec.quantizers, kind: changed})


def _quantizer(draw: Drawer, sizes: Sizes, latent: View, tokens: int, codeword_samples: int) -> Quantizer:
    stages_of_rate = tuple(sizes.stages_per_rate * rate for rate in range(1, sizes.rates + 1))
    stages = tuple(draw.stage(sizes.regimes, sizes.codewords + number, codeword_samples, latent.channels)
                   for number in range(stages_of_rate[-1]))
    return Quantizer(latent, tokens, sizes.regimes, stages, stages_of_rate)


def _coded(draw: Drawer, sizes: Sizes, latent: View) -> ScalarQuantizer:
    """Of class 0 nothing is sent; the others have up to 12 words on either side."""
    rates, regimes, classes, uniform = sizes.rates, sizes.regimes, sizes.coded_classes, draw.generator.uniform
    reach = np.array([0, *(1 + np.arange(classes - 1) % 12)], np.uint16)  # no value: it is in the program
    fine_bits = np.where(reach > 3, reach % 3, 0).astype(np.uint16)
    frequencies = np.concatenate([random_table(draw.generator, (2 * int(each) >> int(bits)) + 1)
                                  for each, bits in zip(reach, fine_bits, strict=True)])
    steps = np.tile(uniform(0.2, 1.0, (rates, 1)).astype(np.float32), regimes)
    of_regimes = random_table(draw.generator, regimes)
    zero = uniform(0.5, 0.8, classes).astype(np.float32)
    zero[0] = np.finfo(np.float32).max
    return ScalarQuantizer(latent, Scalars(
        steps, (1 / steps).astype(np.float32), np.array([1800], np.float32),
        draw.generator.integers(0, classes, (rates, regimes, latent.channels)).astype(np.uint16), zero,
        uniform(0.2, 0.5, classes).astype(np.float32), uniform(-0.1, 0.1, (classes, SHIFTS)).astype(np.float32), reach,
        fine_bits, frequencies, costs_of(frequencies), of_regimes, costs_of(of_regimes)))


def _codec(kind: str, sizes: Sizes, layers: tuple[Layer, ...], quantizer: Quantizer) -> ExportedCodec:
    names = tuple(f"P{number + 1:02d}" for number in range(sizes.channels))
    return ExportedCodec(kind, sizes.channels, sizes.samples, 100.0, names, layers,
                         {PacketKind.FIXED_LENGTH: quantizer}, sizes.arithmetic)
