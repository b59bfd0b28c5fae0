"""The codecs that the firmware benchmark compares: the registered one, and the paper's; and what the cycle model of
their cycles is fitted on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.network import Arithmetic, ExportedCodec, load_codec
from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import load_model
from edgecodec.params import Params, load_params
from edgecodec.progress import progress
from edgecodec.simulators.benchmark import Bench, FirmwareBenchmark
from edgecodec.simulators.cycle_shapes import SHAPES, Shape, noise
from edgecodec.simulators.gvsoc import CLUSTER_CORES, GvsocSimulator
from edgecodec.simulators.measurement import Measurement, read_measurements
from edgecodec.simulators.toolchain import Toolchain, choose_toolchain

RECORDS = ("gvsoc_measurements.json", "cycle_measurements.json")  # of the pipeline's firmware, and of many shapes


@dataclass(frozen=True)
class BenchmarkCodecs:
    """``artifacts/float16``, and ``artifacts/paper/sound`` in the same arithmetic."""

    codecs: dict[str, ExportedCodec]
    window: NDArray[np.float32]  # [samples, channels], the first for validation

    @classmethod
    def open(cls, artifacts: Path, params: Params) -> BenchmarkCodecs:
        """Where the paper's codec has not been trained its weights are drawn: it takes the same cycles.

        Raises:
            EdgeCodecError: a result of the pipeline is absent.
        """
        window = WindowSet.open(artifacts / "windows/validation").inputs(slice(0, 1))[0].T.copy()
        exported = load_codec(artifacts / "float16")
        codecs = {exported.codec: exported}
        if exported.codec != "paper":
            trained = artifacts / "paper/sound"
            shape = Shape(exported.channels, exported.samples, params.codecs.paper)
            codecs["paper"] = (export_codec(load_model(trained), exported.arithmetic) if trained.is_dir()
                               else shape.random_codec(params.seed, params.train.paper, exported.arithmetic))
        return cls(codecs, window)


def benchmark_codecs(artifacts: Path) -> dict[str, FirmwareBenchmark]:
    """Of both codecs; and with GVSOC, on all cores, of the same in the arithmetic that they are not exported for
    (``edge_lanes``). Without it, estimates.

    Raises:
        EdgeCodecError: a result of the pipeline is absent, or a firmware does not fit, run, or equal the oracle.
    """
    params = load_params()
    present = BenchmarkCodecs.open(artifacts, params)
    with _bench(artifacts, params) as bench:
        found = {name: bench.measure(codec, present.window) for name, codec in present.codecs.items()}
        for name, codec in present.codecs.items() if bench.simulator is not None else ():
            (other,) = (arithmetic for arithmetic in get_args(Arithmetic) if arithmetic != codec.arithmetic)
            found[f"{name}_{other}"] = bench.measure(replace(codec, arithmetic=other), present.window,
                                                     cores=(CLUSTER_CORES,))
        return found


def count_shapes(artifacts: Path) -> tuple[Measurement, ...]:
    """What GVSOC counts of codecs of many shapes, and of those that the benchmark compares.

    Raises:
        EdgeCodecError: as for :func:`benchmark_codecs`, or there is no GVSOC.
    """
    params = load_params()
    present = BenchmarkCodecs.open(artifacts, params)
    arithmetic = params.firmware.arithmetic
    cases = [(name, codec, present.window) for name, codec in present.codecs.items()]
    for seed, (name, shape) in enumerate(SHAPES.items()):
        training = params.train.edge if name.startswith("edge") else params.train.paper
        codec = shape.random_codec(seed, training, arithmetic)
        cases.append((name, codec, noise(codec, seed)))
    with _bench(artifacts, params) as bench:
        return tuple(bench.record(*case) for case in progress(cases, "Codecs counted on GVSOC"))


@contextmanager
def _bench(artifacts: Path, params: Params) -> Iterator[Bench]:
    toolchain = choose_toolchain(params.verify.compiler, "riscv32")
    kept = [measurement for name in RECORDS for measurement in read_measurements(artifacts / name)]
    with tempfile.TemporaryDirectory() as work:
        yield Bench(toolchain, _gvsoc(toolchain, params.firmware.l1_stack_bytes), params.verify.target,
                    params.firmware.arena_bytes, params.verify.time_limit_seconds, kept, Path(work))


def _gvsoc(toolchain: Toolchain, l1_stack_bytes: int) -> GvsocSimulator | None:
    try:
        return GvsocSimulator.find(toolchain, l1_stack_bytes)
    except EdgeCodecError:
        return None
