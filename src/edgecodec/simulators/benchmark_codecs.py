"""The codecs that the firmware benchmark compares: the registered one, the paper's, and the classical one; and what
cycles of others are estimated by."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

from edgecodec import chosen
from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.memory import CLUSTER_CORES, arena_bytes
from edgecodec.designed import designed
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.evaluate import OTHERS
from edgecodec.model.codec import load_model
from edgecodec.packets.network import Arithmetic, ExportedCodec, load_codec
from edgecodec.params import Params, load_params
from edgecodec.simulators.benchmark import Bench, FirmwareBenchmark
from edgecodec.simulators.drawn_codecs import SHAPES, Shape, noise
from edgecodec.simulators.estimate import CYCLE_TABLE, CycleTable, miss, prices_of
from edgecodec.simulators.gvsoc import GvsocSimulator
from edgecodec.simulators.toolchain import Toolchain, choose_toolchain

BASELINES = ("paper", "transform")  # the kinds of codec that firmware is compared with


def benchmark_codecs(artifacts: Path) -> dict[str, FirmwareBenchmark]:
    """Of all codecs; and with GVSOC, on all cores, of the same in the arithmetic that they are not exported for
    (``edge_lanes``), and of those that make remarks as if they made none (``edge_without_remarks``). Without it,
    estimates.

    Raises:
        EdgeCodecError: a result of the pipeline is absent, or a firmware does not fit, run, or equal the oracle.
    """
    params = load_params()
    window = WindowSet.open(artifacts / "windows/validation").inputs(slice(0, 1))[0].T.copy()  # [samples, channels]
    codecs = _codecs(artifacts, params)
    with _bench(artifacts, params) as bench:
        found = {name: bench.measure(codec, window) for name, codec in codecs.items()}
        for name, codec in codecs.items() if bench.simulator is not None else ():
            (other,) = (arithmetic for arithmetic in get_args(Arithmetic) if arithmetic != codec.arithmetic)
            found[f"{name}_{other}"] = bench.measure(replace(codec, arithmetic=other), window,
                                                     cores=(CLUSTER_CORES,))
            if codec.monitor is not None:
                found[f"{name}_without_remarks"] = bench.measure(_silent(codec), window, cores=(CLUSTER_CORES,))
        return found


def _silent(codec: ExportedCodec) -> ExportedCodec:
    """The same codec without its monitor."""
    return replace(codec, monitor=None, quantizers={
        kind: replace(quantizer, estimate=None) for kind, quantizer in codec.quantizers.items()})


def count_estimates(artifacts: Path) -> CycleTable:
    """Prices by every kind of codec on windows as the paper's, and how far they are off for others: counted on GVSOC.

    Raises:
        EdgeCodecError: there is no GVSOC, or a firmware does not fit, run, or equal the oracle.
    """
    params = load_params()
    priced = {name: Shape(name, 36, 800, chosen.sizes(designed(params), name)) for name in chosen.SIZES}
    gvsoc = GvsocSimulator.find(choose_toolchain(params.verify.compiler, "riscv32"), params.firmware.l1_stack_bytes)
    with _bench(artifacts, params) as bench:
        counted = {}
        for seed, (name, shape) in enumerate({**priced, **SHAPES}.items()):
            codec = shape.draw(seed, getattr(params.train, shape.codec), params.firmware.arithmetic)
            found = bench.measure(codec, noise(codec, seed), cores=(CLUSTER_CORES,))
            counted[name] = codec, found.cycles[CLUSTER_CORES]
    prices = prices_of([counted.pop(name) for name in priced])
    misses = {name: miss(prices, *one) for name, one in counted.items()}
    return CycleTable(params.verify.target, params.firmware.arithmetic, gvsoc.fingerprint, prices, misses)


def _codecs(artifacts: Path, params: Params) -> dict[str, ExportedCodec]:
    """``artifacts/float16``, and what the studies trained of the baselines, in the same arithmetic.

    Where a baseline has not been trained its weights are drawn: it takes the same cycles.
    """
    exported = load_codec(artifacts / "float16")
    codecs = {exported.codec: exported}
    for name in (name for name in BASELINES if name not in codecs):
        trained = artifacts / OTHERS[name]
        codecs[name] = (
            export_codec(load_model(trained), exported.arithmetic) if trained.is_dir() else
            Shape(name, exported.channels, exported.samples, chosen.sizes(designed(params), name)).draw(
                params.seed, getattr(params.train, name), exported.arithmetic))
    return codecs


@contextmanager
def _bench(artifacts: Path, params: Params) -> Iterator[Bench]:
    toolchain = choose_toolchain(params.verify.compiler, "riscv32")
    with tempfile.TemporaryDirectory() as work:
        yield Bench(toolchain, _gvsoc(toolchain, params.firmware.l1_stack_bytes), params.verify.target,
                    arena_bytes(params.firmware), params.firmware.l1_stack_bytes, params.verify.time_limit_seconds,
                    artifacts / CYCLE_TABLE, Path(work))


def _gvsoc(toolchain: Toolchain, l1_stack_bytes: int) -> GvsocSimulator | None:
    try:
        return GvsocSimulator.find(toolchain, l1_stack_bytes)
    except EdgeCodecError:
        return None
