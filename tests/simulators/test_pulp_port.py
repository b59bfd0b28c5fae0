"""The port to the PULP cluster on GVSOC: barrier, DMA, stacks, console, exit and traps."""

from pathlib import Path

import pytest

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.gvsoc import CHIPS, GvsocSimulator
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.toolchain import Toolchain

SOURCE = Path(__file__).with_name("pulp_port_check.c")


def build(toolchain: Toolchain, repository: Path, folder: Path, *, target: str = "gap9_like", l1_bytes: int = 0,
          misbehave: str = "(void)0", status: int = 0) -> Image:
    ports = repository / "src" / "edgecodec" / "firmware" / "ports"
    sources = [ports / "pulp" / "start.S", ports / "pulp" / "runtime.c", ports / "bare_metal" / "memory.c", SOURCE]
    toolchain.build("riscv32", sources, folder / "check.elf", includes=[ports / "pulp", ports / "bare_metal"], options=[
        "-O2", "-fdata-sections", f"-DPULP_L1_BYTES={l1_bytes or CHIPS[target].l1_bytes}", "-DPULP_L1_STACK_BYTES=9216",
        f"-DMISBEHAVE={misbehave}", f"-DSTATUS={status}", "-T", str(ports / "pulp" / "pulp.ld")])
    return Image(target, folder / "check.elf", (), None)


@pytest.mark.parametrize("target", CHIPS)
def test_the_port_keeps_its_promises(gvsoc: GvsocSimulator, repository: Path, tmp_path: Path, target: str) -> None:
    image = build(gvsoc.toolchain, repository, tmp_path, target=target)
    printed = gvsoc.execute(image, time_limit_seconds=60).read_text()
    assert printed.splitlines() == [
        "ok barrier", "ok copy", "ok double buffer", "ok addresses", "ok clock", "ok stack"]


def test_the_exit_status_arrives(gvsoc: GvsocSimulator, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match="gvsoc: ended with status 7; last line: 'ok stack'"):
        gvsoc.execute(build(gvsoc.toolchain, repository, tmp_path, status=7), time_limit_seconds=60)


@pytest.mark.parametrize(("misbehave", "complaint"), [
    ("__builtin_trap()", "status 1; last line: 'trap, cause 0000000b, at 1c01.*, hart 00000000'"),
    ("*(volatile int *)0x30000000 = 1", "status 1; last line: '.*Invalid access .pc: 0x1c01.* offset: 0x30000000"),
    ("for (;;) { }", "killed at the time limit of 2 s .verify.time_limit_seconds.; last line: 'ok stack'"),
])
def test_a_program_that_goes_wrong_is_one_clear_line(
        gvsoc: GvsocSimulator, repository: Path, tmp_path: Path, misbehave: str, complaint: str) -> None:
    image = build(gvsoc.toolchain, repository, tmp_path, misbehave=misbehave)
    with pytest.raises(EdgeCodecError, match=complaint):
        gvsoc.execute(image, time_limit_seconds=2)


def test_data_that_reaches_into_the_stacks_does_not_link(
        toolchain: Toolchain, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match="data in L1 overlaps the stacks of the cluster cores"):
        build(toolchain, repository, tmp_path, l1_bytes=16 * 1024)
