"""The NumPy oracle: every bit that the firmware must produce, per layer and per index.

It follows the arithmetic of :mod:`edgecodec.packets.network` one rounding at a time: every NumPy operation below is one
operation of the definition, done for all windows, rows and channels at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.monitor_oracle import (
    Escapable,
    Screened,
    Watched,
    error_of_one_percent,
    latent_energy,
    remark,
    screen,
)
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import Remarks
from edgecodec.packets.network import (
    RUN_PAIRS,
    Arithmetic,
    Convolution,
    ExportedCodec,
    Filter,
    Half,
    Normalize,
    Quantizer,
    ScalarQuantizer,
    Single,
    Stage,
    View,
)

_ZERO: Single = np.zeros((), np.float32)
Pairs = Iterator[tuple[Half, Half]]  # [..., 2] of each factor, in the order in which they are added; they broadcast


@dataclass(frozen=True)
class Quantized:
    """What the quantizer computes for some windows."""

    indices: Indices  # what is sent
    candidates: NDArray[np.uint16]  # [n, contested stages, regimes * tokens], words that every regime found
    energies: Single  # [n, regimes], that the contested stages leave; of coded packets the prices
    left: Single  # [n, rates], the energy that the stages of a rate leave in the chosen regime


@dataclass(frozen=True)
class Encoding:
    """What the firmware computes for some windows."""

    layers: dict[str, Half]  # by name, in order: [n, rows, channels]
    latent: Half  # [n, regimes * tokens, dimension], before any stage
    quantized: Mapping[PacketKind, Quantized]
    remarks: Mapping[PacketKind, Remarks]  # empty if the codec has no monitor
    escapable: Escapable | None  # None if the codec has no monitor

    def indices(self, kind: PacketKind = PacketKind.FIXED_LENGTH) -> Indices:
        """What packets of ``kind`` hold, which the codec must have."""
        return self.quantized[kind].indices


def encode(codec: ExportedCodec, windows: Single) -> Encoding:
    """Encoder and quantizers for ``windows`` [n, samples, channels].

    Raises:
        EdgeCodecError: windows of another shape or dtype; with NaN or Inf, or too large for float16, in more channels
            than a monitor may call faulty.
    """
    layers, latent, watched = _encode(codec, windows)
    quantized = {kind: quantize_scalars(quantizer, latent) if isinstance(quantizer, ScalarQuantizer)
                 else quantize(quantizer, latent, codec.arithmetic) for kind, quantizer in codec.quantizers.items()}
    remarks = {} if watched is None else {
        kind: remark(codec.quantizers[kind].estimate, watched, found) for kind, found in quantized.items()}
    return Encoding(layers, latent, quantized, remarks, None if watched is None else watched.escapable)


def quantize(quantizer: Quantizer, latent: Half, arithmetic: Arithmetic = "dotpex") -> Quantized:
    """All stages, one after the other, for ``latent`` [n, regimes * tokens, dimension]."""
    n, regimes, tokens, contested = len(latent), quantizer.regimes, quantizer.tokens, quantizer.contested_stages
    residual = latent.reshape(n, regimes, tokens, latent.shape[-1]).copy()
    words = np.zeros((n, regimes, len(quantizer.stages), tokens), np.uint16)
    for number, stage in enumerate(quantizer.stages[:contested]):
        for regime in range(regimes):
            words[:, regime, number] = _nearest_codewords(stage, regime, residual[:, regime], arithmetic)
    candidates = words[:, :, :contested].swapaxes(1, 2).reshape(n, contested, regimes * tokens)
    energies = _energies(residual, arithmetic)
    chosen = np.where(np.isnan(energies), np.inf, energies).argmin(axis=1)  # the lowest regime among equals
    left = np.zeros((n, len(quantizer.stages_of_rate)), np.float32)
    left[:, 0] = energies[np.arange(n), chosen]
    for regime in range(regimes):
        mine = chosen == regime
        alone = residual[mine, regime]
        for number, stage in enumerate(quantizer.stages[contested:], contested):
            words[mine, regime, number] = _nearest_codewords(stage, regime, alone, arithmetic)
            if number + 1 in quantizer.stages_of_rate:
                left[mine, quantizer.stages_of_rate.index(number + 1)] = _energies(alone[:, None], arithmetic)[:, 0]
    return Quantized(Indices(chosen.astype(np.uint16), words[np.arange(n), chosen]), candidates, energies, left)


def quantize_scalars(quantizer: ScalarQuantizer, latent: Half) -> Quantized:
    """Every rate for ``latent`` [n, regimes, dimension], in the regime that wins at the deciding rate."""
    scalars, n = quantizer.scalars, len(latent)
    tried = [scalars.quantize(latent[:, regime], regime, scalars.deciding_rate) for regime in range(scalars.regimes)]
    prices = scalars.prices(np.stack([each.missed for each in tried], axis=1),
                            np.stack([each.cost for each in tried], axis=1))
    chosen = prices.argmin(axis=1)
    words = np.zeros((n, scalars.rates, scalars.coordinates), np.uint16)
    left = np.zeros((n, scalars.rates), np.float32)
    for regime in range(scalars.regimes):
        mine = chosen == regime
        for rate in quantizer.stages_of_rate:
            found = scalars.quantize(latent[mine, regime], regime, rate)
            words[mine, rate - 1], left[mine, rate - 1] = found.words, scalars.left(found.missed, regime, rate)
    return Quantized(Indices(chosen.astype(np.uint16), words), np.zeros((n, 0, 0), np.uint16), prices, left)


def dot(left: Half, right: Half, arithmetic: Arithmetic = "dotpex") -> Single:
    """Product sum over the last axis (even, at least 2); the other axes broadcast."""
    pairs = ((left[..., first : first + 2], right[..., first : first + 2]) for first in range(0, left.shape[-1], 2))
    return _product_sum(pairs, arithmetic)


def fnv1a(array: NDArray[np.generic]) -> str:
    """64-bit FNV-1a over the array's little-endian bytes, as 16 hex digits (http://www.isthe.com/chongo/tech/comp/fnv)."""
    state = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes():
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{state:016x}"


