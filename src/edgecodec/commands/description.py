"""What ``edgecodec info`` shows: the present codec, what it costs and reaches, and what is installed here."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from rich.table import Table

from edgecodec.console import facts, shown, table
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec, load_codec
from edgecodec.params import Params
from edgecodec.registry.measurements import Measurements, figures_of_rates
from edgecodec.simulators.selection import choose_simulator
from edgecodec.simulators.toolchain import choose_toolchain

PACKAGES = ("edgecodec", "torch", "mlflow", "dvc")
SIMULATORS = ("gvsoc", "qemu", "cortex-m55", "host")


def describe(artifacts: Path, params: Params) -> list[Table]:
    """Tables about codec, rates and installation.

    Raises:
        EdgeCodecError: there is no exported codec in ``artifacts``.
    """
    codec = load_codec(artifacts / "float16")
    measured = Measurements.read(artifacts / "metrics")
    return [_codec(codec, measured), _rates(codec, measured), _installation(params)]


def _codec(codec: ExportedCodec, measured: Measurements) -> Table:
    quantizer = codec.quantizer
    weights, codebooks = (sum(array.nbytes for array in arrays.values())
                          for arrays in (codec.weights(), codec.codebooks()))
    return facts({
        "codec": codec.codec,
        "model hash": codec.model_hash,
        "window": f"{codec.channels} channels x {codec.samples} samples at {codec.sample_rate_hz:g} Hz",
        "quantizer": f"{len(quantizer.stages)} stages of {len(quantizer.stages[0].codewords)} codewords, "
                     f"{quantizer.tokens} tokens",
        "MACs": f"{codec.multiply_accumulates:,} in the encoder, {quantizer.multiply_accumulates:,} in the quantizer",
        "constants": f"{weights:,} bytes of weights, {codebooks:,} of codebooks",
        "memory": ", ".join(f"{name} {shown(measured.number(f'verification.{key}'), 3)}" for name, key in (
            ("L1", "l1_bytes"), ("L2", "l2_bytes"), ("code", "code_bytes"))) + " bytes",
        "encoder": f"{shown(measured.number('verification.encoder.cycles'), 3)} cycles on "
                   f"{measured.entry('verification.target')} ({measured.entry('verification.evidence')})",
    })


def _rates(codec: ExportedCodec, measured: Measurements) -> Table:
    headings = {"payload_bits": "bits", "packet_bytes": "packet bytes", "payload_ratio": "ratio, payload",
                "on_air_ratio": "ratio, on air", "error_percent": "error %", "latency_milliseconds": "ms",
                "energy_millijoules": "mJ"}
    return table(None, ("rate", *headings.values()), [
        (str(figures.rate), *(shown(getattr(figures, name), 3) for name in headings))
        for figures in figures_of_rates(codec, measured)])


def _installation(params: Params) -> Table:
    packages = {name: version(name) for name in PACKAGES}
    return facts({"python": platform.python_version(), **packages, **dict(_simulators(params))})


def _simulators(params: Params) -> Iterator[tuple[str, str]]:
    for name in SIMULATORS:
        try:
            toolchain = choose_toolchain(params.verify.compiler)
            yield name, choose_simulator(name, toolchain, params.firmware.l1_stack_bytes).simulator.fingerprint
        except EdgeCodecError as absence:
            yield name, str(absence)
