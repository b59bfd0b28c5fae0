"""Writes the firmware folder: the hand-written kernels, the codec as C, golden vectors, and how to build it all.

::

    include/    edgecodec.h (the API), codec_model.h (this model's sizes and data)
    src/        kernels, codec_network.c (layers and stages), codec_weights.c, codec_codebooks.c
    ports/      teams of workers: serial, pthreads, pulp
    verify/     prints hashes of every layer; the host's main
    golden/     windows.bin, transcript.txt (what the host must print), packets.json
    Makefile  README.md  memory_map.json
"""

from __future__ import annotations

import hashlib
import re
import shutil
import string
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.checks import check_codec
from edgecodec.deploy.golden import expected_transcript, packets
from edgecodec.deploy.memory import MemoryPlan, plan_memory, scratch_name
from edgecodec.deploy.network import Convolution, ExportedCodec, Layer, Normalize, Single, Transpose, View
from edgecodec.deploy.oracle import encode
from edgecodec.deploy.packet import HEADER_BYTES, OVERHEAD_BYTES, PacketFormat, compression_ratios
from edgecodec.storage import replacing_directory, rounded, write_json

_HASHED = ("include", "src", "ports", "verify")
_GENERATED_SOURCES = ("codec_model.h", "codec_network.c", "codec_weights.c", "codec_codebooks.c")


def write_firmware(codec: ExportedCodec, golden_windows: Single, l1_bytes: int, folder: Path) -> MemoryPlan:
    """Write the firmware of ``codec`` into ``folder``, whole or not at all.

    Args:
        golden_windows: float32 [n, samples, channels].
        l1_bytes: for the arena; the stacks are apart.

    Raises:
        EdgeCodecError: the codec has what the generator does not know, the arena does not fit, or a window is unusable.
    """
    check_codec(codec)
    plan = plan_memory(codec, l1_bytes)
    with replacing_directory(folder) as temporary:
        _copy_sources(temporary)
        for path, text in _generated(codec, plan).items():
            (temporary / path).write_text(text, encoding="utf-8")
        write_json(temporary / "memory_map.json", memory_map(codec, plan))
        _write_golden(codec, golden_windows, temporary / "golden")
    return plan


def firmware_hash(folder: Path) -> str:
    """sha256 over the C sources of a firmware folder: what a committed measurement belongs to."""
    digest = hashlib.sha256()
    for path in sorted(path for part in _HASHED for path in (folder / part).rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def firmware_metrics(codec: ExportedCodec, plan: MemoryPlan, folder: Path) -> dict[str, Any]:
    """Figures of a written firmware folder: memory, work per layer, packets, and how much source there is."""
    form = PacketFormat.of(codec)
    by_rate = {}
    for rate in form.rates:
        ratios = compression_ratios(codec, rate)
        by_rate[str(rate)] = {
            "stages": form.stages(rate),
            "payload_bits": form.payload_bits(rate),
            "packet_bytes": form.packet_bytes(rate),
            "compression_ratio_payload": rounded(ratios.payload),
            "compression_ratio_on_air": rounded(ratios.on_air),
        }
    sources = [path for part in ("include", "src") for path in (folder / part).iterdir()]
    return {
        "codec": codec.codec,
        "model_hash": codec.model_hash,
        "firmware_hash": firmware_hash(folder),
        "arena_bytes": plan.arena_bytes,
        "l2_bytes": {"weights": plan.weights_bytes, "codebooks": plan.codebooks_bytes, "window": plan.window_bytes,
                     "total": plan.l2_bytes},
        "encoder_macs": codec.multiply_accumulates,
        "quantizer_macs": codec.quantizer.multiply_accumulates,
        "layers": [{"name": layer.name, "macs": layer.multiply_accumulates, "weight_bytes": layer.weight.nbytes}
                   for layer in codec.layers if isinstance(layer, Convolution)],
        "by_rate": by_rate,
        "packet_header_bytes": HEADER_BYTES,
        "packet_checksum_bytes": OVERHEAD_BYTES - HEADER_BYTES,
        "source_lines": {
            "kernels": sum(_lines(path) for path in sources if path.name not in _GENERATED_SOURCES),
            "generated": sum(_lines(path) for path in sources if path.name in _GENERATED_SOURCES),
        },
    }


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def memory_map(codec: ExportedCodec, plan: MemoryPlan) -> dict[str, Any]:
    """The plan for programs: sizes in bytes, lives in steps."""
    return {
        "codec": codec.codec,
        "model_hash": codec.model_hash,
        "arena_bytes": plan.arena_bytes,
        "weights_bytes": plan.weights_bytes,
        "codebooks_bytes": plan.codebooks_bytes,
        "window_bytes": plan.window_bytes,
        "steps": list(plan.steps),
        "blocks": [dict(vars(block)) for block in plan.blocks.values()],
    }


def _copy_sources(folder: Path) -> None:
    with as_file(files("edgecodec") / "firmware") as firmware:
        shutil.copytree(firmware / "include", folder / "include")
        shutil.copytree(firmware / "kernels", folder / "src")
        for part in ("ports", "verify"):
            shutil.copytree(firmware / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))


