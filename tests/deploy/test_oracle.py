"""The oracle against the definition written out number by number, and what it refuses."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, random_windows, with_layer
from hypothesis import given, settings
from hypothesis import strategies as st
from packets.random_indices import assert_same

from edgecodec.deploy.oracle import dot, encode, fnv1a, quantize
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import (
    AnyQuantizer,
    Arithmetic,
    Convolution,
    ExportedCodec,
    Filter,
    Normalize,
    Quantizer,
    ScalarQuantizer,
    Stage,
    View,
)
from edgecodec.packets.scalar import Scalars

f16, f32 = np.float16, np.float32
ZERO = f32(0)
Rows = list[list[np.float16]]


class ByDefinition:
    """deploy/network.py's docstrings, one scalar at a time, on Python lists."""

    def __init__(self, codec: ExportedCodec) -> None:
        self.codec = codec
        self.buffers = {name: [f16(0)] * size for name, size in codec.buffers.items()}

    def read(self, view: View) -> Rows:
        flat = self.buffers[view.buffer][view.offset :]
        return [flat[row * view.channels : (row + 1) * view.channels] for row in range(view.rows)]

    def write(self, view: View, rows: Rows) -> None:
        flat = [value for row in rows for value in row]
        self.buffers[view.buffer][view.offset : view.offset + len(flat)] = flat

    def run(self, window: np.ndarray) -> dict[str, Rows]:
        outputs = {}
        for layer in self.codec.layers:
            if isinstance(layer, Normalize):
                padding = [f16(0)] * (layer.output.channels - window.shape[1])
                rows = [row + padding for row in self.normalize(layer, window)]
            elif isinstance(layer, Filter):
                rows = self.filter(layer, self.normalize(layer, window))
            elif isinstance(layer, Convolution):
                rows = self.convolve(layer)
            else:
                rows = [list(column) for column in zip(*self.read(layer.input), strict=True)]
            self.write(layer.output, rows)
            outputs[layer.name] = rows
        return outputs

    def normalize(self, layer: Normalize | Filter, window: np.ndarray) -> Rows:
        scaling = list(zip(layer.offset, layer.scale, strict=True))
        return [[f16(f32(f32(x - offset) * scale)) for x, (offset, scale) in zip(row, scaling, strict=True)]
                for row in window]

    def filter(self, layer: Filter, window: Rows) -> Rows:
        rows = [[f16(0)] * layer.output.channels for _ in range(layer.output.rows)]
        for channel, weights in enumerate(layer.weight):
            for t in range(layer.samples):
                begin = t * layer.stride - layer.pad_left
                taps = [window[begin + j][channel] if 0 <= begin + j < len(window) else f16(0)
                        for j in range(layer.taps)]
                rows[channel][t] = f16(self.sum(list(zip(taps, weights, strict=True))))
        return rows

    def convolve(self, layer: Convolution) -> Rows:
        source, rows = self.read(layer.input), []
        residual = self.read(layer.residual) if layer.residual else None
        for t in range(layer.output.rows):
            row = []
            for o in range(layer.output.channels):
                start = f32(f32(0) + layer.bias[o])
                if residual is not None:
                    start = f32(start + f32(residual[t][o]))
                y = self.sum(self.factors(layer, source, t, o), start)
                if layer.slope is not None and y < 0:
                    y = f32(y * f32(layer.slope))
                row.append(f16(y))
            rows.append(row)
        return rows

    def factors(self, layer: Convolution, source: Rows, t: int, o: int) -> list[tuple[np.float16, np.float16]]:
        factors = []
        for tap in range(layer.taps):
            position = t * layer.stride + tap * layer.dilation - layer.pad_left
            row = source[position] if 0 <= position < len(source) else [f16(0)] * layer.input.channels
            factors += zip(row, layer.weight[o, tap], strict=True)
        return factors

    def sum(self, factors: list[tuple[np.float16, np.float16]], start: np.float32 = ZERO) -> np.float32:
        return sum_in_float32(factors, start) if self.codec.arithmetic == "dotpex" else sum_in_lanes(factors, start)

    def scalars(self, quantizer: ScalarQuantizer) -> tuple[int, list[list[int]]]:
        """The regime, and its words [rates][coordinates]."""
        rows, scalars = self.read(quantizer.latent), quantizer.scalars
        decide = (scalars.rates - 1) // 2
        prices = []
        for regime in range(scalars.regimes):
            missed, cost = self.outcome(scalars, rows[regime], decide, regime)[1:]
            prices.append(f32(f32(missed * scalars.worth[0]) + f32(cost + int(scalars.regime_costs[regime]))))
        best = int(np.argmin(prices))
        return best, [self.outcome(scalars, rows[best], rate, best)[0] for rate in range(scalars.rates)]

    def outcome(self, scalars: Scalars, row: list[np.float16], rate: int,
                regime: int) -> tuple[list[int], np.float32, int]:
        """Words, the energy that is missed, and what the words cost."""
        words, missed, cost = [], f32(0), 0
        for value, number in zip(row, scalars.classes[rate, regime].tolist(), strict=True):
            reach = int(scalars.reach[number])
            magnitude = f32(abs(f32(value)) * scalars.inverse_steps[rate, regime])
            index = 0
            if not magnitude < scalars.zero[number]:
                index = min(max(1, int(f32(magnitude + scalars.rounding[number]))), reach)
            beyond = f32(magnitude - f32(index))
            if index:
                beyond = f32(beyond - scalars.shifts[number, min(index, 3) - 1])
            missed = f32(missed + f32(beyond * beyond))
            words.append(reach - index if value < 0 else reach + index)
            bits = int(scalars.fine_bits[number])
            cost += int(scalars.costs[sum(scalars.lengths[:number].tolist()) + (words[-1] >> bits)]) + 256 * bits
        return words, missed, cost

    def indices(self, quantizer: AnyQuantizer) -> tuple[int, list[list[int]]]:
        """The regime, and its words [stages][tokens]."""
        if isinstance(quantizer, ScalarQuantizer):
            return self.scalars(quantizer)
        rows, tokens = self.read(quantizer.latent), quantizer.tokens
        best, best_energy, best_words = 0, f32(np.inf), []
        for regime in range(quantizer.regimes):
            residual = rows[regime * tokens : (regime + 1) * tokens]
            contested = [[self.quantize(stage, regime, token) for token in residual]
                         for stage in quantizer.stages[: quantizer.contested_stages]]
            energy = self.sum([(value, value) for token in residual for value in token])
            if energy < best_energy:
                alone = [[self.quantize(stage, regime, token) for token in residual]
                         for stage in quantizer.stages[quantizer.contested_stages :]]
                best, best_energy, best_words = regime, energy, contested + alone
        return best, best_words

    def quantize(self, stage: Stage, regime: int, token: list[np.float16]) -> int:
        where = range(len(token)) if stage.coordinates is None else stage.coordinates[regime].tolist()
        best, best_distance = 0, f32(np.inf)
        for k, codeword in enumerate(stage.codewords[regime]):
            product = self.sum([(token[i], value) for i, value in zip(where, codeword, strict=True)])
            distance = f32(stage.norms[regime, k] - f32(f32(2) * product))
            if distance < best_distance:
                best, best_distance = k, distance
        for i, value in zip(where, stage.codewords[regime, best], strict=True):
            token[i] = f16(token[i] - value)
        return best


