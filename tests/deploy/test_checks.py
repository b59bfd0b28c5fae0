"""Codecs that no C should be generated for are refused by the name of the layer or stage."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, with_layer, with_quantizer

from edgecodec.deploy.checks import check_codec
from edgecodec.deploy.oracle import dot
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec, Layer, View

PAPER, EDGE = paper_like(Sizes()), edge_like(Sizes())


@dataclass(frozen=True)
class Pooling:
    """A layer kind that the generator does not know."""

    name: str
    output: View


def layer(codec: ExportedCodec, name: str) -> Layer:
    return next(layer for layer in codec.layers if layer.name == name)


def stage(codec: ExportedCodec, **changes: object) -> ExportedCodec:
    first = replace(codec.quantizer.stages[1], **changes)
    stages = (codec.quantizer.stages[0], first, *codec.quantizer.stages[2:])
    return with_quantizer(codec, stages=stages)


def damaged(array: np.ndarray, value: float) -> np.ndarray:
    copy = array.copy()
    copy.flat[3] = value
    return copy


CODED = edge_like(Sizes(regimes=2, coded_classes=9))


def coded(**changes: object) -> ExportedCodec:
    """CODED with changes to its second quantizer."""
    return with_quantizer(CODED, PacketKind.CODED, **changes)


def scalars(**changes: object) -> ExportedCodec:
    return coded(scalars=replace(CODED.coded.scalars, **changes))


def test_sound_codecs_pass() -> None:
    check_codec(CODED)
    check_codec(PAPER)
    check_codec(EDGE)


@pytest.mark.parametrize(("codec", "said"), [
    (replace(PAPER, layers=(*PAPER.layers, Pooling("pool", View("c", 1, 2)))),
     r"layer 6 \(pool\): the generator does not know the kind Pooling"),
    (replace(PAPER, layers=PAPER.layers[1:]), r"layer 0 \(first\): the first layer, and no other, normalizes"),
    (with_layer(PAPER, "down", name="first"), r"layer 4 \(first\): the name is taken by layer 1"),
    (with_layer(PAPER, "down", name="down x"), "letters, digits and underscores"),
    (with_layer(PAPER, "normalize", output=View("a", 48, 4)), "does not hold a window of 48 x 5"),
    (with_layer(PAPER, "normalize", scale=np.full(5, np.nan, np.float32)), "offset or scale holds NaN or Inf"),
    (with_layer(PAPER, "normalize", scale=np.ones(4, np.float32)), "one value for each of the 5 channels"),
    (with_layer(PAPER, "first", weight=damaged(layer(PAPER, "first").weight, np.inf)),
     r"layer 1 \(first\): weight or bias holds NaN or Inf"),
    (with_layer(PAPER, "first", bias=damaged(layer(PAPER, "first").bias, np.nan)), "weight or bias holds NaN"),
    (with_layer(PAPER, "first", slope=float("nan")), r"\(first\): the slope is NaN"),
    (with_layer(PAPER, "first", stride=0), r"\(first\): stride, dilation and taps must be at least 1"),
    (with_layer(PAPER, "first", input=View("a", 48, 5)), r"weight \[6, 5, 6\] does not take the input 48 x 5"),
    (with_layer(PAPER, "first", input=View("a", 48, 5), weight=np.zeros((6, 5, 5), np.float16)),
     r"\(first\): input 48 x 5: an odd number of channels; pad with a zero channel"),
    (with_layer(PAPER, "first", output=View("b", 48, 8)), r"do not give 48 x 8"),
    (with_layer(PAPER, "first", output=View("a", 48, 6)), "would overwrite the input while it is read"),
    (with_layer(PAPER, "unit_narrow", residual=View("b", 48, 6, 6)), "overlaps the residual"),
    (with_layer(PAPER, "unit_narrow", residual=View("b", 47, 6)), "residual 47 x 6 is not 48 x 6"),
    (with_layer(PAPER, "to_tokens", output=View("tokens", 4, 22)), "transposed does not fit 4 x 22"),
    (with_layer(PAPER, "down", output=View("narrow", 24, 3), weight=np.zeros((3, 4, 6), np.float16),
                bias=np.zeros(3, np.float32)), "output 24 x 3: an odd number of channels"),
    (with_layer(EDGE, "decimate", weight=np.zeros((5, 5), np.float16)), r"weight \[5, 5\] is not \[5, an even number"),
    (with_layer(EDGE, "decimate", weight=np.full((5, 8), np.nan, np.float16)), r"\(decimate\): a weight is NaN"),
    (with_layer(EDGE, "decimate", scale=np.full(5, np.inf, np.float32)), r"\(decimate\): offset or scale holds NaN"),
    (with_layer(EDGE, "decimate", stride=9), "8 taps, stride 9, 3 before the window leave out some of its 48 samples"),
    (with_layer(EDGE, "decimate", pad_left=8), "8 before the window leave out some"),
    (with_layer(EDGE, "decimate", samples=22), "leave out some of its 48 samples"),
    (with_layer(EDGE, "decimate", samples=25), "does not hold 5 channels of 25 samples"),
    (with_quantizer(PAPER, tokens=5), "5 tokens x 1 regimes in a latent of 4 rows"),
    (with_quantizer(PAPER, regimes=2), "3 tokens x 2 regimes in a latent of 4 rows"),
    (with_quantizer(EDGE, latent=View("latent", 2, 6), regimes=2),
     "stage 0: codebooks of 1 regimes in a quantizer of 2"),
    (edge_like(Sizes(regimes=17)), "17 regimes; 16 can compete"),
    (edge_like(Sizes(regimes=16, codewords=4097)), "65552 different indices in one stage; 65536 can be numbered"),
    (with_quantizer(PAPER, stages_of_rate=(1, 2)), "must end with the number of stages"),
    (with_quantizer(PAPER, stages_of_rate=(2, 1, 3)), "must rise"),
    (with_quantizer(PAPER, latent=View("nowhere", 4, 24)), "no layer writes .* nowhere"),
    (stage(PAPER, codewords=damaged(PAPER.quantizer.stages[1].codewords, np.nan)), "stage 1: a codebook holds NaN"),
    (stage(PAPER, norms=damaged(PAPER.quantizer.stages[1].norms, 1.0)), "stage 1: the norms are not"),
    (stage(PAPER, codewords=np.zeros((1, 1, 24), np.float16)), "stage 1: 1 codewords"),
    (stage(PAPER, codewords=np.zeros((1, 8, 23), np.float16)), "stage 1: codewords of 23 samples; pad with a zero"),
    (stage(PAPER, codewords=np.zeros((1, 8, 22), np.float16), norms=np.zeros((1, 8), np.float32)),
     "name the coordinates"),
    (stage(EDGE, coordinates=np.array([[0, 1, 2, 14]], np.uint16)), "the coordinates are not 4 different places"),
    (stage(EDGE, coordinates=np.array([[0, 1, 2, 2]], np.uint16)), "the coordinates are not 4 different places"),
    (coded(latent=View("by_bin", 2, 14)), "coded quantizer: latent or regimes are not those of the fixed-length"),
    (scalars(steps=np.ones((2, 2), np.float32), inverse_steps=np.ones((2, 2), np.float32)),
     "coded quantizer: 2 rates, but fixed-length packets have 3"),
    (scalars(classes=np.zeros((3, 2, 12), np.uint16)), "coded quantizer: classes for 12 coordinates in rows of 14"),
    (scalars(classes=np.full((3, 2, 14), 9, np.uint16)), "coded quantizer: classes or words beyond the tables of 9"),
    (scalars(costs=CODED.coded.scalars.costs[1:]), r"coded quantizer: \d+ frequencies and \d+ costs of \d+ entries"),
    (scalars(costs=CODED.coded.scalars.costs + 1), "coded quantizer: the costs are not those of the frequencies"),
    (scalars(inverse_steps=np.zeros((3, 2), np.float32)), "coded quantizer: steps and their inverses must be there"),
])
def test_first_problem_is_named(codec: ExportedCodec, said: str) -> None:
    with pytest.raises(EdgeCodecError, match=said):
        check_codec(codec)


def test_codewords_that_overflow_lanes_are_refused_in_lanes_only() -> None:
    codewords = np.full((1, 8, 24), 100, np.float16)  # of twelve pairs
    large = stage(PAPER, codewords=codewords, norms=dot(codewords, codewords))
    check_codec(large)
    with pytest.raises(EdgeCodecError, match=r"stage 1: a codeword's products with itself overflow in lanes; "
                                             r"set firmware.arithmetic to dotpex"):
        check_codec(replace(large, arithmetic="lanes"))


@pytest.mark.parametrize("kind", [paper_like, edge_like])
def test_any_size_passes(kind: Callable[[Sizes], ExportedCodec]) -> None:
    check_codec(kind(Sizes(channels=1, samples=9, width=1, taps=1, stride=3, codewords=2, rates=1)))


def test_an_odd_number_of_bins_is_transposed_with_one_that_pads_it() -> None:
    codec = edge_like(Sizes(monitored=True))
    assert codec.monitor is not None
    bins = codec.monitor.bins
    check_codec(replace(codec, monitor=replace(codec.monitor, bins=replace(bins, rows=bins.rows - 1))))
    with pytest.raises(EdgeCodecError, match="not transposed"):
        check_codec(replace(codec, monitor=replace(codec.monitor, bins=replace(bins, rows=bins.rows - 2))))
