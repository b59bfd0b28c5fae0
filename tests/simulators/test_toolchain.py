"""Which compiler builds, and its complaints as one line."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import pytest
from compilers import every_compiler

from edgecodec.errors import EdgeCodecError
from edgecodec.params import CompilerName
from edgecodec.simulators import toolchain as toolchain_module
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.toolchain import KINDS, VARIABLE, Toolchain, choose_toolchain

pytestmark = pytest.mark.tools


@pytest.fixture(autouse=True)
def nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """All that PATH holds: no program yet."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_every_name_in_params_is_a_kind() -> None:
    assert tuple(KINDS) == get_args(CompilerName)


@pytest.mark.usefixtures("programs")
def test_zig_needs_no_program_on_the_path_and_builds_for_every_machine() -> None:
    chosen = choose_toolchain("zig", *KINDS["clang-19"].flags)
    assert chosen.version("host") == chosen.version("cortex-m4") == f"zig {version('ziglang')}"


@pytest.mark.parametrize("compiler", every_compiler("host"))
def test_the_variable_comes_before_the_setting(monkeypatch: pytest.MonkeyPatch, compiler: Toolchain) -> None:
    assert choose_toolchain(compiler.name, "host").name == compiler.name
    for other in KINDS:
        monkeypatch.setenv(VARIABLE, compiler.name)
        assert choose_toolchain(other, "host").name == compiler.name
        monkeypatch.setenv(VARIABLE, "")
        assert choose_toolchain(compiler.name, "host").name == compiler.name


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize(("name", "machine", "said"), [
    ("clang-19", "riscv32", "ld.lld-19 not found; install clang-19 and lld-19, or set {}zig"),
    ("gcc", "host", "gcc not found; install gcc and, for Cortex-M, gcc-arm-none-eabi, or set {}zig"),
    ("gcc", "cortex-m4", "arm-none-eabi-gcc not found; install gcc and, for Cortex-M, gcc-arm-none-eabi, or set {}zig"),
    ("gcc", "riscv32", "has no float16 for riscv32; set {}zig or clang-19"),
])
def test_a_compiler_that_is_asked_for_must_be_there(
        monkeypatch: pytest.MonkeyPatch, name: CompilerName, machine: str, said: str) -> None:
    with pytest.raises(EdgeCodecError) as absence:
        choose_toolchain(name, machine)  # type: ignore[arg-type]
    assert str(absence.value) == f"verify.compiler: {name}: {said.format('verify.compiler: ')}"
    monkeypatch.setenv(VARIABLE, name)
    with pytest.raises(EdgeCodecError) as absence:
        choose_toolchain("zig", machine)  # type: ignore[arg-type]
    assert str(absence.value) == f"EDGECODEC_COMPILER={name}: {said.format('EDGECODEC_COMPILER=')}"


def test_an_unknown_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "icc")
    with pytest.raises(EdgeCodecError, match=r"^EDGECODEC_COMPILER=icc: unknown; set it to zig, clang-19, gcc$"):
        choose_toolchain("zig")


def test_without_zig_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EdgeCodecError, match=r"^verify.compiler: zig: ziglang not found; install ziglang \(pip\)$"):
        choose_toolchain("zig", "host")


def test_a_broken_compiler_says_so_before_it_is_used(programs: Path) -> None:
    install(programs / "gcc", "echo 'gcc: error while loading shared object: libisl.so' >&2; exit 127")
    with pytest.raises(EdgeCodecError, match=r"^verify.compiler: gcc: does not run: gcc: error while .*libisl.so; "
                                             r"install gcc .* anew, or set verify.compiler: zig$"):
        choose_toolchain("gcc", "host")


def test_a_compiler_that_fails_gives_its_version_first_error_and_what_to_set(programs: Path, tmp_path: Path) -> None:
    install(programs / "gcc", 'test "$1" = --version && echo gcc 4.1 && exit\n'
                              'echo "warning: old" >&2; echo "cc1: error: unrecognized -std=c11" >&2; exit 1')
    with pytest.raises(EdgeCodecError) as failure:
        choose_toolchain("gcc", "host").build("host", [], tmp_path / "program")
    assert str(failure.value) == ("gcc for host (gcc 4.1): cc1: error: unrecognized -std=c11; "
                                  "set verify.compiler: zig")


@pytest.mark.parametrize("compiler", every_compiler("host"))
@pytest.mark.parametrize(("text", "said"), [
    ("int main(void) { return missing; }", r"broken\.c:1:\d+: error: .*missing"),
    ("int main(void) { int unused; return 0; }", "unused variable .unused"),
    ("int other(void); int main(void) { return other(); }", r"undefined .*other"),
])
def test_refused_source_gives_the_first_error(compiler: Toolchain, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.c").write_text(text)
    with pytest.raises(EdgeCodecError, match=rf"^{compiler.name} for host \(.*\): .*{said}"):
        compiler.build("host", [tmp_path / "broken.c"], tmp_path / "broken")
    assert not (tmp_path / "broken").exists()


@pytest.mark.parametrize("compiler", every_compiler("host"))
def test_a_warning_stops_nobody_else(compiler: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "careless.c").write_text("int main(void) { int unused; return 0; }")
    replace(compiler, warnings_are_errors=False).build("host", [tmp_path / "careless.c"], tmp_path / "careless")
    assert (tmp_path / "careless").exists()


@pytest.mark.parametrize("compiler", every_compiler("host"))
def test_host_programs_are_for_every_processor(compiler: Toolchain, tmp_path: Path) -> None:
    """Nothing but the first x86-64 has; nor on Arm what came after Armv8.0."""
    (tmp_path / "probe.c").write_text("""
        #if defined(__SSE3__) || defined(__AVX__) || defined(__F16C__) || defined(__ARM_FEATURE_ATOMICS)
        #error "for this processor"
        #endif
    """)
    compiler.build("host", [tmp_path / "probe.c"], tmp_path / "probe.o", options=["-c"])


def test_a_program_that_hangs_is_ended(toolchain: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "hang.c").write_text("int main(void) { volatile int forever = 1; while (forever) { } return 0; }")
    toolchain.build("host", [tmp_path / "hang.c"], tmp_path / "hang")
    with pytest.raises(EdgeCodecError, match=r"host: killed at the time limit of 0.2 s"):
        HostSimulator(toolchain).run(Image("host", tmp_path / "hang", (), None), time_limit_seconds=0.2)


def test_firmware_that_was_not_generated_is_refused(toolchain: Toolchain, tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"memory_map.json: not found"):
        HostSimulator(toolchain).build(tmp_path, tmp_path, "host", None)  # type: ignore[arg-type]
