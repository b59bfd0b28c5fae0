"""The firmware benchmark: counted on GVSOC for every number of cores, or estimated and marked so."""

from pathlib import Path

import pytest
from deploy.factory import Sizes, edge_like, random_windows
from simulators.conftest import L1_STACK_BYTES

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.benchmark import Bench, table_rows
from edgecodec.simulators.estimate import CYCLE_TABLE, CycleTable, estimate
from edgecodec.simulators.gvsoc import GvsocSimulator
from edgecodec.simulators.toolchain import Toolchain

L1_BYTES = 64 * 1024 - L1_STACK_BYTES


def bench(toolchain: Toolchain, gvsoc: GvsocSimulator | None, cycle_table: Path, work: Path) -> Bench:
    return Bench(toolchain, gvsoc, "gap9_like", L1_BYTES, L1_STACK_BYTES, 120, cycle_table, work)


def test_fewer_cores_take_longer_and_the_table_says_so(toolchain: Toolchain, gvsoc: GvsocSimulator,
                                                       tmp_path: Path) -> None:
    codec = edge_like(Sizes(regimes=3))
    found = bench(toolchain, gvsoc, tmp_path, tmp_path).measure(codec, random_windows(codec, 1)[0], cores=(8, 1))
    assert found.evidence == "measured"
    rate = found.rates[-1]
    assert found.chain_milliseconds(8, rate) < found.chain_milliseconds(1, rate)
    rows = {title: figures for title, *figures in table_rows({"small": found})}
    assert rows[""] == ["paper, on GAP9", "small, measured"]
    assert rows["window to packet, highest rate, 1 core"][1] == f"{found.chain_milliseconds(1, rate):.2f} ms"


def test_without_gvsoc_the_figures_are_an_estimate_and_marked(toolchain: Toolchain, repository: Path,
                                                              tmp_path: Path) -> None:
    codec, table = edge_like(Sizes(regimes=3)), repository / "artifacts" / CYCLE_TABLE
    found = bench(toolchain, None, table, tmp_path).measure(codec, random_windows(codec, 1)[0])
    assert (found.evidence, found.remark) == ("estimated", CycleTable.read(table).remark)
    assert found.cycles == {8: estimate(CycleTable.read(table).prices, codec)}
    rows = table_rows({"small": found})
    assert rows[0][2] == "small, estimated"
    assert ("quantizer, highest rate, 1 core", "250 ms", "-") in rows


def test_without_gvsoc_and_table_one_line_says_what_is_missing(toolchain: Toolchain, tmp_path: Path) -> None:
    codec = edge_like(Sizes())
    with pytest.raises(EdgeCodecError, match=r"absent.json: not found.*where GVSOC is"):
        bench(toolchain, None, tmp_path / "absent.json", tmp_path).measure(codec, random_windows(codec, 1)[0])
