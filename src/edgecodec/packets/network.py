"""The exported codec: what the oracle computes, the planner places and the C emitter writes. NumPy only.

An exported encoder is a list of layers over named buffers of float16. A buffer is flat memory; a layer reads and
writes *views* of it: ``rows`` of ``channels`` halfwords, time-major, without gaps. Channels are always even
(the exporter pads with zero channels), so that the arithmetic can take them in pairs.

    window [samples, channels] float32
      Normalize  > view [samples, channels]      (x - offset) * scale
      or Filter  > view [channels, samples / stride]    the same, then a filter of its own for every channel
      Convolution, Transpose ...                 views to views
      latent view [regimes * tokens, dimension]  a window's tokens in the coordinates of every regime
      Quantizer  > indices [stages, tokens]      residual vector quantizer, stage by stage

A codec has a quantizer for every kind of packets, of the same latent: codebooks for fixed-length packets, by the
arithmetic below, and for coded ones the integers of :mod:`edgecodec.packets.scalar`.

Storage is float16, and order defines the result. A product sum runs over taps, inside a tap over channel pairs; its
``acc`` is a float32 and starts at +0, in a convolution at ``0 + bias`` or ``f32(0 + bias + residual)``. There are two
arithmetic profiles:

``dotpex``, for cores that add products of float16 to a float32
    Per pair ``t = f32(a0*b0); u = f32(a1*b1 + t); acc = f32(acc + u)``.
``lanes``, for cores that add them to float16 only
    Pairs come in runs of :data:`RUN_PAIRS`, counted from the sum's first; the last may be shorter. A run has two lanes,
    float16 that start at +0. Per pair ``lane0 = f16(a0*b0 + lane0); lane1 = f16(a1*b1 + lane1)``, each rounded once.
    At a run's end ``acc = f32(acc + f32(f32(lane0) + f32(lane1)))``. A lane ends at 65504: in a search, words whose
    products with a window far beyond the codebook overflow are all equally near.

Taps that fall outside the input read zeros; no acc is ever -0, so that zeros change nothing but where a run ends. Then
PReLU in float32, which multiplies values < 0 by its slope and leaves the others alone, and one rounding to float16.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgecodec.packets.entropy import cumulative_frequencies
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import Estimate, Monitor
from edgecodec.packets.scalar import Scalars

FORMAT = 5  # of codec.json; until 4 coded packets had codebooks
Arithmetic = Literal["dotpex", "lanes"]
RUN_PAIRS = 18  # of the profile lanes: a tap of 36 channels, the measured balance of accuracy and time
Half = NDArray[np.float16]
Single = NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """``rows`` x ``channels`` halfwords of ``buffer``, from halfword ``offset`` on, without gaps."""

    buffer: str
    rows: int
    channels: int
    offset: int = 0


@dataclass(frozen=True)
class Normalize:
    """``f16(f32(f32(window) - offset) * scale)`` per channel; the window may have fewer channels than the view:
    the rest are zeros."""

    name: str
    output: View
    offset: Single  # [channels of the window]
    scale: Single  # [channels of the window]

    @property
    def views(self) -> tuple[View, ...]:
        """Every view that the layer reads or writes."""
        return (self.output,)


@dataclass(frozen=True)
class Filter:
    """``output[c, t] = f16(sum_j weight[c, j] * x[t*stride + j - pad_left, c])``, x the window normalized as above.

    The pairs of the product sum are taps (2i, 2i + 1); outside the window there are zeros. A view with more rows than
    the window has channels, or more channels than the filters give ``samples``, ends in zeros.
    """

    name: str
    output: View
    samples: int  # that each filter gives
    offset: Single  # [channels of the window]
    scale: Single  # [channels of the window]
    weight: Half  # [channels of the window, taps (even)]
    stride: int
    pad_left: int

    @property
    def views(self) -> tuple[View, ...]:
        """Every view that the layer reads or writes."""
        return (self.output,)

    @property
    def taps(self) -> int:
        return int(self.weight.shape[1])

    @property
    def multiply_accumulates(self) -> int:
        """MACs for one window, padding not discounted."""
        return self.samples * int(self.weight.size)


@dataclass(frozen=True)
class Convolution:
    """``output[t, o] = act(bias[o] + sum_{j, c} weight[o, j, c] * input[t*stride + j*dilation - pad_left, c])``."""

    name: str
    input: View
    output: View
    weight: Half  # [output channels, taps, input channels]
    bias: Single  # [output channels]
    stride: int = 1
    dilation: int = 1
    pad_left: int = 0
    slope: float | None = None  # PReLU
    residual: View | None = None  # added after rounding; may be the very view that is written

    @property
    def views(self) -> tuple[View, ...]:
        """Every view that the layer reads or writes."""
        return (self.output, self.input) if self.residual is None else (self.output, self.input, self.residual)

    @property
    def taps(self) -> int:
        return int(self.weight.shape[1])

    @property
    def multiply_accumulates(self) -> int:
        """MACs for one window, padding not discounted."""
        return self.output.rows * int(np.prod(self.weight.shape))


@dataclass(frozen=True)
class Transpose:
    """``output[c, t] = input[t, c]``; an output with more channels than the input has rows ends in zeros."""

    name: str
    input: View
    output: View

    @property
    def views(self) -> tuple[View, ...]:
        """Every view that the layer reads or writes."""
        return (self.output, self.input)


Layer = Normalize | Filter | Convolution | Transpose


@dataclass(frozen=True)
class Stage:
    """One quantizer of the residual vector quantizer, with a codebook for every regime.

    ``coordinates`` says which entries of a token this stage quantizes; ``None`` for all of them, in order.
    ``norms[r, k]`` is the product sum of codeword k of regime r with itself, by ``dotpex`` in either profile (nobody
    computes it on the target).
    """

    codewords: Half  # [regimes, codewords, codeword samples (even)]
    norms: Single  # [regimes, codewords]
    coordinates: NDArray[np.uint16] | None  # [regimes, codeword samples]


@dataclass(frozen=True)
class Quantizer:
    """Stages in the order they are sent. Rate n sends the first ``stages_of_rate[n - 1]`` of them.

    Per stage and token: ``d_k = f32(norms[k] - f32(2 * dot(residual, codeword_k)))``, the least wins, the lowest
    index among equals; then ``residual = f16(residual - codeword)`` on the stage's coordinates.

    Windows fall into regimes, each with coordinates and codebooks of its own. All regimes run the stages of rate 1,
    each on its own rows of the latent. The energy that a regime leaves is the product sum of its rows with themselves,
    one row after the other. The least energy wins, the lowest regime among equals, one that
    is not a number never; the winner alone runs the stages that remain. A quantizer of one regime has nothing to
    choose and computes no energy.

    What is sent is the regime, and of every stage and token the number of a codeword in the regime's codebook.
    """

    latent: View  # row r * tokens + t: token t in the coordinates of regime r; there may be more rows
    tokens: int
    regimes: int
    stages: tuple[Stage, ...]
    stages_of_rate: tuple[int, ...]
    estimate: Estimate | None = None  # where the codec has a monitor

    @property
    def rows(self) -> int:
        """Rows of the latent that count."""
        return self.regimes * self.tokens

    @property
    def contested_stages(self) -> int:
        """Stages that all regimes run before one of them is chosen."""
        return self.stages_of_rate[0] if self.regimes > 1 else 0

    @property
    def multiply_accumulates(self) -> int:
        """MACs for one window at the highest rate, the choice of the regime included."""
        contested, alone = self.stages[: self.contested_stages], self.stages[self.contested_stages :]
        searched = sum(int(stage.codewords.size) for stage in contested)
        searched += sum(int(stage.codewords[0].size) for stage in alone)
        return self.tokens * searched + self.choice_multiply_accumulates

    @property
    def choice_multiply_accumulates(self) -> int:
        """MACs for the energies of all regimes."""
        return self.rows * self.latent.channels if self.regimes > 1 else 0


@dataclass(frozen=True)
class ScalarQuantizer:
    """For coded packets: an integer for every coordinate of a regime's row.

    A stage is a rate, and a token a coordinate: every stage quantizes the row anew.
    """

    latent: View  # row r: the coordinates of regime r; there may be more rows
    scalars: Scalars
    estimate: Estimate | None = None  # where the codec has a monitor

    @property
    def regimes(self) -> int:
        return self.scalars.regimes

    @property
    def rows(self) -> int:
        """Rows of the latent that count."""
        return self.regimes

    @property
    def tokens(self) -> int:
        """Words of a stage."""
        return self.scalars.coordinates

    @property
    def stages_of_rate(self) -> tuple[int, ...]:
        return tuple(range(1, self.scalars.rates + 1))

    @property
    def multiply_accumulates(self) -> int:
        """For one window at the highest rate: of all regimes at the deciding rate, of one at the others."""
        return (self.regimes + self.scalars.rates - 1) * self.scalars.coordinates

    @property
    def cumulative_frequencies(self) -> NDArray[np.uint16]:
        """The tables as the node holds them, one behind the other: that of the regimes, then class by class; a zero at
        the end if they are odd in number."""
        flat = np.concatenate([*map(cumulative_frequencies, (self.scalars.regime_frequencies, *self.scalars.tables))])
        return np.pad(flat, (0, len(flat) % 2))


AnyQuantizer = Quantizer | ScalarQuantizer


@dataclass(frozen=True)
class ExportedCodec:
    """Encoder, quantizers, and what the window must look like."""

    codec: str  # a name of the kinds of codec
    channels: int  # of the window
    samples: int  # of the window
    sample_rate_hz: float
    channel_names: tuple[str, ...]
    layers: tuple[Layer, ...]
    quantizers: Mapping[PacketKind, AnyQuantizer]  # for fixed-length packets, and maybe others
    arithmetic: Arithmetic = "dotpex"  # of all product sums
    monitor: Monitor | None = None  # of codecs of one token; exported codecs of before have none

    @property
    def quantizer(self) -> Quantizer:
        """That of fixed-length packets."""
        quantizer = self.quantizers[PacketKind.FIXED_LENGTH]
        assert isinstance(quantizer, Quantizer), "what fixed-length packets have"
        return quantizer

    @property
    def coded(self) -> ScalarQuantizer | None:
        """That of coded packets, if the codec has them."""
        quantizer = self.quantizers.get(PacketKind.CODED)
        assert not isinstance(quantizer, Quantizer), "what coded packets have"
        return quantizer

    @property
    def normalization(self) -> tuple[Single, Single]:
        """Offset and scale [channels] of the window, taken from the windows of the training."""
        first = self.layers[0]
        assert isinstance(first, Normalize | Filter), "checked when it was exported"
        return first.offset, first.scale

    @property
    def buffers(self) -> dict[str, int]:
        """Halfwords of every buffer, in order of first use."""
        sizes: dict[str, int] = {}
        for layer in self.layers:
            for view in layer.views:
                end = view.offset + view.rows * view.channels
                sizes[view.buffer] = max(sizes.get(view.buffer, 0), end)
        return sizes

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Every array of the codec by name: what a safetensors file holds."""
        return {**self.weights(), **self.codebooks()}

    def weights(self) -> dict[str, NDArray[Any]]:
        """The arrays of the layers and of the monitor, by name."""
        arrays: dict[str, NDArray[Any]] = {}
        for layer in self.layers:
            arrays |= {f"{layer.name}.{key}": value for key, value in vars(layer).items()
                       if isinstance(value, np.ndarray)}
        if self.monitor is not None:
            arrays |= {f"monitor.{key}": value for key, value in self.monitor.arrays().items()}
        return arrays

    def codebooks(self) -> dict[str, NDArray[Any]]:
        """The arrays of the quantizers, by name."""
        arrays: dict[str, NDArray[Any]] = {}
        for kind, quantizer in self.quantizers.items():
            prefix = kind.prefix(".")
            own = quantizer.scalars.arrays() if isinstance(quantizer, ScalarQuantizer) else _of_stages(quantizer.stages)
            if quantizer.estimate is not None:
                own = {**own, **{f"estimate.{key}": value for key, value in quantizer.estimate.arrays().items()}}
            arrays |= {f"{prefix}{name}": array for name, array in own.items()}
        return arrays

    def structure(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON."""
        layers = []
        for layer in self.layers:
            entry: dict[str, Any] = {"kind": type(layer).__name__}
            for key, value in vars(layer).items():
                if isinstance(value, View):
                    entry[key] = dict(vars(value))
                elif not isinstance(value, np.ndarray):
                    entry[key] = value
            layers.append(entry)
        return {
            "codec": self.codec,
            "channels": self.channels,
            "samples": self.samples,
            "sample_rate_hz": self.sample_rate_hz,
            "channel_names": list(self.channel_names),
            "layers": layers,
            "coded": None,
            **{_entry(kind): _described(quantizer) for kind, quantizer in self.quantizers.items()},
            # Left out where they are as they were at first: codecs of then keep their hash.
            **({} if self.arithmetic == "dotpex" else {"arithmetic": self.arithmetic}),
            **({} if self.monitor is None else {"monitor": self.monitor.structure()}),
        }

    @property
    def model_hash(self) -> str:
        """sha256 over structure and arrays, in hex: what header, object and packet carry."""
        digest = hashlib.sha256(json.dumps(self.structure(), sort_keys=True).encode())
        for name, array in sorted(self.tensors().items()):
            little_endian = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
            digest.update(f"{name} {array.dtype.name} {array.shape}".encode())
            digest.update(little_endian.tobytes())
        return digest.hexdigest()

    @property
    def multiply_accumulates(self) -> int:
        """MACs of the encoder for one window (the quantizer's are apart)."""
        return sum(layer.multiply_accumulates for layer in self.layers
                   if isinstance(layer, Filter | Convolution))


def _of_stages(stages: tuple[Stage, ...]) -> dict[str, NDArray[Any]]:
    """The arrays of ``stages``, by name."""
    return {f"stage{number:02d}.{name}": array for number, stage in enumerate(stages)
            for name, array in vars(stage).items() if array is not None}


def _described(quantizer: AnyQuantizer) -> dict[str, Any]:
    if isinstance(quantizer, ScalarQuantizer):
        return {"latent": dict(vars(quantizer.latent))}
    return {
        "latent": dict(vars(quantizer.latent)),
        "tokens": quantizer.tokens,
        "regimes": quantizer.regimes,
        "stages": len(quantizer.stages),
        "stages_of_rate": list(quantizer.stages_of_rate),
    }


def _entry(kind: PacketKind) -> str:
    """Where the structure describes the quantizer of ``kind``."""
    return "quantizer" if kind is PacketKind.FIXED_LENGTH else kind.label


def _quantizer(described: dict[str, Any], arrays: dict[str, NDArray[Any]], kind: PacketKind) -> AnyQuantizer:
    """What :func:`_described` described, with those of ``arrays`` that are of ``kind``."""
    own = {name.removeprefix(kind.prefix(".")): array for name, array in arrays.items()
           if name.startswith(kind.prefix("."))}
    latent = View(**described["latent"])
    estimate = Estimate(**_of("estimate", own)) if "estimate.factors" in own else None
    if kind is PacketKind.CODED:
        return ScalarQuantizer(latent, Scalars(**{each.name: own[each.name] for each in fields(Scalars)}), estimate)
    names = [f"stage{number:02d}" for number in range(described["stages"])]
    stages = tuple(Stage(own[f"{name}.codewords"], own[f"{name}.norms"], own.get(f"{name}.coordinates"))
                   for name in names)
    return Quantizer(latent, described["tokens"], described["regimes"], stages, tuple(described["stages_of_rate"]),
                     estimate)


def _monitor(described: dict[str, Any] | None, arrays: dict[str, NDArray[Any]]) -> Monitor | None:
    if described is None:
        return None
    views = {name: View(**value) for name, value in described.items() if isinstance(value, dict)}
    spans: dict[str, Any] = {name: tuple(value) for name, value in described.items() if isinstance(value, list)}
    return Monitor(**{**described, **views, **spans, **_of("monitor", arrays)})


def _of(part: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """The arrays of ``part``, by their names in it."""
    return {name.removeprefix(f"{part}."): array for name, array in arrays.items() if name.startswith(f"{part}.")}


def save_codec(codec: ExportedCodec, folder: Path) -> None:
    """Write ``codec.json`` and ``codec.safetensors``."""
    from safetensors.numpy import save_file

    from edgecodec.storage import write_json

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(array) for name, array in codec.tensors().items()},
              folder / "codec.safetensors")
    write_json(folder / "codec.json", {"format": FORMAT, **codec.structure(), "model_hash": codec.model_hash})


def load_codec(folder: Path) -> ExportedCodec:
    """Read what :func:`save_codec` wrote.

    Raises:
        EdgeCodecError: a file is absent or of another format, or the arrays do not have the hash that the structure
            names.
    """
    from edgecodec.errors import naming

    with naming(folder, "damaged", "run the stage export_float16 again"):
        return _load_codec(folder)


def _load_codec(folder: Path) -> ExportedCodec:
    from safetensors.numpy import load_file

    from edgecodec.errors import EdgeCodecError
    from edgecodec.storage import read_json

    structure = read_json(folder / "codec.json")
    if structure.get("format") != FORMAT:
        raise EdgeCodecError(f"{folder / 'codec.json'}: not of format {FORMAT}, which this version reads; run the "
                             "stage export_float16 again")
    arithmetic = structure.get("arithmetic", "dotpex")
    if arithmetic not in get_args(Arithmetic):
        raise EdgeCodecError(f"{folder / 'codec.json'}: arithmetic: {arithmetic} is not one of "
                             f"{', '.join(get_args(Arithmetic))}; update EdgeCodec, or run export_float16 again")
    if not (folder / "codec.safetensors").is_file():
        raise EdgeCodecError(f"{folder / 'codec.safetensors'}: not found; run the stage export_float16")
    arrays = load_file(folder / "codec.safetensors")
    kinds = {kind.__name__: kind for kind in (Normalize, Filter, Convolution, Transpose)}
    layers: list[Layer] = []
    for entry in structure["layers"]:
        fields: dict[str, Any] = {key: View(**value) if isinstance(value, dict) else value
                                  for key, value in entry.items()}
        kind, name = fields.pop("kind"), fields["name"]
        if kind not in kinds:
            raise EdgeCodecError(f"{folder / 'codec.json'}: layer {name}: unknown kind {kind}")
        layers.append(kinds[kind](**fields, **_of(name, arrays)))
    codec = ExportedCodec(
        codec=structure["codec"], channels=structure["channels"], samples=structure["samples"],
        sample_rate_hz=structure["sample_rate_hz"], channel_names=tuple(structure["channel_names"]),
        layers=tuple(layers),
        quantizers={kind: _quantizer(structure[_entry(kind)], arrays, kind) for kind in PacketKind
                    if structure.get(_entry(kind)) is not None},
        arithmetic=arithmetic,
        monitor=_monitor(structure.get("monitor"), arrays),
    )
    if codec.model_hash != structure["model_hash"]:
        raise EdgeCodecError(f"{folder}: codec.safetensors does not have the model hash that codec.json names; "
                             "run the stage export_float16 again")
    return codec