class _Memory:
    """The buffers of an encoder, for ``n`` windows at once."""

    def __init__(self, codec: ExportedCodec, n: int) -> None:
        self._buffers = {name: np.zeros((n, halfwords), np.float16) for name, halfwords in codec.buffers.items()}

    def __getitem__(self, view: View) -> Half:
        """``view`` as [n, rows, channels], sharing memory with its buffer."""
        flat = self._buffers[view.buffer][:, view.offset : view.offset + view.rows * view.channels]
        return flat.reshape(len(flat), view.rows, view.channels)


def _encode(codec: ExportedCodec, windows: Single) -> tuple[dict[str, Half], Half, Watched | None]:
    """Every layer's output, the latent, and what the monitor saw."""
    _check_windows(codec, windows)
    memory = _Memory(codec, len(windows))
    outputs: dict[str, Half] = {}
    screened: Screened | None = None
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the latent, and is refused below
        for layer in codec.layers:
            output = memory[layer.output]
            if isinstance(layer, Normalize):
                channels = windows.shape[-1]
                output[..., :channels] = _normalize(layer, windows)
                output[..., channels:] = 0
            elif isinstance(layer, Filter):
                channels = windows.shape[-1]
                output[...] = 0
                output[:, :channels, : layer.samples] = _filter(layer, _normalize(layer, windows), codec.arithmetic)
            elif isinstance(layer, Convolution):
                residual = memory[layer.residual] if layer.residual is not None else None
                output[...] = _convolve(layer, memory[layer.input], residual, codec.arithmetic)
            else:
                output[..., : layer.input.rows] = memory[layer.input].transpose(0, 2, 1)
                output[..., layer.input.rows :] = 0
            outputs[layer.name] = output.copy()
            if codec.monitor is not None and layer is codec.layers[0]:
                screened = screen(codec.monitor, memory[codec.monitor.channels])
    latent = memory[codec.quantizer.latent][:, : codec.quantizer.rows].copy()
    if codec.monitor is None or screened is None:
        _check_range(outputs[codec.layers[0].name], latent)
        return outputs, latent, None
    _check_range(latent, latent)
    monitor = codec.monitor
    bins, coefficients = memory[monitor.bins], memory[monitor.coefficients][:, 0]
    escapable = Escapable(memory[monitor.spectrum][:, : codec.channels, : monitor.spectrum_bins],
                          error_of_one_percent(monitor, codec.samples, screened))
    return outputs, latent, Watched(screened, latent_energy(monitor, bins, coefficients), escapable)


def _check_windows(codec: ExportedCodec, windows: Single) -> None:
    if windows.dtype != np.float32 or windows.shape[1:] != (codec.samples, codec.channels):
        raise EdgeCodecError(f"windows: {windows.dtype} {list(windows.shape)}; the codec takes float32 "
                             f"[n, {codec.samples}, {codec.channels}]")
    unusable = np.flatnonzero(~np.isfinite(windows).all(axis=(1, 2)))
    if unusable.size and codec.monitor is None:
        raise EdgeCodecError(f"windows: window {unusable[0]} holds NaN or Inf; leave it out")


