"""Writes the firmware folder: the hand-written kernels, the codec as C, golden vectors, and how to build it all.

::

    include/    edgecodec.h (the API), codec_model.h (this model's sizes and data)
    src/        kernels, arithmetic.h (its profile), codec_network.c (layers and stages), codec_weights.c,
                codec_codebooks.c
    ports/      teams of workers: serial, pthreads, pulp
    verify/     prints hashes of every layer; the host's main
    golden/     windows.bin, transcript.txt (what the host must print), packets.json
    Makefile  README.md  memory_map.json
"""

from __future__ import annotations

import hashlib
import shutil
import string
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from edgecodec.deploy.c_source import (
    arithmetic_header,
    codebooks_source,
    model_header,
    network_source,
    weights_source,
)
from edgecodec.deploy.checks import check_codec
from edgecodec.deploy.golden import expected_transcript, packets
from edgecodec.deploy.memory import MemoryPlan, plan_memory
from edgecodec.deploy.network import CodedQuantizer, Convolution, ExportedCodec, Filter, Quantizer, Single
from edgecodec.deploy.oracle import encode
from edgecodec.deploy.packet import HEADER_BYTES, OVERHEAD_BYTES, PacketFormat, compression_ratios
from edgecodec.storage import replacing_directory, rounded, write_json

_HASHED = ("include", "src", "ports", "verify")
_GENERATED_SOURCES = ("codec_model.h", "arithmetic.h", "codec_network.c", "codec_weights.c",
                      "codec_codebooks.c")


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
        if form.coded is not None:
            by_rate[str(rate)]["coded_stages"] = form.coded.stages(rate)
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
        "coded_quantizer_macs": None if codec.coded is None else codec.coded.quantizer.multiply_accumulates,
        "regimes": codec.quantizer.regimes,
        "layers": [{"name": layer.name, "macs": layer.multiply_accumulates, "weight_bytes": layer.weight.nbytes}
                   for layer in codec.layers if isinstance(layer, Filter | Convolution)],
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
    kinds = PacketFormat.of(codec).kinds
    write_json(folder / "packets.json", [
        {kind.name.lower(): {str(rate): packet.hex() for rate, packet in packets(codec, encoding, window, kind).items()}
         for kind in kinds} for window in range(len(windows))])


def _generated(codec: ExportedCodec, plan: MemoryPlan) -> dict[str, str]:
    return {
        "include/codec_model.h": model_header(codec, plan),
        "src/arithmetic.h": arithmetic_header(codec.arithmetic),
        "src/codec_network.c": network_source(codec, plan),
        "src/codec_weights.c": weights_source(codec, plan),
        "src/codec_codebooks.c": codebooks_source(codec, plan),
        "Makefile": _template("Makefile.in"),
        "README.md": _AtTemplate(_template("README.md.in")).substitute(_readme_fields(codec, plan)),
    }


class _AtTemplate(string.Template):
    """Fields are written @NAME."""

    delimiter = "@"


def _template(name: str) -> str:
    return (files("edgecodec") / "firmware" / "templates" / name).read_text(encoding="utf-8")


def _regimes_text(quantizer: Quantizer) -> str:
    if quantizer.regimes == 1:
        return "All windows share the same codebooks."
    contested, first_codewords = quantizer.contested_stages, quantizer.stages[0].codewords.shape[1]
    return (f"Windows fall into {quantizer.regimes} regimes, each with codebooks of its own. All regimes run the first "
            f"{contested} stages,\nthose of rate 1; the one that leaves the least energy runs the others alone. A "
            f"window's first index tells its regime:\nindex / {first_codewords}, rounded down.")


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
        "REGIMES": _regimes_text(codec.quantizer),
        "MEMORY_MAP": plan.table().rstrip(),
        "RATES": rates,
        "CODED": "" if codec.coded is None else _coded_text(codec.coded, form),
    }


def _coded_text(coded: CodedQuantizer, form: PacketFormat) -> str:
    rates = "\n".join(f"| {rate} | {coded.quantizer.stages_of_rate[rate - 1]} | {form.packet_bytes_max(rate)} |"
                      for rate in form.rates)
    return f"""
## Coded packets

The model has a second kind of packet, of the same rates: `ec_encode_coded` and `ec_pack_coded` in place of `ec_encode`
and `ec_pack` (whose indices are not the same). Its codewords are chosen so that their indices are cheap to code: at
about the same mean length the error is lower, but a packet is as long as its window is unlikely. Send coded packets
where the radio takes frames of any length and energy counts; fixed-length ones where a slot's size is fixed. A receiver
tells them apart by the packet's first byte, so that a node may choose for every window anew.

| rate | stages | packet bytes, at most |
|---|---|---|
{rates}

Quantizer, all stages: {coded.quantizer.multiply_accumulates:,} multiply-accumulates. Both kinds run the same layers and
use the same arena.
"""
