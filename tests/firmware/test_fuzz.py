"""A coverage-guided fuzzer on the C API, under sanitizers: it finds nothing, and it would."""

import shutil
import subprocess
from pathlib import Path

import pytest
from compilers import installed_compilers
from deploy.factory import Sizes, edge_like, paper_like
from firmware.conftest import Generate

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.toolchain import Toolchain

pytestmark = pytest.mark.tools

TARGET = Path(__file__).with_name("fuzz.c")
PAPER_LIKE = paper_like(Sizes(seed=9, samples=24, stages_per_rate=2, regimes=3))
EDGE_LIKE = edge_like(Sizes(seed=9, stages_per_rate=2, regimes=3, coded_classes=9, monitored=True))
CODECS = [pytest.param(PAPER_LIKE, id="paper_like"), pytest.param(EDGE_LIKE, id="edge_like")]
OPTIONS = ("-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")

# One check each that the kernels could have lacked: where it stands, and what takes its place.
MISSING_CHECKS = {
    "capacity": ("pack.c", "if (capacity < size) {", "if (capacity == 0) {"),
    "rate": ("codec.c", "rate > ec_codec_network.model.rates)", "rate == UINT32_MAX)"),
    "full": ("intake.c", "if (samples == ec_codec_network.model.samples) {", "if (samples == UINT32_MAX) {"),
    "checksum": ("codec.c", "== blob->checksum", "!= 0"),
    "coordinate": ("codec.c", "coordinates[i] < quantizer->latent.channels", "coordinates[i] < 0xffffu"),
    "index": ("entropy.c", "if (words[i] > 2u * class->reach) {", "if (words[i] > 0xffffu) {"),
    "escape": ("escape.c", "if (size > capacity && as_they_are > capacity) {", "if (capacity == 0) {"),
    "frame": ("frame.c", "if (capacity < size) {", "if (capacity == 0) {"),
    "series": ("series.c", "content + checksum_bytes(series) > series->capacity", "series->capacity == 0"),
    "alignment": ("pack.c", "indices % _Alignof(uint16_t) != 0", "indices % _Alignof(uint16_t) > 1"),
}


@pytest.fixture(scope="module")
def fuzzing(tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    """A compiler that comes with libFuzzer."""
    program = tmp_path_factory.mktemp("fuzzing") / "nothing"
    program.with_suffix(".c").write_text("""
        #include <stddef.h>
        #include <stdint.h>
        int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
        int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) { (void)data; (void)bytes; return 0; }""")
    reasons = []
    for compiler in installed_compilers("host"):
        try:
            compiler.build("host", [program.with_suffix(".c")], program, options=OPTIONS)
        except EdgeCodecError as failure:
            reasons.append(str(failure))
        else:
            return compiler
    pytest.skip(f"libFuzzer: install libclang-rt-19-dev; {'; '.join(reasons)}")


def fuzz(compiler: Toolchain, folder: Path, work: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    """Fuzz the firmware in ``folder``; what is found ends it early, with a status that is not 0."""
    firmware = Firmware.open(folder)
    sources = [source for source in firmware.sources("serial") if source.parent.name != "verify"]
    compiler.build("host", [*sources, TARGET], work / "fuzz", includes=firmware.includes("serial"), options=OPTIONS)
    # The firmware does not allocate. What Linux reports as the peak memory of a process includes that of the process
    # that started it, here the tests', so libFuzzer's limit on it would stop it for the memory of others.
    return subprocess.run([work / "fuzz", "-seed=1", "-max_len=2048", "-len_control=0", "-rss_limit_mb=0",
                           f"-max_total_time={seconds}"],
                          cwd=work, capture_output=True, text=True, check=False, timeout=seconds + 120)


@pytest.mark.parametrize("seconds", [5, pytest.param(600, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("codec", CODECS)
def test_the_fuzzer_finds_nothing(
        fuzzing: Toolchain, generate: Generate, tmp_path: Path, codec: ExportedCodec, seconds: int) -> None:
    finished = fuzz(fuzzing, generate(codec), tmp_path, seconds)
    assert finished.returncode == 0, finished.stderr[-4000:]
    assert "DONE" in finished.stderr


@pytest.mark.parametrize("check", MISSING_CHECKS)
def test_the_fuzzer_finds_a_check_that_is_missing(
        fuzzing: Toolchain, generate: Generate, tmp_path: Path, check: str) -> None:
    source, present, absent = MISSING_CHECKS[check]
    broken = tmp_path / "firmware"
    shutil.copytree(generate(EDGE_LIKE), broken)
    text = (broken / "src" / source).read_text()
    assert text.count(present) == 1
    (broken / "src" / source).write_text(text.replace(present, absent))
    assert fuzz(fuzzing, broken, tmp_path, 60).returncode != 0
