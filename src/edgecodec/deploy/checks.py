"""What a codec must be like before C is generated for it; what is not is refused by the layer's or stage's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from edgecodec.deploy.memory import REGIMES_MAX
from edgecodec.deploy.oracle import dot
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.entropy import PRECISION_BITS
from edgecodec.packets.network import (
    Arithmetic,
    Convolution,
    ExportedCodec,
    Filter,
    Layer,
    Normalize,
    Quantizer,
    ScalarQuantizer,
    Stage,
    Transpose,
    View,
)
from edgecodec.packets.payloads import FixedLengthPayloads
from edgecodec.packets.scalar import LARGEST_REACH, costs_of

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LARGEST_RATE = 16  # the packet's header has four bits for it
_LARGEST_CODEBOOK = 65536  # indices are uint16


def check_codec(codec: ExportedCodec) -> None:
    """Refuse what the generator has no kernels for, and numbers that no kernel could be trusted with.

    Raises:
        EdgeCodecError: names the first layer or stage that is wrong, where it is, and what is wrong with it.
    """
    names = [layer.name for layer in codec.layers]
    for place, layer in enumerate(codec.layers):
        for problem in _problems_of_layer(codec, layer, place):
            raise EdgeCodecError(f"codec {codec.codec}: layer {place} ({layer.name}): {problem}")
        if names.index(layer.name) != place:
            raise EdgeCodecError(f"codec {codec.codec}: layer {place} ({layer.name}): the name is taken by layer "
                                 f"{names.index(layer.name)}")
    transposed = [(layer.input, layer.output) for layer in codec.layers if isinstance(layer, Transpose)]
    if codec.monitor is not None and (codec.monitor.spectrum, _in_pairs(codec.monitor.by_bin)) not in transposed:
        raise EdgeCodecError(f"codec {codec.codec}: monitor: its spectrum is not transposed to its bins")
    beginning = f"codec {codec.codec}: "
    for problem in _problems_of_quantizer(codec, codec.quantizer):
        raise EdgeCodecError(f"{beginning}quantizer: {problem}")
    for number, stage in enumerate(codec.quantizer.stages):
        for problem in _problems_of_stage(stage, codec.quantizer, codec.arithmetic):
            raise EdgeCodecError(f"{beginning}stage {number}: {problem}")
    if codec.coded is not None:
        for problem in _problems_of_scalars(codec.coded, codec.quantizer):
            raise EdgeCodecError(f"{beginning}coded quantizer: {problem}")


def _in_pairs(rows: View) -> View:
    """With the row that is transposed behind an odd number of them."""
    return replace(rows, rows=rows.rows + rows.rows % 2)


def _problems_of_layer(codec: ExportedCodec, layer: Layer, place: int) -> Iterator[str]:
    if not isinstance(layer, Normalize | Filter | Convolution | Transpose):
        yield f"the generator does not know the kind {type(layer).__name__}"
    if not _NAME.fullmatch(layer.name) or not _NAME.fullmatch(layer.output.buffer):
        yield "names of layers and buffers must be letters, digits and underscores"
    if isinstance(layer, Normalize | Filter) != (place == 0):
        yield "the first layer, and no other, normalizes the window"
    if isinstance(layer, Normalize):
        yield from _problems_of_normalize(codec, layer)
        return
    if isinstance(layer, Filter):
        yield from _problems_of_filter(codec, layer)
        return
    if _overlap(layer.input, layer.output):
        yield "the output would overwrite the input while it is read"
    if isinstance(layer, Transpose):
        if layer.output.rows != layer.input.channels or layer.output.channels < layer.input.rows:
            yield f"{_shape(layer.input)} transposed does not fit {_shape(layer.output)}"
    else:
        yield from _problems_of_convolution(layer)


def _problems_of_normalize(codec: ExportedCodec, layer: Normalize) -> Iterator[str]:
    if layer.output.rows != codec.samples or layer.output.channels < codec.channels:
        yield f"the output {_shape(layer.output)} does not hold a window of {codec.samples} x {codec.channels}"
    yield from _problems_of_scaling(codec, layer)


def _problems_of_filter(codec: ExportedCodec, layer: Filter) -> Iterator[str]:
    if layer.output.rows < codec.channels or layer.output.channels < layer.samples:
        yield f"the output {_shape(layer.output)} does not hold {codec.channels} channels of {layer.samples} samples"
    yield from _problems_of_scaling(codec, layer)
    channels, taps = layer.weight.shape
    if channels != codec.channels or taps % 2 or taps == 0:
        yield f"weight {list(layer.weight.shape)} is not [{codec.channels}, an even number of taps]"
    # A sample that no tap reads could be NaN, and nobody would see it.
    end = (layer.samples - 1) * layer.stride - layer.pad_left + taps
    if not (1 <= layer.stride <= taps and 0 <= layer.pad_left < taps and end >= codec.samples):
        yield (f"filters of {taps} taps, stride {layer.stride}, {layer.pad_left} before the window leave out some of "
               f"its {codec.samples} samples")
    if not np.isfinite(layer.weight).all():
        yield "a weight is NaN or Inf"


def _problems_of_scaling(codec: ExportedCodec, layer: Normalize | Filter) -> Iterator[str]:
    if layer.offset.shape != (codec.channels,) or layer.scale.shape != (codec.channels,):
        yield f"offset and scale must have one value for each of the {codec.channels} channels"
    if not (np.isfinite(layer.offset).all() and np.isfinite(layer.scale).all()):
        yield "offset or scale holds NaN or Inf"


def _problems_of_convolution(layer: Convolution) -> Iterator[str]:
    output, taps, width = layer.weight.shape
    if width != layer.input.channels:
        yield f"weight {list(layer.weight.shape)} does not take the input {_shape(layer.input)}"
    if output != layer.output.channels or layer.bias.shape != (output,):
        yield f"weight {list(layer.weight.shape)} and bias {list(layer.bias.shape)} do not give {_shape(layer.output)}"
    for view, what in ((layer.input, "input"), (layer.output, "output")):
        if view.channels % 2:
            yield f"{what} {_shape(view)}: an odd number of channels; pad with a zero channel"
    if min(layer.stride, layer.dilation, taps) < 1 or layer.pad_left < 0:
        yield "stride, dilation and taps must be at least 1, pad_left at least 0"
    if layer.residual is not None:
        if (layer.residual.rows, layer.residual.channels) != (layer.output.rows, layer.output.channels):
            yield f"residual {_shape(layer.residual)} is not {_shape(layer.output)}"
        if layer.residual != layer.output and _overlap(layer.residual, layer.output):
            yield "the output overlaps the residual without being the same view"
    if not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
        yield "weight or bias holds NaN or Inf"
    if layer.slope is not None and not np.isfinite(np.float32(layer.slope)):
        yield "the slope is NaN or Inf"


def _problems_of_quantizer(codec: ExportedCodec, quantizer: Quantizer) -> Iterator[str]:
    stages_of_rate = quantizer.stages_of_rate
    if quantizer.latent.buffer not in codec.buffers:
        yield f"no layer writes the latent buffer {quantizer.latent.buffer}"
    if quantizer.tokens < 1 or quantizer.regimes < 1 or quantizer.rows > quantizer.latent.rows:
        yield f"{quantizer.tokens} tokens x {quantizer.regimes} regimes in a latent of {quantizer.latent.rows} rows"
    if not 1 <= len(stages_of_rate) <= _LARGEST_RATE or list(stages_of_rate) != sorted(set(stages_of_rate)):
        yield f"stages_of_rate {list(stages_of_rate)} must rise, over 1 to {_LARGEST_RATE} rates"
    if stages_of_rate and (stages_of_rate[0] < 1 or stages_of_rate[-1] != len(quantizer.stages)):
        yield f"stages_of_rate {list(stages_of_rate)} must end with the number of stages, {len(quantizer.stages)}"
    if quantizer.regimes > REGIMES_MAX:
        yield f"{quantizer.regimes} regimes; {REGIMES_MAX} can compete"
    if (largest := max(FixedLengthPayloads.of(quantizer).numbers)) > _LARGEST_CODEBOOK:
        yield f"{largest} different indices in one stage; {_LARGEST_CODEBOOK} can be numbered"


def _problems_of_stage(stage: Stage, quantizer: Quantizer, arithmetic: Arithmetic) -> Iterator[str]:
    regimes, count, samples = stage.codewords.shape
    if regimes != quantizer.regimes:
        yield f"codebooks of {regimes} regimes in a quantizer of {quantizer.regimes}"
    if count < 2:
        yield f"{count} codewords; at least 2 must be there to choose from"
    if samples % 2:
        yield f"codewords of {samples} samples; pad with a zero"
    if not np.isfinite(stage.codewords).all():
        yield "a codebook holds NaN or Inf"
    elif not np.array_equal(stage.norms, dot(stage.codewords, stage.codewords)):
        yield "the norms are not the codewords' product sums with themselves"
    dimension = quantizer.latent.channels
    if stage.coordinates is None:
        if samples != dimension:
            yield f"codewords of {samples} samples for tokens of {dimension}; name the coordinates"
    elif stage.coordinates.shape != (regimes, samples) or stage.coordinates.max() >= dimension \
            or any(len(set(of_regime)) != samples for of_regime in stage.coordinates.tolist()):
        yield f"the coordinates are not {samples} different places in a token of {dimension}"
    with np.errstate(over="ignore", invalid="ignore"):  # a search multiplies codewords with what is about as large
        products = dot(stage.codewords, stage.codewords, arithmetic)
    if not np.isfinite(products).all():
        yield f"a codeword's products with itself overflow in {arithmetic}; set firmware.arithmetic to dotpex"


def _problems_of_scalars(quantizer: ScalarQuantizer, fixed_length: Quantizer) -> Iterator[str]:
    scalars = quantizer.scalars
    if quantizer.latent != fixed_length.latent or quantizer.regimes != fixed_length.regimes:
        yield "latent or regimes are not those of the fixed-length quantizer"
    if fixed_length.tokens != 1:
        yield f"{fixed_length.tokens} tokens; packets of one token alone can be coded"
    if scalars.coordinates != quantizer.latent.channels:
        yield f"classes for {scalars.coordinates} coordinates in rows of {quantizer.latent.channels}"
    if scalars.rates != len(fixed_length.stages_of_rate):
        yield f"{scalars.rates} rates, but fixed-length packets have {len(fixed_length.stages_of_rate)}"
    classes, entries = len(scalars.reach), int(scalars.lengths.sum())
    if (scalars.classes.max() >= classes or scalars.reach.max() > LARGEST_REACH
            or scalars.fine_bits.max() >= PRECISION_BITS):
        yield f"classes or words beyond the tables of {classes} classes"
    elif len(scalars.frequencies) != entries or len(scalars.costs) != entries:
        yield f"{len(scalars.frequencies)} frequencies and {len(scalars.costs)} costs of {entries} entries"
    elif not np.array_equal(scalars.costs, costs_of(scalars.frequencies)):
        yield "the costs are not those of the frequencies"
    shapes = {scalars.steps.shape, scalars.inverse_steps.shape, scalars.classes.shape[:2]}
    if len(shapes) > 1 or not all(np.isfinite(values).all() and (values > 0).all()
                                  for values in (scalars.steps, scalars.inverse_steps)):
        yield "steps and their inverses must be there for every rate and regime, finite and above 0"


def _shape(view: View) -> str:
    return f"{view.rows} x {view.channels}"


def _overlap(left: View, right: View) -> bool:
    return (left.buffer == right.buffer and left.offset < right.offset + right.rows * right.channels
            and right.offset < left.offset + left.rows * left.channels)