def _write_golden(codec: ExportedCodec, windows: Single, folder: Path) -> None:
    folder.mkdir()
    (folder / "windows.bin").write_bytes(windows.astype("<f4").tobytes())
    encoding = encode(codec, windows)
    (folder / "transcript.txt").write_text(expected_transcript(codec, encoding), encoding="utf-8")
    write_json(folder / "packets.json", [
        {str(rate): packet.hex() for rate, packet in packets(codec, encoding, window).items()}
        for window in range(len(windows))])


def _generated(codec: ExportedCodec, plan: MemoryPlan) -> dict[str, str]:
    return {
        "include/codec_model.h": _model_header(codec, plan),
        "src/codec_network.c": _network_source(codec, plan),
        "src/codec_weights.c": _weights_source(codec, plan),
        "src/codec_codebooks.c": _codebooks_source(codec, plan),
        "Makefile": _template("Makefile.in"),
        "README.md": _AtTemplate(_template("README.md.in")).substitute(_readme_fields(codec, plan)),
    }


# --- text of C ---

class _AtTemplate(string.Template):
    """Fields are written @NAME."""

    delimiter = "@"


def _template(name: str) -> str:
    return (files("edgecodec") / "firmware" / "templates" / name).read_text(encoding="utf-8")


def _banner(codec: ExportedCodec, what: str) -> str:
    return (f"/* {what} of the codec \"{codec.codec}\", model {codec.model_hash}.\n"
            " * Generated by EdgeCodec: do not edit. */\n")


def _array(values: NDArray[Any], indent: str) -> str:
    """The initializer of a flat array: float16 by its bits, float32 in hex, both exact."""
    flat = values.ravel()
    if flat.dtype == np.float32:
        words, per_line = [f"{float(value).hex()}f" for value in flat], 4
    else:
        words, per_line = [f"0x{bits:04x}" for bits in flat.view(np.uint16)], 12
    lines = (", ".join(words[first : first + per_line]) for first in range(0, len(words), per_line))
    return "{\n" + "".join(f"{indent}    {line},\n" for line in lines) + f"{indent}}}"


def _c_type(values: NDArray[Any]) -> str:
    return "float" if values.dtype == np.float32 else "uint16_t"


def _declaration(name: str, values: NDArray[Any], meaning: str) -> str:
    sizes = " * ".join(str(size) for size in values.shape)
    return f"    {_c_type(values)} {name}[{sizes}]; /* {meaning} */\n"


# --- weights and codebooks ---

def _layer_arrays(layer: Layer) -> Iterator[tuple[str, NDArray[Any], str]]:
    """Member of the struct of weights, values, meaning."""
    if isinstance(layer, Normalize):
        yield f"{layer.name}_offset", layer.offset, "[channels]"
        yield f"{layer.name}_scale", layer.scale, "[channels]"
    elif isinstance(layer, Convolution):
        meaning = "[channels][taps]" if layer.depthwise else "[output channels][taps][input channels]"
        yield f"{layer.name}_weight", layer.weight, meaning
        yield f"{layer.name}_bias", layer.bias, "[output channels]"


def _weight_arrays(codec: ExportedCodec) -> list[tuple[str, NDArray[Any], str]]:
    return [entry for layer in codec.layers for entry in _layer_arrays(layer)]


def _codebook_arrays(codec: ExportedCodec) -> list[tuple[str, NDArray[Any], str]]:
    arrays: list[tuple[str, NDArray[Any], str]] = []
    for number, stage in enumerate(codec.quantizer.stages):
        arrays.append((f"stage{number}_norms", stage.norms, "[codewords]"))
        arrays.append((f"stage{number}_codewords", stage.codewords, "[codewords][samples]"))
        if stage.coordinates is not None:
            arrays.append((f"stage{number}_coordinates", stage.coordinates, "[samples]"))
    return arrays


