"""Kept measurements: they survive the file, find their firmware, and do not pile up."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from deploy.factory import L1_STACK_BYTES, Sizes, edge_like, paper_like, random_windows

from edgecodec.deploy.emit import firmware_hash, write_firmware
from edgecodec.deploy.memory import plan_memory
from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.cycles import Cycles
from edgecodec.simulators.measurement import (
    KEPT,
    Measurement,
    add,
    find,
    kernels_hash,
    read_measurements,
    write_measurements,
)
from edgecodec.simulators.memory_map import Footprint
from edgecodec.simulators.workload import Workload


def measured(name: str, *, target: str = "gap9_like", kernels: str = "k1", factor: int = 7) -> Measurement:
    codec = edge_like(Sizes())
    workload = Workload.of(codec, plan_memory(codec, 65536))
    cycles = Cycles(tuple(factor * (100 + sum(step.amounts.values())) for step in workload.layers),
                    tuple(factor * (100 + sum(step.amounts.values())) for step in workload.stages), (50, 60, 70))
    return Measurement(name, kernels, "edge", target, "gvsoc 0123", 370.0, 388, Footprint(1, 2, 3), workload, cycles)


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    kept = (measured("a"), replace(measured("b"), stack_bytes=None))
    write_measurements(path, kept)
    assert read_measurements(path) == kept


def test_no_file_means_nothing_measured(tmp_path: Path) -> None:
    assert read_measurements(tmp_path / "kept.json") == ()


def test_a_damaged_file_names_the_field(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    write_measurements(path, [measured("a")])
    path.write_text(path.read_text().replace('"clock_mhz": 370.0', '"clock_mhz": "fast"'))
    with pytest.raises(EdgeCodecError, match=r"kept.json: 0.clock_mhz: .*; restore the file with git"):
        read_measurements(path)


def test_the_same_firmware_is_replaced_in_place() -> None:
    kept = (measured("a"), measured("b"), measured("a", target="pulp-open"))
    again = measured("b", factor=9)
    assert add(kept, again) == (kept[0], again, kept[2])
    assert add(add(kept, again), again) == add(kept, again)


def test_the_oldest_give_way() -> None:
    kept: tuple[Measurement, ...] = ()
    for number in range(KEPT + 3):
        kept = add(kept, measured(str(number)))
    assert [measurement.firmware_hash for measurement in kept] == [str(KEPT + 2 - place) for place in range(KEPT)]


def test_only_the_very_same_firmware_and_target_is_found() -> None:
    kept = (measured("a"), measured("b", target="pulp-open"))
    assert find(kept, "a", "gap9_like") == kept[0]
    assert find(kept, "b", "gap9_like") is None
    assert find(kept, "c", "gap9_like") is None


def test_measurements_from_before_there_were_lanes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    content = asdict(measured("a"))
    del content["arithmetic"]
    path.write_text(json.dumps([content]))
    assert read_measurements(path) == (measured("a"),)


def test_measurements_from_before_there_were_amounts_are_read_but_no_model_is_fitted_on_them(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    content = asdict(measured("a"))
    content["workload"]["layers"] = [{"name": "decimate", "kind": "Filter", "macs": 1, "results": 2}]
    path.write_text(json.dumps([content]))
    (old,) = read_measurements(path)
    assert (measured("a").has_amounts, old.has_amounts) == (True, False)


def test_kernels_are_the_same_for_all_models_but_the_firmware_is_not(tmp_path: Path) -> None:
    for name, codec in (("one", paper_like(Sizes(seed=1))), ("two", edge_like(Sizes(seed=2)))):
        write_firmware(codec, random_windows(codec, 1), 65536, tmp_path / name, L1_STACK_BYTES)
    one, two = tmp_path / "one", tmp_path / "two"
    assert kernels_hash(one) == kernels_hash(two)
    assert firmware_hash(one) != firmware_hash(two)
    kernel = one / "src" / "convolution.c"
    kernel.write_text(kernel.read_text() + "\n")
    assert kernels_hash(one) != kernels_hash(two)
