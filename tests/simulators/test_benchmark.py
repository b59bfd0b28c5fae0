"""The firmware benchmark: counted on GVSOC for every number of cores, or estimated and marked so."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from deploy.factory import Sizes, edge_like, random_windows
from simulators.conftest import L1_STACK_BYTES

from edgecodec.deploy.emit import firmware_hash, write_firmware
from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.benchmark import Bench, table_rows
from edgecodec.simulators.cycles import Cycles
from edgecodec.simulators.gvsoc import GvsocSimulator
from edgecodec.simulators.measurement import Measurement, kernels_hash
from edgecodec.simulators.memory_map import Footprint
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.workload import Workload

L1_BYTES = 64 * 1024 - L1_STACK_BYTES


def bench(toolchain: Toolchain, gvsoc: GvsocSimulator | None, kept: Sequence[Measurement], work: Path) -> Bench:
    return Bench(toolchain, gvsoc, "gap9_like", L1_BYTES, L1_STACK_BYTES, 120, kept, work)


def test_fewer_cores_take_longer_and_the_table_says_so(toolchain: Toolchain, gvsoc: GvsocSimulator,
                                                       tmp_path: Path) -> None:
    codec = edge_like(Sizes(regimes=3))
    found = bench(toolchain, gvsoc, [], tmp_path).measure(codec, random_windows(codec, 1)[0], cores=(8, 1))
    assert found.evidence == "measured"
    rate = found.rates[-1]
    assert found.chain_milliseconds(8, rate) < found.chain_milliseconds(1, rate)
    rows = {title: figures for title, *figures in table_rows({"small": found})}
    assert rows[""] == ["paper, on GAP9", "small, measured"]
    assert rows["window to packet, highest rate, 1 core"][1] == f"{found.chain_milliseconds(1, rate):.2f} ms"


def test_without_gvsoc_the_figures_are_an_estimate_and_marked(toolchain: Toolchain, tmp_path: Path) -> None:
    """Of a firmware whose every step takes a thousand cycles: so says the kept measurement."""
    codec = edge_like(Sizes(regimes=3))
    plan = write_firmware(codec, random_windows(codec, 1), L1_BYTES, tmp_path / "measured", L1_STACK_BYTES)
    workload = Workload.of(codec, plan)
    layers, stages, packets, choice = ((1000,) * len(steps) for steps in (
        workload.layers, workload.stages, workload.packets, workload.choice))
    kept = Measurement(
        firmware_hash=firmware_hash(tmp_path / "measured"), kernels_hash=kernels_hash(tmp_path / "measured"),
        codec=codec.codec, target="gap9_like", simulator="gvsoc", clock_mhz=370.0, stack_bytes=100,
        footprint=Footprint(l1_bytes=1, l2_bytes=1, code_bytes=1), workload=workload,
        cycles=Cycles(layers, stages, packets, choice))
    found = bench(toolchain, None, [kept], tmp_path).measure(codec, random_windows(codec, 1)[0])
    assert (found.evidence, found.remark) == ("estimated", "cycle model, of unknown error")
    assert found.cycles.keys() == {8}
    assert found.cycles[8].encoder == pytest.approx(sum(kept.cycles.layers), rel=0.05)
    rows = table_rows({"small": found})
    assert rows[0][2] == "small, estimated"
    assert ("quantizer, highest rate, 1 core", "250 ms", "-") in rows


def test_without_gvsoc_and_measurements_one_line_says_what_is_missing(toolchain: Toolchain, tmp_path: Path) -> None:
    codec = edge_like(Sizes())
    with pytest.raises(EdgeCodecError, match="GVSOC"):
        bench(toolchain, None, [], tmp_path).measure(codec, random_windows(codec, 1)[0])


def test_a_record_is_what_the_next_estimate_is_fitted_on(toolchain: Toolchain, gvsoc: GvsocSimulator,
                                                         tmp_path: Path) -> None:
    codec = edge_like(Sizes(regimes=3, coded_codewords=9))
    window = random_windows(codec, 1)[0]
    record = bench(toolchain, gvsoc, [], tmp_path).record("small", codec, window)
    assert (record.codec, len(record.cycles.chains)) == ("small", 3)
    estimated = bench(toolchain, None, [record], tmp_path).measure(codec, window).cycles[8]
    assert estimated.encoder == pytest.approx(record.cycles.encoder, rel=0.05)
    assert estimated.chains == pytest.approx(record.cycles.chains, rel=0.1)


def test_without_gvsoc_nothing_is_recorded(toolchain: Toolchain, tmp_path: Path) -> None:
    codec = edge_like(Sizes())
    with pytest.raises(EdgeCodecError, match="GVSOC not found, which counts the cycles"):
        bench(toolchain, None, [], tmp_path).record("small", codec, random_windows(codec, 1)[0])
