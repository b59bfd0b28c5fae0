"""The codec as C: constant data that reads like hand-written descriptions of layers and stages.

What the C says of layers, stages and sizes is in firmware/templates; here are the values that fill it.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.memory import (
    CHOICE_BYTES,
    MemoryPlan,
    coordinates_bytes,
    even_count,
    history_samples,
    panels_block_bytes,
    payload_bytes,
    runs_abreast,
    scalar_tables_bytes,
    scratch_name,
    stage_name,
    zeros_halfwords,
)
from edgecodec.deploy.monitor_oracle import escape_factor
from edgecodec.deploy.panels import COLUMNS, Panels
from edgecodec.deploy.templates import filled
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import OF_CHANNELS, Estimate, Monitor, error_edges
from edgecodec.packets.network import (
    RUN_PAIRS,
    Arithmetic,
    Convolution,
    ExportedCodec,
    Filter,
    Layer,
    Normalize,
    Quantizer,
    ScalarQuantizer,
    View,
)
from edgecodec.packets.packet import PacketFormat
from edgecodec.packets.payloads import FixedLengthPayloads, index_bits


def generated_sources(codec: ExportedCodec, plan: MemoryPlan, alone: MemoryPlan) -> dict[str, str]:
    """All C that depends on the codec: texts by path in the firmware folder.

    Args:
        plan: for a team of workers.
        alone: for a single one.
    """
    form = PacketFormat.of(codec)
    members_of = _blob_members(codec)
    sizes = {"weights": plan.weights_bytes, "codebooks": plan.codebooks_bytes}
    shape = shape_hash(codec, plan, alone)
    return {
        "include/codec_model.h": filled(
            "codec_model.h", codec=codec, plan=plan, alone=alone, blobs=members_of, indices=index_count(codec),
            coded_words=0 if codec.coded is None else codec.coded.tokens,
            packet_bytes=max(map(form.packet_bytes_max, form.rates)), remarks_bytes=form.remarks_bytes_max,
            escape_bytes=form.escape_bytes_max, shape_hash=shape, string_literal=_string_literal),
        "src/arithmetic.h": arithmetic_header(codec.arithmetic),
        "src/codec_memory.h": memory_header(codec, plan, alone),
        "src/codec_network.c": network_source(codec, plan, shape),
        **{f"src/codec_{blob}.c": filled(
            "codec_blob.c", codec=codec, blob=blob, members=members, bytes=sizes[blob], hash_bytes=_hash_bytes,
            shape_hash=shape, checksums=_checksums(members, shape + codec.model_hash))
            for blob, members in members_of.items()},
    }


def shape_hash(codec: ExportedCodec, plan: MemoryPlan, alone: MemoryPlan) -> str:
    """sha256 of all that the code has of the codec, and of how weights and codebooks are laid out: no value that a
    training finds. The code runs any model of its shape."""
    blobs = "".join(f"{member.declaration}\n" for members in _blob_members(codec).values() for member in members)
    code = arithmetic_header(codec.arithmetic) + memory_header(codec, plan, alone) + network_source(codec, plan, "")
    return hashlib.sha256((code + blobs).encode()).hexdigest()


def blobs(codec: ExportedCodec, plan: MemoryPlan, alone: MemoryPlan) -> dict[str, bytes]:
    """Weights and codebooks as a little-endian node has them in memory."""
    shape = shape_hash(codec, plan, alone)
    sizes = {"weights": plan.weights_bytes, "codebooks": plan.codebooks_bytes}
    whole = {}
    for blob, members in _blob_members(codec).items():
        hashes = shape + codec.model_hash
        numbers = np.array([KINDS[blob], sizes[blob], _checksums(members, hashes)[0]], "<u4")
        whole[blob] = b"".join([numbers.tobytes(), bytes.fromhex(hashes), *(member.data["<"] for member in members)])
    return whole


def arithmetic_header(arithmetic: Arithmetic) -> str:
    """What products.h and the assembly of the ports choose by."""
    return filled("arithmetic.h", arithmetic=arithmetic, run_pairs=RUN_PAIRS)


def memory_header(codec: ExportedCodec, plan: MemoryPlan, alone: MemoryPlan) -> str:
    """Where in memory the codec works: a team of workers by ``plan``, a single one by the other."""
    return filled("codec_memory.h", codec=codec, plan=plan, alone=alone, place=_place, macro=_macro, kind=_kind,
                  history_samples=history_samples, panels_block_bytes=panels_block_bytes)


def network_source(codec: ExportedCodec, plan: MemoryPlan, shape_hash: str) -> str:
    """Layers and stages; no values."""
    return filled(
        "codec_network.c", codec=codec, plan=plan, hash_bytes=_hash_bytes, shape_hash=shape_hash, kinds=PacketKind,
        coded_tables_bytes=0 if codec.coded is None else scalar_tables_bytes(codec.coded),
        place=_place, macro=_macro, at=_at, view=_view, kind=_kind, float32=_float, choice_bytes=CHOICE_BYTES,
        coordinates_bytes=coordinates_bytes, runs_abreast=runs_abreast,
        first_with_coordinates=_first_with_coordinates,
        error_edges=[_float(edge) for edge in error_edges().tolist()],
        escape_factor=escape_factor, index_bits=_index_bits, scratch_name=scratch_name, stage_name=stage_name,
        zeros_halfwords=zeros_halfwords)


def index_count(codec: ExportedCodec) -> int:
    """Of the longest packet, of whatever kind: the regime and the words."""
    return 1 + max(each.stages_of_rate[-1] * each.tokens for each in codec.quantizers.values())


def _kind(layer: Layer) -> str:
    """Name of its kernel, and of its member of the union."""
    return type(layer).__name__.lower()


def _place(block: str) -> str:
    """The macro that says where in the arena ``block`` is."""
    return _macro("at", block)


def _macro(*words: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", "_".join(words)).upper()


def _at(view: View) -> str:
    place = _place(view.buffer)
    return f"{place} + {2 * view.offset}u" if view.offset else place


def _view(view: View) -> str:
    return f"{{{_at(view)}, {view.rows}, {view.channels}}}"


def _first_with_coordinates(quantizer: Quantizer) -> int:
    return next(number for number, stage in enumerate(quantizer.stages) if stage.coordinates is not None)


def _index_bits(quantizer: Quantizer, stage: int) -> int:
    """Of a stage's number in a fixed-length packet."""
    return index_bits(FixedLengthPayloads.of(quantizer).numbers[stage])