def sum_in_float32(factors: list[tuple[np.float16, np.float16]], start: np.float32) -> np.float32:
    total = start
    for (a0, b0), (a1, b1) in zip(factors[::2], factors[1::2], strict=True):
        t = f32(f32(a0) * f32(b0))
        u = f32(f32(f32(a1) * f32(b1)) + t)
        total = f32(total + u)
    return total


def sum_in_lanes(factors: list[tuple[np.float16, np.float16]], start: np.float32) -> np.float32:
    total = start
    for first in range(0, len(factors), 36):
        run = factors[first : first + 36]
        lanes = [Fraction(0), Fraction(0)]
        for place, (a, b) in enumerate(run):
            lanes[place % 2] = nearest_half(exact(a) * exact(b) + lanes[place % 2])
        total = f32(total + f32(f32(lanes[0]) + f32(lanes[1])))
    return total


def exact(value: np.floating) -> Fraction:
    return Fraction(float(value))


def nearest_half(value: Fraction) -> Fraction:
    """``value``, which float16 has room for, rounded to its grid; of two that are as near, to the even one."""
    exponent = -14
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    step = Fraction(2) ** (exponent - 10)
    return round(value / step) * step


@settings(max_examples=12, deadline=None)
@given(kind=st.sampled_from([paper_like, edge_like]), seed=st.integers(0, 2**32 - 1), channels=st.integers(1, 5),
       samples=st.sampled_from([8, 12, 17]), width=st.integers(1, 4), taps=st.integers(1, 5), stride=st.integers(1, 3),
       dilation=st.integers(1, 3), codewords=st.integers(2, 6), regimes=st.integers(1, 4),
       stages_per_rate=st.integers(1, 2), coded_classes=st.sampled_from([0, 4]),
       arithmetic=st.sampled_from(get_args(Arithmetic)))
