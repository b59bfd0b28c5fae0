"""A coverage-guided fuzzer on the C API, under sanitizers: it finds nothing, and it would."""

import shutil
from pathlib import Path

import pytest
from deploy.factory import Sizes, edge_like, paper_like
from firmware.conftest import Generate
from fuzzing import OPTIONS, fuzz

from edgecodec.packets.network import ExportedCodec
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.toolchain import Toolchain

pytestmark = pytest.mark.tools

TARGET = Path(__file__).with_name("fuzz.c")
PAPER_LIKE = paper_like(Sizes(seed=9, samples=24, stages_per_rate=2, regimes=3))
EDGE_LIKE = edge_like(Sizes(seed=9, stages_per_rate=2, regimes=3, coded_classes=9, monitored=True))
CODECS = [pytest.param(PAPER_LIKE, id="paper_like"), pytest.param(EDGE_LIKE, id="edge_like")]

# One check each that the kernels could have lacked: where it stands, and what takes its place.
MISSING_CHECKS = {
    "capacity": ("pack.c", "if (capacity < size) {", "if (capacity == 0) {"),
    "rate": ("codec.c", "rate > ec_codec_network.model.rates)", "rate == UINT32_MAX)"),
    "full": ("intake.c", "if (samples == ec_codec_network.model.samples) {", "if (samples == UINT32_MAX) {"),
    "checksum": ("codec.c", "== blob->checksum", "!= 0"),
    "coordinate": ("codec.c", "coordinates[i] < quantizer->latent.channels", "coordinates[i] < 0xffffu"),
    "index": ("entropy.c", "if (word > 2u * reach) {", "if (word > 0xffffu) {"),
    "escape": ("escape.c", "if (size > capacity && as_they_are > capacity) {", "if (capacity == 0) {"),
    "frame": ("frame.c", "if (capacity < size) {", "if (capacity == 0) {"),
    "series": ("series.c", "content + checksum_bytes(series) > series->capacity", "series->capacity == 0"),
    "alignment": ("pack.c", "indices % _Alignof(uint16_t) != 0", "indices % _Alignof(uint16_t) > 1"),
}


def build(compiler: Toolchain, folder: Path, work: Path) -> Path:
    """The target with the firmware in ``folder``."""
    firmware = Firmware.open(folder)
    sources = [source for source in firmware.sources("serial") if source.parent.name != "verify"]
    compiler.build("host", [*sources, TARGET], work / "fuzz", includes=firmware.includes("serial"), options=OPTIONS)
    return work / "fuzz"


@pytest.mark.parametrize("seconds", [5, pytest.param(600, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("codec", CODECS)
def test_the_fuzzer_finds_nothing(
        fuzzing: Toolchain, generate: Generate, tmp_path: Path, codec: ExportedCodec, seconds: int) -> None:
    finished = fuzz(build(fuzzing, generate(codec), tmp_path), seconds)
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
    assert fuzz(build(fuzzing, broken, tmp_path), 60).returncode != 0
