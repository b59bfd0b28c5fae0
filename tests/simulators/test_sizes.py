"""Code does not grow unnoticed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from compilers import every_compiler
from deploy.factory import L1_STACK_BYTES, Sizes, edge_like, random_windows

from edgecodec.deploy.emit import write_firmware
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.qemu import BOARDS
from edgecodec.simulators.sizes import COMPILERS, LARGEST_GROWTH, Size, grown, measure_sizes
from edgecodec.simulators.toolchain import KINDS, Toolchain
from edgecodec.storage import read_json


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    codec = edge_like(Sizes(channels=12, regimes=3, coded_classes=8, monitored=True))
    folder = tmp_path_factory.mktemp("sizes") / "firmware"
    write_firmware(codec, random_windows(codec, 1), 1 << 20, folder, L1_STACK_BYTES)
    return folder


@pytest.fixture(scope="module")
def committed(repository: Path) -> list[Size]:
    sizes = json.loads((repository / "artifacts" / "metrics" / "sizes.json").read_text())["sizes"]
    return [Size(**size) for size in sizes]


@pytest.mark.tools
@pytest.mark.parametrize("board", ["qemu", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("compiler", [one for one in every_compiler("cortex-m4") if one.id in COMPILERS])
def test_code_has_not_grown(firmware: Path, committed: list[Size], compiler: Toolchain, board: str) -> None:
    if BOARDS[board].core not in KINDS[compiler.name].flags:
        pytest.skip(f"{compiler.name} does not build for {board}")
    (measured,) = measure_sizes(firmware, [compiler], [board])
    before = [size for size in committed if (size.core, size.compiler) == (measured.core, measured.compiler)]
    if not before:
        pytest.skip(f"the committed figures are of another version than {measured.compiler}")
    assert grown([measured], before) == []
    assert measured.code == pytest.approx(before[0].code, rel=LARGEST_GROWTH), "smaller: write the figures anew"


def test_growth_is_said_with_its_limit(committed: list[Size]) -> None:
    first, *others = committed
    larger = replace(first, code=int(first.code * (1 + LARGEST_GROWTH)) + 1)
    (line,) = grown([larger, *others], committed)
    assert line.startswith(f"{first.core}, {first.compiler}: {larger.code:,} bytes of code instead of {first.code:,}; ")
    assert grown([replace(larger, code=larger.code - 1), *others], committed) == []
    assert grown([replace(larger, compiler="zig 9.0")], committed) == []


def test_the_smallest_node_holds_the_model_and_what_the_caller_lends(firmware: Path, toolchain: Toolchain) -> None:
    (size,) = measure_sizes(firmware, [toolchain], ["cortex-m4"])
    sizes = Firmware.open(firmware)
    assert 0 < size.flash - size.code - sizes.weights_bytes - sizes.codebooks_bytes < 4000  # tables, and names
    lent = read_json(firmware / "memory_map.json")
    assert 0 < size.ram - lent["one_worker"]["arena_bytes"] - lent["intake_bytes"] < 2000  # counts, indices, packet


def test_every_core_and_compiler_is_committed(committed: list[Size]) -> None:
    assert {size.core for size in committed} == {board.core for board in BOARDS.values()}
