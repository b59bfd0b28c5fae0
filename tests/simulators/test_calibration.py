"""The cycle model's error is that on firmware it was not fitted on, and every estimate tells it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from deploy.factory import Sizes, edge_like, paper_like
from simulators.test_cycles import count, workload_of

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.calibration import Calibration
from edgecodec.simulators.cycles import Cycles
from edgecodec.simulators.measurement import Measurement, read_measurements
from edgecodec.simulators.memory_map import Footprint
from edgecodec.storage import read_json


def measured(name: str, sizes: Sizes, factor: int = 1, kernels: str = "new") -> Measurement:
    workload = workload_of(edge_like(sizes))
    return Measurement(name, kernels, name, "gap9_like", "gvsoc 0123", 370.0, 388, Footprint(1, 2, 3), workload,
                       slower(count(workload), factor))


def slower(cycles: Cycles, factor: int) -> Cycles:
    def times(counts: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(factor * one for one in counts)

    return Cycles(times(cycles.layers), times(cycles.stages), times(cycles.packets), times(cycles.choice),
                  times(cycles.chains))


def calibration(measurements: Sequence[Measurement], kernels: str = "new") -> Calibration:
    return Calibration.of(measurements, "gap9_like", "dotpex", kernels)


def test_each_is_estimated_by_a_model_that_has_not_seen_it() -> None:
    """Two of one shape and one that takes twice as long: the pair is right about each other, the third far off."""
    found = calibration([measured(name, Sizes(), factor) for name, factor in (("a", 1), ("b", 1), ("twice", 2))])
    chains = {miss.firmware: miss.chain for miss in found.misses}
    assert chains["twice"] == pytest.approx(-0.5, abs=0.02)
    assert all(0 < chains[name] < 0.6 for name in "ab")
    assert "50.0% at most in the 3 firmwares that were left out" in found.remark
    assert found.to_json()["largest_error"]["chain"] == pytest.approx(0.5, abs=0.02)


def test_measurements_of_the_same_kernels_are_preferred_and_others_are_said() -> None:
    old, new = measured("a", Sizes(), 50, kernels="old"), measured("b", Sizes())
    estimate = calibration([old, new]).model.estimate(new.workload)
    assert estimate.encoder == pytest.approx(new.cycles.encoder, rel=0.01)
    other = calibration([old, new], kernels="unheard of")
    assert new.cycles.encoder < other.model.estimate(new.workload).encoder < old.cycles.encoder
    assert other.remark.endswith("measured with other kernels than these")


def test_what_was_never_measured_is_named() -> None:
    with pytest.raises(EdgeCodecError, match="no measurement on pulp-open in arithmetic dotpex in the records"):
        Calibration.of([measured("a", Sizes())], "pulp-open", "dotpex", "new")
    with pytest.raises(EdgeCodecError, match="no measurement on gap9_like in arithmetic lanes in the records"):
        Calibration.of([measured("a", Sizes())], "gap9_like", "lanes", "new")


def test_a_firmware_of_kinds_that_no_other_has_is_not_left_out() -> None:
    workload = workload_of(paper_like(Sizes()))
    paper = replace(measured("paper", Sizes()), workload=workload, cycles=count(workload))
    found = calibration([measured("a", Sizes()), measured("b", Sizes(seed=1)), paper])
    assert [miss.firmware for miss in found.misses] == ["a", "b"]
    assert calibration([paper]).remark == "cycle model, of unknown error"


def test_the_committed_error_is_that_of_the_committed_measurements(repository: Path) -> None:
    artifacts = repository / "artifacts"
    kept = read_measurements(artifacts / "cycle_measurements.json")
    assert {"edge", "paper"} <= {one.codec for one in kept}
    assert len({one.kernels_hash for one in kept}) == 1
    found = calibration(kept, kept[0].kernels_hash).to_json()
    committed = read_json(artifacts / "metrics" / "cycle_model.json")
    assert found["left_out"].keys() == committed["left_out"].keys()
    for name, misses in found["left_out"].items():
        assert misses == pytest.approx(committed["left_out"][name], abs=1e-4)
    assert found["largest_error"] == pytest.approx(committed["largest_error"], abs=1e-4)