def _check_range(first: Half, latent: Half) -> None:
    for array, what in ((first, "normalized window"), (latent, "latent")):
        beyond = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2)))
        if beyond.size:
            raise EdgeCodecError(f"windows: the {what} of window {beyond[0]} exceeds float16; check the window's unit")


def _product_sum(pairs: Pairs, arithmetic: Arithmetic, start: Single = _ZERO) -> Single:
    return _sum_in_float32(pairs, start) if arithmetic == "dotpex" else _sum_in_lanes(pairs, start)


def _sum_in_float32(pairs: Pairs, start: Single) -> Single:
    total = start
    for left, right in pairs:
        a, b = left.astype(np.float32), right.astype(np.float32)
        pair = a[..., 0] * b[..., 0]
        pair = a[..., 1] * b[..., 1] + pair
        total = total + pair
    return total


def _sum_in_lanes(pairs: Pairs, start: Single) -> Single:
    """In float64 a product is exact, and its sum with a float16 is so or errs too little to be rounded otherwise."""
    total = start
    while run := tuple(islice(pairs, RUN_PAIRS)):
        lanes: Half = np.zeros(2, np.float16)
        for left, right in run:
            lanes = (left.astype(np.float64) * right.astype(np.float64) + lanes).astype(np.float16)
        ended = lanes.astype(np.float32)
        total = total + (ended[..., 0] + ended[..., 1])
    return total


def _normalize(layer: Normalize | Filter, windows: Single) -> Half:
    return ((windows - layer.offset) * layer.scale).astype(np.float16)


def _filter(layer: Filter, x: Half, arithmetic: Arithmetic) -> Half:
    """x [n, samples, channels] to [n, channels, samples / stride]"""
    sample = np.arange(layer.samples)[:, None] * layer.stride + np.arange(layer.taps) - layer.pad_left
    inside = (sample >= 0) & (sample < x.shape[1])
    patches = np.where(inside[..., None], x[:, sample * inside], np.float16(0))  # [n, samples, taps, channels]
    return dot(patches.transpose(0, 3, 1, 2), layer.weight[:, None], arithmetic).astype(np.float16)


def _convolve(layer: Convolution, x: Half, residual: Half | None, arithmetic: Arithmetic) -> Half:
    start: Single = np.float32(0) + layer.bias
    if residual is not None:
        start = start + residual.astype(np.float32)
    y = _product_sum(_pairs(layer, x), arithmetic, start)
    if layer.slope is not None:
        y = np.where(y < 0, y * np.float32(layer.slope), y)
    return y.astype(np.float16)


def _pairs(layer: Convolution, x: Half) -> Pairs:
    """What a convolution multiplies: of x [n, rows, channels] [n, output rows, 1, 2], and [output channels, 2]."""
    steps = np.arange(layer.output.rows) * layer.stride
    for tap in range(layer.taps):
        row = steps + tap * layer.dilation - layer.pad_left
        inside = (row >= 0) & (row < x.shape[1])
        rows = np.where(inside[:, None], x[:, row * inside], np.float16(0))
        for channel in range(0, x.shape[2], 2):
            yield rows[:, :, None, channel : channel + 2], layer.weight[:, tap, channel : channel + 2]


def _nearest_codewords(stage: Stage, regime: int, residual: Half, arithmetic: Arithmetic) -> NDArray[np.uint16]:
    """The codewords [n, tokens] that a stage finds; subtracts them from ``residual`` [n, tokens, dimension]."""
    codewords = stage.codewords[regime]  # [codewords, codeword samples]
    coordinates = np.arange(residual.shape[-1]) if stage.coordinates is None else stage.coordinates[regime]
    query = residual[..., coordinates]
    products = dot(query[..., None, :], codewords, arithmetic)  # [n, tokens, codewords]
    distance = stage.norms[regime] - np.float32(2) * products
    distance[np.isnan(distance)] = np.inf  # what is not a number is not near
    nearest = distance.argmin(axis=-1).astype(np.uint16)  # the lowest index among equals
    residual[..., coordinates] = query - codewords[nearest]
    return np.asarray(nearest)


def _energies(residual: Half, arithmetic: Arithmetic) -> Single:
    """What is left [n, regimes] of ``residual`` [n, regimes, tokens, dimension]: its product sum with itself."""
    n, regimes, tokens, dimension = residual.shape
    rows = residual.reshape(n, regimes, tokens * dimension)  # one row after the other
    return dot(rows, rows, arithmetic)