def _array(values: NDArray[Any], indent: str) -> str:
    """The initializer of a flat array: float16 by its bits, float32 in hex, both exact."""
    flat = values.ravel()
    if flat.dtype == np.float32:
        words, per_line = [_float(value) for value in flat.tolist()], 6
    else:
        words, per_line = [f"0x{bits:04x}" for bits in flat.view(np.uint16)], 12
    lines = [", ".join(words[first : first + per_line]) for first in range(0, len(words), per_line)]
    if len(lines) == 1:
        return f"{{{lines[0]}}}"
    return "{\n" + "".join(f"{indent}    {line},\n" for line in lines) + f"{indent}}}"


def _string_literal(text: str) -> str:
    """A byte that is no plain letter is octal."""
    return '"' + "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}"
                         for byte in text.encode()) + '"'


def _float(value: float) -> str:
    """The float32 next to it as an exact constant, without idle zeros."""
    return re.sub(r"\.?0*p", "p", float(np.float32(value)).hex()) + "f"


def _c_type(values: NDArray[Any]) -> str:
    return "float" if values.dtype == np.float32 else "uint16_t"


KINDS = {"weights": 0x54574345, "codebooks": 0x42434345}  # EC_WEIGHTS, EC_CODEBOOKS
ByteOrder = Literal["<", ">"]
_BYTE_ORDERS: tuple[ByteOrder, ...] = get_args(ByteOrder)


@dataclass(frozen=True)
class _Member:
    """One member of the struct of weights or codebooks."""

    name: str
    declaration: str  # in the struct
    initializer: str
    data: Mapping[ByteOrder, bytes]  # as machines of either kind hold it
    meaning: str


def _flat(name: str, values: NDArray[Any], meaning: str) -> _Member:
    sizes = " * ".join(str(size) for size in values.shape)
    declaration = f"{_c_type(values)} {name}[{sizes}]"
    return _Member(name, declaration, _array(values, "    "), _packed([values.ravel()]), meaning)


def _records(name: str, fields: Mapping[str, NDArray[Any]], meaning: str) -> _Member:
    """An array of structs: record n holds entry n of every field."""
    declared, rows = [], []
    for field, values in fields.items():
        size = f"[{values[0].size}]" if values.ndim > 1 else ""
        declared.append(f"{_c_type(values)} {field}{size};")
    for number in range(len(next(iter(fields.values())))):
        entries = [_array(values[number], "        ") if values.ndim > 1 else _float(float(values[number]))
                   for values in fields.values()]
        rows.append(f"        {{{', '.join(entries)}}},\n")
    declaration = f"struct {{ {' '.join(declared)} }} {name}[{len(rows)}]"
    return _Member(name, declaration, "{\n" + "".join(rows) + "    }", _packed(fields.values()), meaning)


def _packed(fields: Iterable[NDArray[Any]]) -> dict[ByteOrder, bytes]:
    """Records side by side without gaps, as the compiler lays them out; record n has entry n of every field."""
    columns = list(fields)
    return {order: np.concatenate([
        np.ascontiguousarray(values, values.dtype.newbyteorder(order)).reshape(len(values), -1).view(np.uint8)
        for values in columns], axis=1).tobytes() for order in _BYTE_ORDERS}


def _panels(name: str, panels: Panels, float_of_column: str, halfwords: str) -> _Member:
    return _records(name, {float_of_column: panels.of_column, halfwords: panels.pairs},
                    f"{float_of_column} [{COLUMNS}]; {halfwords} by pairs [{panels.pairs.shape[1]}][{COLUMNS}][2]")


