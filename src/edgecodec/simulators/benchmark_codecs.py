"""The codecs that the firmware benchmark compares: the registered one, and the paper's if it has been trained."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import get_args

from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.network import Arithmetic, load_codec
from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import load_model
from edgecodec.params import load_params
from edgecodec.simulators.benchmark import Bench, FirmwareBenchmark
from edgecodec.simulators.gvsoc import CLUSTER_CORES, GvsocSimulator
from edgecodec.simulators.measurement import read_measurements
from edgecodec.simulators.toolchain import Toolchain, find_toolchain


def benchmark_codecs(artifacts: Path) -> dict[str, FirmwareBenchmark]:
    """Of ``artifacts/float16`` and ``artifacts/paper/sound``, on the first validation window; and, on all cores, of the
    same in the arithmetic that they are not exported for (``edge_lanes``).

    Without GVSOC the paper's codec is left out, with a line that says so: the cycle model knows the steps of firmware
    that the pipeline verified, and some of the paper's are of other kinds.

    Raises:
        EdgeCodecError: a result of the pipeline is absent, or a firmware does not fit, run, or equal the oracle.
    """
    params = load_params()
    window = WindowSet.open(artifacts / "windows/validation").inputs(slice(0, 1))[0].T.copy()  # [samples, channels]
    exported = load_codec(artifacts / "float16")
    codecs = {exported.codec: exported}
    toolchain = find_toolchain()
    gvsoc = _gvsoc(toolchain, params.firmware.l1_stack_bytes)
    if gvsoc is None:
        print("GVSOC is not found: figures are estimates, of the present codec alone")
    elif exported.codec != "paper" and (artifacts / "paper/sound").is_dir():
        codecs["paper"] = export_codec(load_model(artifacts / "paper/sound"), exported.arithmetic)
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(toolchain, gvsoc, params.verify.target,
                      params.firmware.l1_bytes - params.firmware.l1_stack_bytes, params.verify.time_limit_seconds,
                      read_measurements(artifacts / "gvsoc_measurements.json"), Path(work))
        found = {name: bench.measure(codec, window) for name, codec in codecs.items()}
        for name, codec in codecs.items() if gvsoc is not None else ():
            (other,) = (arithmetic for arithmetic in get_args(Arithmetic) if arithmetic != codec.arithmetic)
            found[f"{name}_{other}"] = bench.measure(replace(codec, arithmetic=other), window, cores=(CLUSTER_CORES,))
        return found


def _gvsoc(toolchain: Toolchain, l1_stack_bytes: int) -> GvsocSimulator | None:
    try:
        return GvsocSimulator.find(toolchain, l1_stack_bytes)
    except EdgeCodecError:
        return None
