"""Writes the firmware folder: the hand-written kernels, the codec as C, golden vectors, and how to build it all.

::

    include/    edgecodec.h (the API), codec_model.h (this model's sizes and data)
    src/        kernels, arithmetic.h (its profile), codec_memory.h (where in memory it works), codec_network.c
                (layers and stages), codec_weights.c, codec_codebooks.c
    ports/      teams of workers: serial, pthreads, pulp
    verify/     prints hashes of every layer; the host's main
    examples/   a node's main loop
    ota/        weights.bin, codebooks.bin: the model alone, for nodes that have the code
    golden/     windows.bin, transcript.txt (what the host must print), packets.json
    zephyr/     module.yml, Kconfig, CMakeLists.txt
    arduino/    library.properties
    Makefile  CMakeLists.txt  cmake/  library.json (PlatformIO)  EdgeCodec.EdgeCodec.pdsc (CMSIS-Pack)
    README.md  memory_map.json
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

from edgecodec.deploy.c_source import blobs, generated_sources, shape_hash
from edgecodec.deploy.checks import check_codec
from edgecodec.deploy.golden import expected_transcript, packets
from edgecodec.deploy.memory import MemoryPlan, plan_for_one_worker, plan_memory
from edgecodec.deploy.oracle import encode
from edgecodec.deploy.package_readme import readme
from edgecodec.deploy.templates import filled
from edgecodec.packaged import packaged
from edgecodec.packets.network import Convolution, ExportedCodec, Filter, Single
from edgecodec.packets.packet import HEADER_BYTES, OVERHEAD_BYTES, PacketFormat, compression_ratios
from edgecodec.storage import replacing_directory, rounded, write_json

SOURCES = ("include", "src", "ports", "verify")  # folders of C and assembly
_GENERATED_SOURCES = ("codec_model.h", "arithmetic.h", "codec_memory.h", "codec_network.c", "codec_weights.c",
                      "codec_codebooks.c")


def write_firmware(codec: ExportedCodec, golden_windows: Single, l1_bytes: int, folder: Path,
                   l1_stack_bytes: int) -> MemoryPlan:
    """Write the firmware of ``codec`` into ``folder``, whole or not at all.

    Args:
        golden_windows: float32 [n, samples, channels].
        l1_bytes: for the arena; the stacks are apart.
        l1_stack_bytes: for the stacks of all cores, which build files and README tell.

    Raises:
        EdgeCodecError: the codec has what the generator does not know, the arena does not fit, or a window is unusable.
    """
    check_codec(codec)
    plan, alone = plan_memory(codec, l1_bytes), plan_for_one_worker(codec)
    with replacing_directory(folder) as temporary:
        _copy_sources(temporary)
        _write(temporary, generated_sources(codec, plan, alone))
        header = (temporary / "include" / "edgecodec.h").read_text(encoding="utf-8")
        version = _version(header)
        _write(temporary, {**_build_files(temporary, version, l1_bytes + l1_stack_bytes, l1_stack_bytes),
                           **_manifests(codec, alone, temporary, version),
                           "README.md": readme(codec, plan, alone, header, l1_stack_bytes)})
        write_json(temporary / "memory_map.json", memory_map(codec, plan, alone))
        _write_blobs(blobs(codec, plan, alone), temporary / "ota")
        _write_golden(codec, golden_windows, temporary / "golden")
    return plan


def firmware_hash(folder: Path) -> str:
    """sha256 over the C sources of a firmware folder: what a verdict on its bits belongs to."""
    digest = hashlib.sha256()
    for path in sorted(path for part in SOURCES for path in (folder / part).rglob("*") if path.is_file()):
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
            "stages": form.fixed_length.stages(rate),
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
        "coded_quantizer_macs": None,
        **{kind.prefix("_") + "quantizer_macs": quantizer.multiply_accumulates
           for kind, quantizer in codec.quantizers.items()},
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


def memory_map(codec: ExportedCodec, plan: MemoryPlan, alone: MemoryPlan) -> dict[str, Any]:
    """The plans for programs, that of a single worker beside that of a team: sizes in bytes, lives in steps."""
    return {
        "codec": codec.codec,
        "model_hash": codec.model_hash,
        "shape_hash": shape_hash(codec, plan, alone),
        "arena_bytes": plan.arena_bytes,
        "weights_bytes": plan.weights_bytes,
        "codebooks_bytes": plan.codebooks_bytes,
        "window_bytes": plan.window_bytes,
        "intake_bytes": plan.intake_bytes,
        "channel_names": list(codec.channel_names),
        "steps": list(plan.steps),
        "blocks": _blocks(plan),
        "one_worker": {"arena_bytes": alone.arena_bytes, "blocks": _blocks(alone)},
    }


def _blocks(plan: MemoryPlan) -> list[dict[str, Any]]:
    return [dict(vars(block)) for block in plan.blocks.values() if block.bytes]


def _copy_sources(folder: Path) -> None:
    firmware = packaged("firmware")
    shutil.copytree(firmware / "include", folder / "include")
    shutil.copytree(firmware / "kernels", folder / "src")
    for part in ("ports", "verify", "examples"):
        shutil.copytree(firmware / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))


def _write_blobs(models: dict[str, bytes], folder: Path) -> None:
    folder.mkdir()
    for name, content in models.items():
        (folder / f"{name}.bin").write_bytes(content)


def _write_golden(codec: ExportedCodec, windows: Single, folder: Path) -> None:
    folder.mkdir()
    (folder / "windows.bin").write_bytes(windows.astype("<f4").tobytes())
    encoding = encode(codec, windows)
    (folder / "transcript.txt").write_text(expected_transcript(codec, encoding), encoding="utf-8")
    write_json(folder / "packets.json", [
        {kind.label: {str(rate): packet.hex() for rate, packet in packets(codec, encoding, window, kind).items()}
         for kind in codec.quantizers} for window in range(len(windows))])


def _write(folder: Path, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _build_files(folder: Path, version: str, l1_bytes: int, l1_stack_bytes: int) -> dict[str, str]:
    """How ``folder`` is built outside this project: texts by path, which name the sources that are in it.

    Args:
        l1_bytes: of a PULP cluster, stacks included; ``l1_stack_bytes`` are for those of all cores.
    """
    pulp = sorted(path.relative_to(folder).as_posix() for port in ("bare_metal", "pulp")
                  for path in (folder / "ports" / port).iterdir() if path.suffix in (".c", ".S"))
    return {
        "Makefile": filled("Makefile"),
        "CMakeLists.txt": filled("CMakeLists.txt", version=version, sources=_sources(folder), pulp_sources=pulp,
                                 l1_bytes=l1_bytes, l1_stack_bytes=l1_stack_bytes),
        "cmake/golden_windows.cmake": filled("golden_windows.cmake"),
    }


def _manifests(codec: ExportedCodec, plan: MemoryPlan, folder: Path, version: str) -> dict[str, str]:
    """What tells the build systems of others that ``folder`` is a library: texts by path."""
    return {
        "library.json": filled("library.json", codec=codec, version=version),
        "arduino/library.properties": filled("library.properties", codec=codec, version=version),
        "EdgeCodec.EdgeCodec.pdsc": filled("EdgeCodec.pdsc", codec=codec, version=version, sources=_sources(folder)),
        "zephyr/module.yml": filled("module.yml"),
        "zephyr/Kconfig": filled("Kconfig", codec=codec, plan=plan),
        "zephyr/CMakeLists.txt": filled("zephyr.cmake", sources=_sources(folder)),
    }


def _sources(folder: Path) -> list[str]:
    return sorted(f"src/{path.name}" for path in (folder / "src").glob("*.c"))


def _version(header: str) -> str:
    """Of edgecodec.h, as build systems write it."""
    return ".".join((*re.findall(r"#define EC_VERSION_M(?:AJ|IN)OR (\d+)", header), "0"))
