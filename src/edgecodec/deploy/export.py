"""From a trained torch codec to the exported codec: float16 weights, views on buffers, padding to even channels.

The only file of ``deploy`` that knows torch. Each kind of encoder has one function that lists its layers in the order
in which the firmware runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from edgecodec.deploy.oracle import dot
from edgecodec.errors import EdgeCodecError
from edgecodec.model.calibration import Calibration
from edgecodec.model.codec import Codec
from edgecodec.model.coded import CodedQuantizer
from edgecodec.model.edge import EdgeEncoder
from edgecodec.model.paper import PaperEncoder, SameConv
from edgecodec.model.regimes import RegimeQuantizer
from edgecodec.model.transform import TransformEncoder
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import Monitor
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


def even(count: int) -> int:
    return count + count % 2


def export_codec(codec: Codec, arithmetic: Arithmetic = "dotpex",
                 calibration: Calibration | None = None) -> ExportedCodec:
    """Round ``codec`` to float16 and lay it out for a target of the given ``arithmetic``.

    With a ``calibration``, the node makes remarks.

    Raises:
        EdgeCodecError: a weight is NaN or Inf or does not fit float16; the text names the layer.
    """
    window = codec.window
    layers, latent = LAYERS[codec.name](codec)
    quantizers: dict[PacketKind, AnyQuantizer] = {PacketKind.FIXED_LENGTH: _quantizer(codec, latent)}
    if codec.coded is not None:
        quantizers[PacketKind.CODED] = _coded(codec.coded, latent)
    if calibration is not None:
        quantizers = {kind: replace(quantizer, estimate=calibration.estimates[kind])
                      for kind, quantizer in quantizers.items()}
    return ExportedCodec(
        codec=codec.name, channels=window.channels, samples=window.samples, sample_rate_hz=window.sample_rate_hz,
        channel_names=window.channel_names, layers=tuple(layers), quantizers=quantizers, arithmetic=arithmetic,
        monitor=None if calibration is None else _monitor(codec, layers, calibration),
    )


@dataclass
class LayerList:
    """Layers so far, and the names that they were given."""

    layers: list[Layer] = field(default_factory=list)

    def convolution(self, name: str, source: View, output: View, weight: Tensor, bias: Tensor | None,
                    **settings: Any) -> View:
        """Append a convolution of torch's ``weight`` [outputs, inputs, taps], padded to the views' channels."""
        taps_first = _half(name, weight.transpose(1, 2))  # [outputs, taps, inputs]
        padded = np.zeros((output.channels, taps_first.shape[1], source.channels), np.float16)
        padded[: taps_first.shape[0], :, : taps_first.shape[2]] = taps_first
        self.layers.append(Convolution(name, source, output, padded, _bias(name, bias, output.channels), **settings))
        return output

    def same_convolution(self, name: str, source: View, output: View, layer: SameConv,
                         activation: nn.PReLU | None = None, residual: View | None = None) -> View:
        return self.convolution(
            name, source, output, layer.weight, layer.bias, stride=layer.stride[0], dilation=layer.dilation[0],
            pad_left=layer.pad_left, slope=None if activation is None else float(activation.weight.item()),
            residual=residual)

    def decimate(self, codec: Codec, layer: nn.Conv1d, rows: int) -> View:
        """The first layer of codecs of one token: a filter per channel, from windows to ``rows`` samples."""
        by_channel = View("by_channel", even(codec.window.channels), even(rows))
        self.layers.append(Filter(
            "decimate", by_channel, rows, codec.offset.numpy().copy(), codec.scale.numpy().copy(),
            _half("decimate", _even(layer.weight[:, 0])), layer.stride[0], cast(int, layer.padding[0])))
        return by_channel

    def linear(self, name: str, source: View, output: View, layer: nn.Module) -> View:
        """A linear layer over the channels of every row: a convolution of one tap."""
        parameters = dict(layer.named_parameters())
        return self.convolution(name, source, output, parameters["weight"][:, :, None], parameters.get("bias"))

    def transpose(self, name: str, source: View, output: View) -> View:
        self.layers.append(Transpose(name, source, output))
        return output


def _paper_layers(codec: Codec) -> tuple[list[Layer], View]:
    """Two buffers take turns; a residual unit adds into the very view that it read."""
    network, encoder = LayerList(), cast(PaperEncoder, codec.encoder)
    samples = codec.window.samples
    x = View("a", samples, even(codec.window.channels))
    network.layers.append(Normalize("normalize", x, codec.offset.numpy().copy(), codec.scale.numpy().copy()))
    x = network.same_convolution("first", x, View("b", samples, even(encoder.first.out_channels)), encoder.first,
                                 encoder.first_activation)
    for number, module in enumerate(encoder.blocks, 1):
        block = cast(Any, module)
        other = "a" if x.buffer == "b" else "b"
        wide = network.same_convolution(f"block{number}_wide", x, View(other, x.rows, x.channels), block.unit.wide,
                                        block.unit.activation)
        network.same_convolution(f"block{number}_narrow", wide, x, block.unit.narrow, block.unit_activation,
                                 residual=x)
        down = View(other, x.rows // block.down.stride[0], even(block.down.out_channels))
        x = network.same_convolution(f"block{number}_down", x, down, block.down, block.down_activation)
    other = "a" if x.buffer == "b" else "b"
    last = network.same_convolution("last", x, View(other, x.rows, even(encoder.latent_channels)), encoder.last)
    latent = network.transpose("tokens", last, View("latent", last.channels, even(last.rows)))
    return network.layers, latent


def _edge_layers(codec: Codec) -> tuple[list[Layer], View]:
    network, encoder = LayerList(), cast(EdgeEncoder, codec.encoder)
    channels = even(codec.window.channels)
    by_channel = network.decimate(codec, encoder.decimate, encoder.time_transform.in_features)
    count = encoder.time_transform.out_features
    bins = network.linear("time_transform", by_channel, View("bins", channels, even(count)), encoder.time_transform)
    network.transpose("by_bin", bins, View("by_bin", even(count), channels))

    means, coefficients = even(encoder.mean_transform.out_features), even(encoder.rotation.out_features)
    network.linear("mean_transform", View("by_bin", 1, channels), View("latent", 1, means), encoder.mean_transform)
    start = 0
    for number, ((first, end), transform) in enumerate(zip(encoder.bands, encoder.band_transforms, strict=True), 1):
        modes = even(cast(nn.Linear, transform).out_features)
        network.linear(f"band{number}_transform", View("by_bin", end - first, channels, first * channels),
                       View("modes", end - first, modes, start), transform)
        start += modes * (end - first)
    network.convolution("rotation", View("modes", 1, start), View("latent", 1, coefficients, means),
                        _rotation_of_padded_modes(encoder)[:, :, None], encoder.rotation.bias)
    regimes, latent = _regimes(encoder, codec.quantizer, View("latent", 1, means + coefficients))
    return [*network.layers, regimes], latent


def _transform_layers(codec: Codec) -> tuple[list[Layer], View]:
    """The time transform and that of the means write the latent, one behind the other."""
    network, encoder = LayerList(), cast(TransformEncoder, codec.encoder)
    channels, rows = even(codec.window.channels), even(encoder.time_transform.in_features)
    modes, bins = encoder.spatial_transform.out_features, encoder.time_transform.out_features
    by_channel = network.decimate(codec, encoder.decimate, encoder.time_transform.in_features)
    mean_bin = network.linear("mean_bin", by_channel, View("mean_bin", channels, even(1)), encoder.mean_bin)
    network.transpose("means", mean_bin, View("means", even(1), channels))
    network.linear("mean_transform", View("means", 1, channels), View("latent", 1, channels, modes * bins),
                   encoder.mean_transform)
    by_time = network.transpose("by_time", by_channel, View("by_time", rows, channels))
    of_modes = network.linear("spatial_transform", by_time, View("modes", rows, even(modes)),
                              encoder.spatial_transform)
    network.transpose("by_mode", of_modes, View("by_mode", even(modes), rows))
    network.linear("time_transform", View("by_mode", modes, rows), View("latent", modes, bins), encoder.time_transform)
    return network.layers, View("latent", 1, modes * bins + channels)


LAYERS: Mapping[str, Callable[[Codec], tuple[list[Layer], View]]] = {
    "edge": _edge_layers, "paper": _paper_layers, "transform": _transform_layers}


def _rotation_of_padded_modes(encoder: EdgeEncoder) -> Tensor:
    """The rotation's weight [coefficients, bins * even modes ...]: zero columns where a band's modes were padded."""
    columns, start = [], 0
    for (first, end), transform in zip(encoder.bands, encoder.band_transforms, strict=True):
        modes = cast(nn.Linear, transform).out_features
        own = encoder.rotation.weight[:, start : start + modes * (end - first)]  # [coefficients, bins * modes]
        columns.append(F.pad(own.reshape(len(own), end - first, modes), (0, modes % 2)).flatten(1))
        start += modes * (end - first)
    return torch.cat(columns, dim=1)


def _regimes(encoder: EdgeEncoder, quantizer: RegimeQuantizer, latent: View) -> tuple[Convolution, View]:
    """The dense layer from the latent to its coordinates in every regime, and these coordinates, regime by regime."""
    assert quantizer.centre is not None and quantizer.rotation is not None, "those of codec edge are rotated"  # noqa: PT018
    regimes, dimension = quantizer.centre.shape
    rotated = View("regimes", regimes, even(dimension))
    means = encoder.mean_transform.out_features  # an odd number of them is followed by a padding zero
    places = np.arange(dimension) + (np.arange(dimension) >= means) * (means % 2)
    weight = np.zeros((regimes, rotated.channels, latent.channels), np.float16)
    weight[:, :dimension, places] = _half("regimes", quantizer.rotation.transpose(1, 2))
    centre = np.zeros((regimes, latent.channels, 1))
    centre[:, places, 0] = quantizer.centre.numpy()
    bias = -weight.astype(np.float64) @ centre  # by the rounded weights: a latent at the centre becomes zero
    return Convolution("regimes", latent, View("regimes", 1, regimes * rotated.channels),
                       weight.reshape(-1, 1, latent.channels), bias.astype(np.float32).ravel()), rotated


def _quantizer(codec: Codec, latent: View) -> Quantizer:
    of_regimes = codec.quantizer.quantizers
    stages = []
    for number, codebooks in enumerate(codec.quantizer.codebooks):
        words = _half(f"stage{number:02d}", codebooks)  # [regimes, codewords, codeword samples]
        where = np.stack([quantizer.coordinates[number].numpy() for quantizer in of_regimes])
        if words.shape[2] % 2:  # a whole token of odd length: pair its last sample with the token's padding zero
            words = np.pad(words, ((0, 0), (0, 0), (0, 1)))
            where = np.pad(where, ((0, 0), (0, 1)), constant_values=latent.channels - 1)
        whole_token = np.array_equal(where, np.tile(np.arange(latent.channels), (len(where), 1)))
        stages.append(Stage(words, dot(words, words), None if whole_token else where.astype(np.uint16)))
    return Quantizer(latent, codec.tokens, len(of_regimes), tuple(stages), tuple(codec.quantizer.stages_of_rate))


def _coded(quantizer: CodedQuantizer, latent: View) -> ScalarQuantizer:
    """Coordinates that pad a row are of class 0: nothing is sent of them."""
    scalars = quantizer.scalars
    padding = latent.channels - scalars.coordinates
    return ScalarQuantizer(latent, replace(scalars, classes=np.pad(scalars.classes, ((0, 0), (0, 0), (0, padding)))))


def _monitor(codec: Codec, layers: list[Layer], calibration: Calibration) -> Monitor:
    """Of codec edge, the one whose encoder has cosine bins of every channel."""
    encoder = cast(EdgeEncoder, codec.encoder)
    by_name = {layer.name: layer for layer in layers}
    by_bin, coefficients = by_name["by_bin"].output, by_name["rotation"].output
    padding = coefficients.channels - encoder.rotation.out_features
    weight = np.pad(calibration.weight, (0, padding)).astype(np.float32)
    return Monitor(
        by_name["decimate"].output,
        View(by_bin.buffer, encoder.time_transform.out_features - 1, by_bin.channels, by_bin.channels), coefficients,
        by_name["time_transform"].output,
        calibration.inside, calibration.central, calibration.most_faulty,
        np.array([calibration.longest_run, calibration.margin], np.float32),
        **{name: values.astype(np.float32) for name, values in calibration.channels.items()},
        regression=calibration.regression.astype(np.float32),
        centre=_bias("rotation", encoder.rotation.bias, coefficients.channels), weight=weight)


def _even(weight: Tensor) -> Tensor:
    """``weight`` [channels, taps] with an even number of taps, as kernels take pairs: the one more adds nothing."""
    return nn.functional.pad(weight, (0, weight.shape[1] % 2))


def _half(name: str, values: Tensor) -> Half:
    array: NDArray[np.float32] = values.detach().numpy()
    with np.errstate(over="ignore"):  # said below
        rounded = array.astype(np.float16)
    if not np.isfinite(rounded).all():
        raise EdgeCodecError(f"export: {name}: a weight is NaN, Inf or beyond float16 (largest "
                             f"{np.nanmax(np.abs(array)):.3g}); train again with a lower learning rate")
    return np.ascontiguousarray(rounded)


def _bias(name: str, bias: Tensor | None, outputs: int) -> Single:
    padded = np.zeros(outputs, np.float32)
    if bias is not None:
        padded[: len(bias)] = bias.detach().numpy()
    if not np.isfinite(padded).all():
        raise EdgeCodecError(f"export: {name}: a bias is NaN or Inf; train again with a lower learning rate")
    return padded
