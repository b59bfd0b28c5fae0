"""A codec that is trained anew keeps the cycles of its program, and is released without GVSOC."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_project import (
    REPOSITORY,
    commit_results,
    random_windows,
    save_params,
    save_results,
    small_params,
    train_small_codec,
)
from test_cli import Command, edgecodec  # noqa: F401  (a fixture)

from edgecodec.deploy.emit import write_firmware
from edgecodec.deploy.memory import arena_bytes, plan_memory
from edgecodec.errors import EdgeCodecError
from edgecodec.model.calibration import save_calibration
from edgecodec.model.codec import save_model
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import load_codec
from edgecodec.params import Params
from edgecodec.registry.register import register
from edgecodec.simulators.estimate import CYCLE_TABLE, CycleTable, estimate
from edgecodec.simulators.gvsoc import GvsocSimulator
from edgecodec.simulators.measurement import Measurement, find, read_measurements, write_measurements
from edgecodec.simulators.memory_map import Footprint
from edgecodec.simulators.program_hash import program_hash
from edgecodec.simulators.toolchain import choose_toolchain
from edgecodec.simulators.trainings import count_trainings
from edgecodec.storage import read_json

RECORDS = Path("artifacts/gvsoc_measurements.json")
TABLE = REPOSITORY / "artifacts" / CYCLE_TABLE


def params_on_host() -> Params:
    content = small_params().model_dump(mode="json", by_alias=True)
    content["verify"]["simulator"] = "host"
    return Params.model_validate(content)


def train(params: Params, seed: int) -> None:
    """What the stages from ``train`` to ``generate_c`` leave behind."""
    artifacts = Path("artifacts")
    save_results(train_small_codec(params, seed), params, artifacts)
    windows = np.ascontiguousarray(random_windows(3, seed=5).transpose(0, 2, 1))
    write_firmware(load_codec(artifacts / "float16"), windows, arena_bytes(params.firmware), artifacts / "firmware",
                   params.firmware.l1_stack_bytes)


def count() -> Measurement:
    """A measurement of the present program, as of GVSOC and another training before; cycles are made up."""
    codec, params = load_codec(Path("artifacts/float16")), params_on_host()
    cycles = estimate(CycleTable.read(TABLE).prices, codec)
    program = program_hash(codec, plan_memory(codec, arena_bytes(params.firmware)), Path("artifacts/firmware"))
    footprint = Footprint(l1_bytes=60_000, l2_bytes=20_000, code_bytes=28_000)
    return Measurement(program, codec.codec, "gap9_like", "dotpex", "gvsoc 0123", 388, footprint, cycles,
                       {codec.model_hash: {PacketKind.FIXED_LENGTH: (10_000, 20_000)},
                        "another": {PacketKind.FIXED_LENGTH: (10_003, 20_002)}})


def verify() -> dict[str, Any]:
    """Run the stage; its metrics."""
    subprocess.run([sys.executable, str(REPOSITORY / "stages" / "verify_gvsoc.py")], check=True, capture_output=True,
                   env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")})
    metrics: dict[str, Any] = read_json(Path("artifacts/metrics/verification.json"))
    return metrics


@pytest.mark.usefixtures("project")
@pytest.mark.slow
def test_another_training_is_recorded_and_can_be_promoted(edgecodec: Command) -> None:  # noqa: F811
    params = params_on_host()
    save_params(params, Path())
    write_measurements(RECORDS, [count()])
    first = load_codec(Path("artifacts/float16")).model_hash
    before = verify()

    train(params, seed=1)
    assert load_codec(Path("artifacts/float16")).model_hash != first
    after = verify()
    assert after == before
    assert (after["evidence"], after["trainings"], after["cycle_spread"]) == ("recorded", 2, {"fixed_length": 3e-4})

    commit_results(Path())
    version = register(params, Path()).version
    assert version is not None
    promoted = edgecodec("releases", "promote", version.number, "--reason", "new weights", "--by", "ada")
    assert promoted.status == 0, promoted.err
    assert "recorded; counted by gvsoc 0123; 2 trainings, 0.03% apart" in " ".join(promoted.out.split())


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_another_shape_is_estimated_and_cannot(edgecodec: Command) -> None:  # noqa: F811
    write_measurements(RECORDS, [count()])
    params = params_on_host()
    sizes = params.codecs.edge.model_copy(update={"coefficients": 8})
    wider = params.model_copy(update={"codecs": params.codecs.model_copy(update={"edge": sizes})})
    save_params(wider, Path())
    train(wider, seed=0)
    (Path("artifacts") / CYCLE_TABLE).write_bytes(TABLE.read_bytes())
    assert verify()["evidence"] == "estimated"

    commit_results(Path())
    version = register(wider, Path()).version
    assert version is not None
    promoted = edgecodec("releases", "promote", version.number, "--reason", "wider", "--by", "ada")
    assert promoted.status == 1
    assert "evidence: estimated, but a release needs measured or recorded" in promoted.err


@pytest.mark.tools
@pytest.mark.usefixtures("project")
def test_trainings_are_counted_beside_each_other() -> None:
    params = params_on_host()
    save_params(params, Path())
    write_measurements(RECORDS, [replace(count(), program_hash="another")])
    try:
        GvsocSimulator.find(choose_toolchain(params.verify.compiler, "riscv32"), params.firmware.l1_stack_bytes)
    except EdgeCodecError as absence:
        with pytest.raises(EdgeCodecError, match="GVSOC"):
            count_trainings(Path("artifacts"))
        pytest.skip(str(absence))
    with pytest.raises(EdgeCodecError, match="artifacts/repeat: no training; run `dvc repro"):
        count_trainings(Path("artifacts"))
    save_calibration(None, Path("artifacts/calibration"))
    for seed in (1, 2):
        save_model(train_small_codec(params, seed), params, Path(f"artifacts/repeat/{seed}"))
    counted = count_trainings(Path("artifacts"))
    assert len(counted.models) == 3
    assert 0 <= counted.spread[PacketKind.FIXED_LENGTH] < 0.05
    own = load_codec(Path("artifacts/float16")).model_hash
    kept = find(read_measurements(RECORDS), counted.program_hash, "gap9_like")
    assert kept is not None
    assert kept.models == counted.models
    assert kept.models[own][PacketKind.FIXED_LENGTH] == kept.cycles.fixed_length.chains
