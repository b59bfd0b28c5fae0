"""Finding the compiler, and its complaints as one line."""

from pathlib import Path

import pytest

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators import toolchain
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.toolchain import find_toolchain, installed_toolchains


def test_there_is_a_compiler_after_pip_install() -> None:
    assert "zig" in [found.name for found in installed_toolchains()]
    assert all("clang" in found.version for found in installed_toolchains())


def test_no_compiler_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EdgeCodecError, match="no C compiler: install clang-19 and lld-19, or `pip install ziglang`"):
        find_toolchain()


def test_without_clang_zig_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_toolchain().name == "zig"


@pytest.mark.parametrize(("text", "said"), [
    ("int main(void) { return missing; }", r"broken\.c:1:\d+: error: use of undeclared identifier 'missing'"),
    ("int main(void) { int unused; return 0; }", "unused variable 'unused'"),
    ("int other(void); int main(void) { return other(); }", r"undefined .*other"),
])
def test_refused_source_gives_the_first_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.c").write_text(text)
    with pytest.raises(EdgeCodecError, match=said):
        find_toolchain().build("host", [tmp_path / "broken.c"], tmp_path / "broken")
    assert not (tmp_path / "broken").exists()


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    (tmp_path / "hang.c").write_text("int main(void) { volatile int forever = 1; while (forever) { } return 0; }")
    compiler = find_toolchain()
    compiler.build("host", [tmp_path / "hang.c"], tmp_path / "hang")
    with pytest.raises(EdgeCodecError, match=r"host: killed at the time limit of 0.2 s"):
        HostSimulator(compiler).run(Image("host", tmp_path / "hang", (), None), time_limit_seconds=0.2)


def test_firmware_that_was_not_generated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"memory_map.json: not found"):
        HostSimulator(find_toolchain()).build(tmp_path, tmp_path, "host", None)  # type: ignore[arg-type]