def test_every_layer_and_index_follows_the_definition(
        kind: Callable[[Sizes], ExportedCodec], **drawn: Any) -> None:
    codec = kind(Sizes(rates=2, **drawn))
    windows = random_windows(codec, 2, seed=drawn["seed"])
    encoding = encode(codec, windows)
    for number, window in enumerate(windows):
        definition = ByDefinition(codec)
        for name, rows in definition.run(window).items():
            np.testing.assert_array_equal(encoding.layers[name][number].view(np.uint16),
                                          np.array(rows, f16).view(np.uint16), err_msg=name)
        for kind, quantizer in codec.quantizers.items():
            found = encoding.indices(kind)[number]
            assert (found.regime, found.words.tolist()) == definition.indices(quantizer)


def test_the_order_of_the_sum_shows() -> None:
    """1 + (2^-24 + 2^-24) by pairs; from left to right both small products would vanish."""
    ones = np.ones(4, f16)
    assert dot(np.array([1, 0, 2**-24, 2**-24], f16), ones) == f32(1 + 2**-23)
    assert dot(np.array([2**-24, 1, 2**-24, 0], f16), ones) == f32(1)


def test_lanes_round_a_product_and_its_sum_together_and_once() -> None:
    """1 + 2^-11 + 2^-32 is nearer to 1 + 2^-10; a product rounded to float16, or a sum to float32, makes it the tie
    1 + 2^-11, which goes to 1."""
    left, right = f16(1141 / 2**15), f16(1838 / 2**17)
    assert float(left) * float(right) == 2**-11 + 6 * 2**-32
    factors = np.array([1, 0, left, 0], f16), np.array([1, 0, right, 0], f16)
    assert dot(*factors, "lanes") == f32(1 + 2**-10)
    assert sum_in_lanes(list(zip(*factors, strict=True)), ZERO) == f32(1 + 2**-10)


def test_lanes_go_to_the_sum_after_eighteen_pairs() -> None:
    """Beside the 1 of the first run 2^-11 vanishes; not so beside the sum."""
    small = np.full(2 * 40, 2**-11, f16)
    small[1::2] = 0
    small[0] = 1
    assert dot(small, np.ones_like(small), "lanes") == f32(1 + 22 * 2**-11)


def test_the_lowest_index_wins_among_equals() -> None:
    codec = paper_like(Sizes(codewords=9))
    (codewords,) = codec.quantizer.stages[0].codewords
    assert (codewords[0] == codewords[-1]).all()
    latent = np.broadcast_to(codewords[0], (1, 3, codewords.shape[1])).copy()
    assert quantize(codec.quantizer, latent).indices.words[0, 0].tolist() == [0, 0, 0]


def same_in_all_regimes(codec: ExportedCodec) -> Quantizer:
    """The codec's quantizer with the codebooks of regime 0 in every regime."""
    def of_first(array: np.ndarray) -> np.ndarray:
        return np.repeat(array[:1], codec.quantizer.regimes, axis=0)

    return replace(codec.quantizer, stages=tuple(
        Stage(of_first(stage.codewords), of_first(stage.norms), of_first(stage.coordinates))
        for stage in codec.quantizer.stages))


