"""Counts several trainings of one codec on GVSOC: how much of its cycles hangs on values."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgecodec.deploy.emit import write_firmware
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.memory import arena_bytes
from edgecodec.errors import EdgeCodecError
from edgecodec.model.calibration import load_calibration
from edgecodec.model.codec import load_model
from edgecodec.packets.network import load_codec
from edgecodec.params import load_params
from edgecodec.progress import progress
from edgecodec.simulators.estimate import CYCLE_TABLE
from edgecodec.simulators.gvsoc import GvsocSimulator
from edgecodec.simulators.measurement import Measurement, add, read_measurements, write_measurements
from edgecodec.simulators.toolchain import choose_toolchain
from edgecodec.simulators.verifier import Verifier, golden_windows


def count_trainings(artifacts: Path) -> Measurement:
    """Count the pipeline's own codec and those of ``artifacts/repeat``, and write down what all of them take.

    Raises:
        EdgeCodecError: there is no GVSOC, or no training; or one is another program, does not run, or has other bits
            than the oracle.
    """
    params = load_params()
    toolchain = choose_toolchain(params.verify.compiler, "riscv32")
    gvsoc = GvsocSimulator.find(toolchain, params.firmware.l1_stack_bytes)
    own = load_codec(artifacts / "float16")
    windows = golden_windows(artifacts / "firmware", own)
    repeated = sorted((artifacts / "repeat").glob("*/"))
    if not repeated:
        raise EdgeCodecError(f"{artifacts / 'repeat'}: no training; run `dvc repro studies/dvc.yaml:repeat_training`")
    calibration = load_calibration(artifacts / "calibration")  # of the first: it makes the same program of the others
    codecs = [own, *(export_codec(load_model(folder), own.arithmetic, calibration) for folder in repeated)]
    records = artifacts / "gvsoc_measurements.json"
    kept = read_measurements(records)
    counted: list[Measurement] = []
    for codec in progress(codecs, "Trainings counted on GVSOC"):
        with tempfile.TemporaryDirectory() as work:
            firmware = Path(work) / "firmware"
            write_firmware(codec, windows, arena_bytes(params.firmware), firmware, params.firmware.l1_stack_bytes)
            verifier = Verifier(codec, firmware, params.verify.target, arena_bytes(params.firmware),
                                params.firmware.l1_stack_bytes, toolchain, params.verify.time_limit_seconds, Path(work))
            new = verifier.verify(gvsoc, params.verify.target_windows, kept, artifacts / CYCLE_TABLE).new_measurement
        if new is None:
            raise EdgeCodecError(f"model {codec.model_hash[:8]}: not bit-exact; look at the stage verify_gvsoc")
        if counted and counted[0].program_hash != new.program_hash:
            raise EdgeCodecError(f"{artifacts / 'repeat'}: of another shape than {artifacts / 'float16'}; run "
                                 "`dvc repro studies/dvc.yaml:repeat_training`")
        counted.append(new)
        kept = add(kept, new)
    kept = add(kept, counted[0])  # whose steps stay on record
    write_measurements(records, kept)
    return counted[-1]
