"""Kept measurements: they survive the file, find their program, know its trainings, and do not pile up."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.simulators.cycles import Cycles, KindCycles
from edgecodec.simulators.measurement import (
    KEPT,
    Measurement,
    add,
    find,
    read_measurements,
    write_measurements,
)
from edgecodec.simulators.memory_map import Footprint
from edgecodec.storage import write_json

FIXED_LENGTH, CODED = PacketKind.FIXED_LENGTH, PacketKind.CODED


def measured(program: str, *, target: str = "gap9_like", model: str = "m1", chain: int = 1000) -> Measurement:
    cycles = Cycles((10, 20), {FIXED_LENGTH: KindCycles((30,), (5,), chains=(chain, chain + 100)),
                               CODED: KindCycles((40,), (6,), chains=(chain + 200,))})
    return Measurement(program, "edge", target, "dotpex", "gvsoc 0123, clang 19", 388, Footprint(1, 2, 3), cycles,
                       {model: {kind: each.chains for kind, each in cycles.kinds.items()}})


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    kept = (measured("a"), replace(measured("b"), stack_bytes=None, models={}))
    write_measurements(path, kept)
    assert read_measurements(path) == kept


def test_no_file_means_nothing_measured(tmp_path: Path) -> None:
    assert read_measurements(tmp_path / "kept.json") == ()


def test_a_damaged_file_names_the_field(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    write_measurements(path, [measured("a")])
    path.write_text(path.read_text().replace('"stack_bytes": 388', '"stack_bytes": "deep"'))
    with pytest.raises(EdgeCodecError, match=r"kept.json: 0.stack_bytes: .*; restore the file with git"):
        read_measurements(path)


def test_a_file_of_an_older_form_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    write_json(path, [{"firmware_hash": "0a", "kernels_hash": "1b", "codec": "edge", "target": "gap9_like"}])
    with pytest.raises(EdgeCodecError, match=r"kept.json: 0.program_hash: Field required; .* run verify_gvsoc"):
        read_measurements(path)


def test_the_same_program_is_replaced_in_place() -> None:
    kept = (measured("a"), measured("b"), measured("a", target="pulp-open"))
    again = measured("b", chain=900)
    assert add(kept, again) == (kept[0], again, kept[2])
    assert add(add(kept, again), again) == add(kept, again)


def test_the_oldest_give_way() -> None:
    kept: tuple[Measurement, ...] = ()
    for number in range(KEPT + 3):
        kept = add(kept, measured(str(number)))
    assert [measurement.program_hash for measurement in kept] == [str(KEPT + 2 - place) for place in range(KEPT)]


def test_only_the_same_program_and_target_is_found() -> None:
    kept = (measured("a"), measured("b", target="pulp-open"))
    assert find(kept, "a", "gap9_like") == kept[0]
    assert find(kept, "b", "gap9_like") is None
    assert find(kept, "c", "gap9_like") is None


def test_another_training_is_kept_beside_the_first_and_the_spread_is_told() -> None:
    (kept,) = add(add((), measured("a", model="m1", chain=1000)), measured("a", model="m2", chain=1010))
    assert kept.cycles == measured("a", chain=1010).cycles
    assert {model: chains[FIXED_LENGTH] for model, chains in kept.models.items()} == {
        "m1": (1000, 1100), "m2": (1010, 1110)}
    assert kept.spread == {FIXED_LENGTH: pytest.approx(0.01), CODED: pytest.approx(10 / 1200)}
    assert kept.remark == "counted by gvsoc 0123, clang 19; 2 trainings, 1.00% apart, 0.83% apart in coded packets"


def test_a_single_training_has_no_spread() -> None:
    assert measured("a").spread == {}
    assert measured("a").remark == "counted by gvsoc 0123, clang 19; a single training"


def test_trainings_that_another_simulator_counted_are_not_compared() -> None:
    newer = replace(measured("a", model="m2"), simulator="gvsoc 4567, zig")
    assert add((measured("a", model="m1"),), newer) == (newer,)


@given(cycles=st.lists(st.integers(1, 10**7), min_size=2, max_size=6))
def test_the_spread_is_the_largest_over_the_least(cycles: list[int]) -> None:
    models = {str(number): dict.fromkeys((FIXED_LENGTH, CODED), (chain,)) for number, chain in enumerate(cycles)}
    spread = max(cycles) / min(cycles) - 1
    assert replace(measured("a"), models=models).spread == {FIXED_LENGTH: spread, CODED: spread}
