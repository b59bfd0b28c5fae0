"""Which simulator is taken, and the reason that is given."""

from pathlib import Path

import pytest
from simulators.conftest import L1_STACK_BYTES, FakeGvsoc

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.selection import choose_simulator
from edgecodec.simulators.toolchain import Toolchain


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without GVSOC and QEMU; the folder that its PATH is."""
    for variable in ("GVSOC_HOME", "GVSOC_WORKDIR", "GAP_SDK_HOME"):
        monkeypatch.delenv(variable, raising=False)
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    return programs


def install_qemu(programs: Path, machine: str = "riscv32") -> None:
    install(programs / f"qemu-system-{machine}")


def install(program: Path) -> None:
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def test_the_host_is_always_there_and_says_what_is_missing(toolchain: Toolchain) -> None:
    choice = choose_simulator("auto", toolchain, L1_STACK_BYTES)
    assert choice.simulator.name == "host"
    assert "GVSOC not found" in choice.reason
    assert "qemu-system-riscv32 not found" in choice.reason
    assert "qemu-system-arm not found" in choice.reason


def test_qemu_comes_before_the_host(bare_machine: Path, toolchain: Toolchain) -> None:
    install_qemu(bare_machine)
    choice = choose_simulator("auto", toolchain, L1_STACK_BYTES)
    assert choice.simulator.name == "qemu"
    assert "qemu-system" not in choice.reason


def test_a_cortex_m_comes_before_the_host(bare_machine: Path, toolchain: Toolchain) -> None:
    install_qemu(bare_machine, "arm")
    choice = choose_simulator("auto", toolchain, L1_STACK_BYTES)
    assert choice.simulator.name == "cortex-m55"
    assert "qemu-system-riscv32 not found" in choice.reason
    assert choose_simulator("cortex-m4", toolchain, L1_STACK_BYTES).simulator.name == "cortex-m4"
    install_qemu(bare_machine)
    assert choose_simulator("auto", toolchain, L1_STACK_BYTES).simulator.name == "qemu"


def test_gvsoc_comes_first(bare_machine: Path, toolchain: Toolchain, fake_gvsoc: FakeGvsoc,
                           monkeypatch: pytest.MonkeyPatch) -> None:
    install_qemu(bare_machine)
    monkeypatch.setenv("GVSOC_HOME", str(fake_gvsoc("exit 0").folder))
    choice = choose_simulator("auto", toolchain, L1_STACK_BYTES)
    assert choice.simulator.name == "gvsoc"
    assert choice.reason == "the best one found"


def test_an_installed_simulator_can_be_passed_over(bare_machine: Path, toolchain: Toolchain) -> None:
    install_qemu(bare_machine)
    assert choose_simulator("host", toolchain, L1_STACK_BYTES).simulator.name == "host"


def test_boards_that_the_compiler_does_not_build_for_are_passed_over(bare_machine: Path) -> None:
    for program in ("qemu-system-riscv32", "qemu-system-arm", "gcc", "arm-none-eabi-gcc"):
        install(bare_machine / program)
    choice = choose_simulator("auto", Toolchain("gcc"), L1_STACK_BYTES)
    assert choice.simulator.name == "cortex-m55"
    assert "verify.compiler: gcc: has no float16 for riscv32; set verify.compiler: zig or clang-19" in choice.reason
    (bare_machine / "arm-none-eabi-gcc").unlink()
    choice = choose_simulator("auto", Toolchain("gcc"), L1_STACK_BYTES)
    assert choice.simulator.name == "host"
    assert "arm-none-eabi-gcc not found" in choice.reason


@pytest.mark.parametrize(("name", "complaint"), [
    ("gvsoc", "GVSOC not found: put gvsoc on PATH, or set GVSOC_HOME"),
    ("qemu", "qemu-system-riscv32 not found"),
    ("cortex-m33", "qemu-system-arm not found"),
    ("spike", "verify.simulator spike: unknown; set it to auto, gvsoc, qemu, cortex-m4, .*, host"),
])
def test_what_is_asked_for_by_name_must_be_there(toolchain: Toolchain, name: str, complaint: str) -> None:
    with pytest.raises(EdgeCodecError, match=complaint):
        choose_simulator(name, toolchain, L1_STACK_BYTES)