def _hash_bytes(codec: ExportedCodec) -> str:
    digest = bytes.fromhex(codec.model_hash)
    rows = (", ".join(f"0x{byte:02x}" for byte in digest[first : first + 16]) for first in (0, 16))
    return "{\n        " + ",\n        ".join(rows) + ",\n    }"


def _blob(name: str, kind: str, codec: ExportedCodec, size: int,
          arrays: Iterable[tuple[str, NDArray[Any], str]]) -> str:
    members = "".join(f"    .{member} = {_array(values, '    ')},\n" for member, values, _ in arrays)
    return (f"\n#include \"codec_model.h\"\n\nconst ec_{name} codec_{name} = {{\n"
            f"    .header = {{{kind}, {size}u, {_hash_bytes(codec)}}},\n{members}}};\n")


def _weights_source(codec: ExportedCodec, plan: MemoryPlan) -> str:
    return _banner(codec, "Weights") + _blob("weights", "EC_WEIGHTS", codec, plan.weights_bytes, _weight_arrays(codec))


def _codebooks_source(codec: ExportedCodec, plan: MemoryPlan) -> str:
    return _banner(codec, "Codebooks") + _blob("codebooks", "EC_CODEBOOKS", codec, plan.codebooks_bytes,
                                               _codebook_arrays(codec))


# --- codec_model.h ---

def _model_header(codec: ExportedCodec, plan: MemoryPlan) -> str:
    quantizer = codec.quantizer
    form = PacketFormat.of(codec)
    sizes = {
        "EC_MODEL_HASH": f"\"{codec.model_hash}\"",
        "EC_SAMPLES": codec.samples,
        "EC_CHANNELS": codec.channels,
        "EC_TOKENS": quantizer.tokens,
        "EC_STAGES": len(quantizer.stages),
        "EC_RATES": len(quantizer.stages_of_rate),
        "EC_ARENA_BYTES": plan.arena_bytes,
        "EC_PACKET_BYTES": form.packet_bytes(form.rates[-1]),
    }
    defines = "".join(f"#define {name} {value}\n" for name, value in sizes.items())
    weights = "".join(_declaration(*entry) for entry in _weight_arrays(codec))
    codebooks = "".join(_declaration(*entry) for entry in _codebook_arrays(codec))
    mark = codec.model_hash[:16]
    return f"""{_banner(codec, "Sizes and data")}#ifndef CODEC_MODEL_H
#define CODEC_MODEL_H

#include "edgecodec.h"

{defines}
/* The symbols carry the model: objects of different models do not link. */
#define codec_weights codec_weights_{mark}
#define codec_codebooks codec_codebooks_{mark}

/* uint16_t holds float16 by its bits. */
typedef struct ec_weights {{
    ec_blob header;
{weights}}} ec_weights;

typedef struct ec_codebooks {{
    ec_blob header;
{codebooks}}} ec_codebooks;

extern const ec_weights codec_weights;
extern const ec_codebooks codec_codebooks;

#endif
"""


# --- codec_network.c ---

def _macro(block: str) -> str:
    return f"AT_{re.sub(r'[^A-Za-z0-9]', '_', block).upper()}"


def _at(view: View) -> str:
    place = _macro(view.buffer)
    return f"{place} + {2 * view.offset}u" if view.offset else place


def _view(view: View) -> str:
    return f"{{{_at(view)}, {view.rows}, {view.channels}}}"


def _initializer(fields: Mapping[str, object], indent: str) -> str:
    return "{\n" + "".join(f"{indent}    .{name} = {value},\n" for name, value in fields.items()) + f"{indent}}}"


def _fields_of_layer(layer: Layer, plan: MemoryPlan) -> tuple[str, str, dict[str, object]]:
    """Kind, member of the union, and the member's fields."""
    fields: dict[str, object] = {}
    if not isinstance(layer, Normalize):
        fields["input"] = _view(layer.input)
    fields["output"] = _view(layer.output)
    if isinstance(layer, Transpose):
        return "EC_TRANSPOSE", "transpose", fields
    for member, _, _ in _layer_arrays(layer):
        fields[member.removeprefix(f"{layer.name}_")] = f"offsetof(ec_weights, {member})"
    blocks = f"{{{_macro(scratch_name(layer))}, {plan.fetches[layer.name].rows}}}"
    if isinstance(layer, Normalize):
        return "EC_NORMALIZE", "normalize", {**fields, "channels": len(layer.offset), "blocks": blocks}
    fields |= {"residual": _at(layer.residual) if layer.residual is not None else "EC_NONE",
               "taps": layer.taps, "stride": layer.stride, "dilation": layer.dilation, "pad_left": layer.pad_left}
    if layer.slope is not None:
        fields |= {"prelu": "true", "slope": f"{float(np.float32(layer.slope)).hex()}f"}
    kind = "EC_DEPTHWISE" if layer.depthwise else "EC_CONVOLUTION"
    return kind, "convolution", {**fields, "blocks": blocks}