def _layer_members(layer: Layer) -> Iterator[_Member]:
    if isinstance(layer, Normalize):
        yield _flat(f"{layer.name}_offset", layer.offset, "[channels]")
        yield _flat(f"{layer.name}_scale", layer.scale, "[channels]")
    elif isinstance(layer, Filter):
        yield _records(f"{layer.name}_filters", {"offset": layer.offset, "scale": layer.scale, "taps": layer.weight},
                       "[channels]")
    elif isinstance(layer, Convolution):
        yield _panels(f"{layer.name}_weight", Panels.of_convolution(layer), "bias", "weight")
        if layer.slope is not None:
            yield _flat(f"{layer.name}_slope", np.array([layer.slope], np.float32), "of the PReLU")


def _weight_members(codec: ExportedCodec) -> list[_Member]:
    of_layers = [member for layer in codec.layers for member in _layer_members(layer)]
    return of_layers if codec.monitor is None else [*of_layers, *_monitor_members(codec.monitor)]


def _monitor_members(monitor: Monitor) -> Iterator[_Member]:
    yield _records("monitor_expected", {name: getattr(monitor, name) for name in OF_CHANNELS}, "[channels]")
    yield _flat("monitor_limits", monitor.limits, "longest run, margin")
    yield _flat("monitor_regression", monitor.regression, "[channels][channels]")
    yield _records("monitor_kept", {"centre": monitor.centre, "weight": monitor.weight}, "[coefficients]")


def _codebook_members(codec: ExportedCodec) -> list[_Member]:
    members = []
    for kind, quantizer in codec.quantizers.items():
        members += _scalar_members(quantizer) if isinstance(quantizer, ScalarQuantizer) else _stage_members(quantizer)
        if quantizer.estimate is not None:
            members += _estimate_members(f"{kind.prefix('_')}estimate", quantizer.estimate)
    return members


def _stage_members(quantizer: Quantizer) -> list[_Member]:
    """The coordinates of all stages, which are fetched together; then the codebooks."""
    stages = list(enumerate(quantizer.stages))
    return [
        *(_flat(f"stage{number}_coordinates", stage.coordinates, "[regimes][samples]")
          for number, stage in stages if stage.coordinates is not None),
        *(_panels(f"stage{number}_codebooks", Panels.of_stage(stage), "norms", "codewords")
          for number, stage in stages)]


def _scalar_members(quantizer: ScalarQuantizer) -> list[_Member]:
    """What is fetched together, then the tables of the entropy coder."""
    scalars = quantizer.scalars
    classes: dict[str, NDArray[Any]] = {"zero": scalars.zero, "rounding": scalars.rounding, "shifts": scalars.shifts,
                                        "reach": scalars.reach, "fine_bits": scalars.fine_bits,
                                        "first": scalars.first[:-1].astype(np.uint16),
                                        "entries": scalars.lengths.astype(np.uint16)}
    steps = {"size": scalars.steps.ravel(), "inverse": scalars.inverse_steps.ravel()}
    return [_flat("coded_worth", scalars.worth, "of a squared step, in 256ths of a bit"),
            _records("coded_steps", steps, "[rates][regimes]"), _records("coded_classes", classes, "[classes]"),
            _flat("coded_class_of", scalars.classes.ravel(), "[rates][regimes][coordinates]"),
            _flat("coded_costs", even_count(scalars.costs), "of every class's entries, in 256ths of a bit"),
            _flat("coded_regime_costs", even_count(scalars.regime_costs), "[regimes]"),
            _flat("coded_cumulative", quantizer.cumulative_frequencies, "tables of regimes, then of classes"),
            _flat("coded_payload_bytes", even_count(payload_bytes(quantizer)), "[rates], enough for any window")]


def _estimate_members(name: str, estimate: Estimate) -> list[_Member]:
    """One right behind the other: the kernel finds the second by the first."""
    factors = dict(zip(("latent", "quantizer", "floor"), estimate.factors.T, strict=True))
    familiar = dict(zip(("latent", "quantizer"), estimate.familiar.T, strict=True))
    return [_records(f"{name}_factors", {**factors, "nmse": estimate.nmse}, "[rates]"),
            _records(f"{name}_familiar", familiar, "[regimes]")]


def _blob_members(codec: ExportedCodec) -> dict[str, list[_Member]]:
    return {"weights": _weight_members(codec), "codebooks": _codebook_members(codec)}


def _checksums(members: Sequence[_Member], hashes: str) -> list[int]:
    """CRC-32 of the hashes in the header and all that follows, of weights or codebooks, for little-endian and for
    big-endian machines.

    These read it word by word, so that a word of two float16 has another value on each.
    """
    contents = [b"".join([bytes.fromhex(hashes), *(member.data[order] for member in members)])
                for order in _BYTE_ORDERS]
    return [zlib.crc32(np.frombuffer(content, f"{order}u4").astype("<u4").tobytes())
            for content, order in zip(contents, _BYTE_ORDERS, strict=True)]


def _hash_bytes(hexadecimal: str) -> str:
    digest = bytes.fromhex(hexadecimal)
    rows = (", ".join(f"0x{byte:02x}" for byte in digest[first : first + 16]) for first in (0, 16))
    return "{\n        " + ",\n        ".join(rows) + ",\n    }"