def test_the_lowest_regime_wins_among_equals() -> None:
    quantizer = same_in_all_regimes(edge_like(Sizes(regimes=3)))
    latent = np.repeat(np.random.default_rng(0).standard_normal((1, 1, 14)).astype(f16), 3, axis=1)
    quantized = quantize(quantizer, latent)
    assert (quantized.energies == quantized.energies[0, 0]).all()
    assert quantized.indices.regime.tolist() == [0]
    latent[0, 0, 3] = 9
    assert quantize(quantizer, latent).indices.regime.tolist() == [1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_number_never_wins(value: float) -> None:
    quantizer = same_in_all_regimes(edge_like(Sizes(regimes=3)))
    latent = np.ones((1, 3, 14), f16)
    latent[0, [0, 2], 5] = value
    assert quantize(quantizer, latent).indices.regime.tolist() == [1]
    latent[0, 1, 5] = value
    assert quantize(quantizer, latent).indices.regime.tolist() == [0]


@pytest.mark.parametrize("kind", [paper_like, edge_like])
def test_every_regime_is_chosen_by_some_window_for_its_least_energy(
        kind: Callable[[Sizes], ExportedCodec]) -> None:
    codec = kind(Sizes(seed=7, regimes=4, codewords=9))
    quantized = encode(codec, random_windows(codec, 40)).quantized[PacketKind.FIXED_LENGTH]
    regime, energies = quantized.indices.regime, quantized.energies
    assert set(regime) == {0, 1, 2, 3}
    assert energies[np.arange(40), regime].tolist() == energies.min(axis=1).tolist()


def test_a_lower_rate_is_a_prefix_of_a_higher_one() -> None:
    """The regime is chosen by the stages of the lowest rate, so that stages without it change nothing before them."""
    codec = edge_like(Sizes(regimes=3, stages_per_rate=2, rates=3))
    latent = encode(codec, random_windows(codec, 9)).latent
    all_stages = quantize(codec.quantizer, latent).indices
    for rate in (1, 2):
        lower = replace(codec.quantizer, stages=codec.quantizer.stages[: 2 * rate],
                        stages_of_rate=codec.quantizer.stages_of_rate[:rate])
        assert_same(quantize(lower, latent).indices, all_stages.sent(2 * rate))


def test_macs_are_those_that_run() -> None:
    one, four = (edge_like(Sizes(codewords=10, stages_per_rate=2, rates=3, regimes=regimes)).quantizer
                 for regimes in (1, 4))
    assert one.multiply_accumulates == 4 * (10 + 11 + 12 + 13 + 14 + 15)
    assert four.multiply_accumulates == 4 * (4 * (10 + 11) + 12 + 13 + 14 + 15) + 4 * 14


@pytest.mark.parametrize(("text", "expected"), [
    (b"", "cbf29ce484222325"), (b"a", "af63dc4c8601ec8c"), (b"foobar", "85944171f73967e8")])
def test_hashes_are_the_published_ones(text: bytes, expected: str) -> None:
    assert fnv1a(np.frombuffer(text, np.uint8)) == expected


def test_hashes_are_of_little_endian_bytes() -> None:
    assert fnv1a(np.array([0x6261], ">u2")) == fnv1a(np.frombuffer(b"ab", np.uint8))


@pytest.mark.parametrize(("value", "said"), [
    (np.nan, "window 1 holds NaN or Inf"), (np.inf, "window 1 holds NaN or Inf"),
    (1e9, "normalized window of window 1 exceeds float16")])
def test_unusable_windows_are_refused_by_number(value: float, said: str) -> None:
    codec = paper_like(Sizes())
    windows = random_windows(codec, 3)
    windows[1] = value
    with pytest.raises(EdgeCodecError, match=said):
        encode(codec, windows)


def test_an_overflow_in_any_layer_shows_in_the_latent() -> None:
    codec = paper_like(Sizes())
    loud = with_layer(codec, "first", weight=np.full((6, 5, 6), 60000, np.float16))
    with pytest.raises(EdgeCodecError, match="latent of window 0 exceeds float16"):
        encode(loud, random_windows(codec, 1))


@pytest.mark.parametrize("shape", [(2, 47, 5), (2, 5, 48), (48, 5)])
def test_windows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(EdgeCodecError, match=r"the codec takes float32 \[n, 48, 5\]"):
        encode(paper_like(Sizes()), np.zeros(shape, np.float32))


def test_windows_of_another_type_are_refused() -> None:
    with pytest.raises(EdgeCodecError, match="float64"):
        encode(paper_like(Sizes()), np.zeros((1, 48, 5)))