def _layer_initializer(layer: Layer, plan: MemoryPlan) -> str:
    kind, member, fields = _fields_of_layer(layer, plan)
    return "    " + _initializer({"name": f"\"{layer.name}\"", "kind": kind,
                                  member: _initializer(fields, "        ")}, "    ") + ",\n"


def _stage_initializer(codec: ExportedCodec, number: int) -> str:
    stage = codec.quantizer.stages[number]
    coordinates = f"offsetof(ec_codebooks, stage{number}_coordinates)" if stage.coordinates is not None else "EC_NONE"
    count, samples = stage.codewords.shape
    return "    " + _initializer({
        "codewords": f"offsetof(ec_codebooks, stage{number}_codewords)",
        "norms": f"offsetof(ec_codebooks, stage{number}_norms)",
        "coordinates": coordinates,
        "count": count, "samples": samples, "index_bits": stage.index_bits,
    }, "    ") + ",\n"


def _network_source(codec: ExportedCodec, plan: MemoryPlan) -> str:
    quantizer = codec.quantizer
    places = "".join(f"#define {_macro(name)} {block.offset}u\n" for name, block in plan.blocks.items())
    layers = "".join(_layer_initializer(layer, plan) for layer in codec.layers)
    stages = "".join(_stage_initializer(codec, number) for number in range(len(quantizer.stages)))
    rates = ", ".join(str(stages) for stages in quantizer.stages_of_rate)
    network = _initializer({
        "model": _initializer({
            "codec": f"\"{codec.codec}\"", "model_hash": "EC_MODEL_HASH", "samples": "EC_SAMPLES",
            "channels": "EC_CHANNELS", "tokens": "EC_TOKENS", "stages": "EC_STAGES", "rates": "EC_RATES",
            "stages_of_rate": "stages_of_rate", "layers": "sizeof layers / sizeof layers[0]",
        }, "    "),
        "model_hash": _hash_bytes(codec),
        "arena_bytes": "EC_ARENA_BYTES",
        "weights_bytes": "sizeof(ec_weights)",
        "codebooks_bytes": "sizeof(ec_codebooks)",
        "layers": "layers",
        "quantizer": _initializer({
            "latent": _view(quantizer.latent), "tokens": "EC_TOKENS", "queries": _macro("quantizer_queries"),
            "nearest": _macro("quantizer_nearest"),
            "blocks": f"{{{_macro('quantizer_fetch')}, {plan.fetches['quantizer'].rows}}}", "stages": "stages",
        }, "    "),
    }, "")
    table = "".join(f" * {line}\n" for line in plan.table().splitlines())
    return f"""{_banner(codec, "Layers and stages")}
#include "codec_model.h"
#include "network.h"

/* The arena:
 *
{table} */
{places}
_Static_assert(sizeof(ec_weights) == {plan.weights_bytes}, "the weights have no padding");
_Static_assert(sizeof(ec_codebooks) == {plan.codebooks_bytes}, "the codebooks have no padding");

static const ec_layer layers[] = {{
{layers}}};

static const ec_stage stages[EC_STAGES] = {{
{stages}}};

static const uint16_t stages_of_rate[EC_RATES] = {{{rates}}};

const ec_network ec_codec_network = {network};
"""


# --- README.md ---

def _readme_fields(codec: ExportedCodec, plan: MemoryPlan) -> dict[str, str]:
    form = PacketFormat.of(codec)
    rates = "\n".join(
        f"| {rate} | {form.stages(rate)} | {form.payload_bits(rate)} | {form.packet_bytes(rate)} "
        f"| {ratios.payload:.0f} | {ratios.on_air:.0f} |"
        for rate in form.rates for ratios in [compression_ratios(codec, rate)])
    return {
        "CODEC": codec.codec,
        "MODEL_HASH": codec.model_hash,
        "MODEL_MARK": codec.model_hash[:16],
        "SAMPLES": str(codec.samples),
        "CHANNELS": str(codec.channels),
        "SAMPLE_RATE": f"{codec.sample_rate_hz:g}",
        "MACS": f"{codec.multiply_accumulates:,}",
        "QUANTIZER_MACS": f"{codec.quantizer.multiply_accumulates:,}",
        "MEMORY_MAP": plan.table().rstrip(),
        "RATES": rates,
    }
