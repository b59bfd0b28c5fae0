"""The C gives the oracle's bits: any network, any number of workers, any optimization, hardware float16 or not."""

import platform
import re
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from compilers import NEWER_INSTRUCTIONS, every_compiler, installed_compilers
from deploy.factory import RANDOM_SIZES, Sizes, edge_like, paper_like, random_windows, with_layer, with_quantizer
from firmware.conftest import RunOnHost
from hypothesis import HealthCheck, Phase, given, settings

from edgecodec.deploy.memory import plan_memory
from edgecodec.deploy.oracle import dot
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import Arithmetic, ExportedCodec, Stage
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.qemu import ONE_WORKER
from edgecodec.simulators.toolchain import KINDS, Toolchain
from edgecodec.simulators.transcript import ChoiceRecord, StageRecord

pytestmark = pytest.mark.tools

CODECS = [paper_like, edge_like]
ARITHMETICS = get_args(Arithmetic)


# What each sanitizer must find (with one argument) and must not (without).
FAULTS = {
    "address": "int main(int n, char **v) { (void)v; volatile int a[2] = {0}; return a[2 * n - 2]; }",
    "undefined": "int main(int n, char **v) { (void)v; volatile int i = 0x7ffffffe; i += n; return i == 0; }",
    "thread": """
        #include <pthread.h>
        static int shared;
        static void *add(void *times) { for (int i = 0; i < *(int *)times; i++) { shared++; } return NULL; }
        int main(int n, char **v) {
            (void)v; int times = 1000 * (n - 1); pthread_t one;
            pthread_create(&one, NULL, add, &times); add(&times); pthread_join(one, NULL); return 0;
        }""",
}


@pytest.fixture(scope="module", params=FAULTS)
def sanitizing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Toolchain, str]:
    """A compiler that has the library of a sanitizer. zig has that of undefined behaviour at hand; others it would
    first compile, for minutes."""
    program = tmp_path_factory.mktemp("sanitizer") / "fault"
    program.with_suffix(".c").write_text(FAULTS[request.param])
    for compiler in installed_compilers("host"):
        if compiler.name == "zig" and request.param != "undefined":
            continue
        with suppress(EdgeCodecError):
            compiler.build("host", [program.with_suffix(".c")], program,
                           options=["-O1", f"-fsanitize={request.param}", "-fno-sanitize-recover=all", "-pthread"])
            sound, faulty = (subprocess.run([program, *argument], capture_output=True, check=False).returncode
                             for argument in ([], ["1"]))
            if sound == 0 != faulty:
                return compiler, request.param
    pytest.skip(f"no compiler here can use -fsanitize={request.param}")


# Every example is compiled: no time to look for a smaller one.
@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kind", CODECS)
@given(sizes=RANDOM_SIZES)
def test_random_networks_equal_the_oracle(
        kind: Callable[[Sizes], ExportedCodec], run_on_host: RunOnHost, sizes: Sizes) -> None:
    codec = kind(sizes)
    windows = random_windows(codec, 2, seed=sizes.seed)
    alone = run_on_host(codec, windows, options=("-O1", ONE_WORKER))
    for threads in (None, 1, 3, 8, "alone"):
        transcript = alone if threads == "alone" else run_on_host(codec, windows, threads)
        comparison = compare_with_oracle(codec, windows, transcript)
        assert comparison.bit_exact, (threads, str(comparison.first_difference))
        choices = int(codec.quantizer.regimes > 1)
        of_kinds = sum(quantizer.stages_of_rate[-1] + choices + 3 for quantizer in codec.quantizers.values())
        of_kinds += 0 if codec.monitor is None else 1 + len(codec.quantizers)  # the escape, and remarks
        assert comparison.results == 2 * (len(codec.layers) + of_kinds) + 4 * len(codec.quantizers)  # and chains


@pytest.mark.parametrize("threads", [None, 3, 8])
def test_the_lowest_index_wins_whichever_worker_finds_it(threads: int | None, run_on_host: RunOnHost) -> None:
    """Codewords come in two blocks; the first of two equal ones is the last worker's, the second the first worker's."""
    codec = paper_like(Sizes(codewords=1024))
    far = np.full((1, 1024, 24), 50, np.float16)
    far[:, [511, 512]] = 0
    stages = tuple(Stage(far, dot(far, far), None) for _ in codec.quantizer.stages)
    codec = with_quantizer(codec, stages=stages)
    assert plan_memory(codec, 1 << 20).fetches["quantizer_stage0"].rows == 128
    windows = random_windows(codec, 1)
    transcript = run_on_host(codec, windows, threads)
    assert compare_with_oracle(codec, windows, transcript).bit_exact
    assert transcript.windows[0].of(PacketKind.FIXED_LENGTH, StageRecord)[0].indices == (511, 511, 511)


@pytest.mark.parametrize("threads", [None, 3, 8])
def test_the_lowest_regime_wins_and_what_overflows_never_does(threads: int | None, run_on_host: RunOnHost) -> None:
    """Regime 0 leaves Inf, regimes 1 and 3 leave the same, regime 2 leaves more."""
    codec = edge_like(Sizes(regimes=4, codewords=5, rates=2))
    codec = with_layer(codec, "regimes", weight=np.zeros((4 * 14, 1, 14), np.float16),
                       bias=np.repeat(np.array([60000, 1, 2, 1], np.float32), 14))
    codewords = np.zeros((4, 5, 4), np.float16)
    codewords[0] = -60000
    stages = tuple(replace(stage, codewords=codewords, norms=dot(codewords, codewords))
                   for stage in codec.quantizer.stages)
    codec = with_quantizer(codec, stages=stages)
    windows = random_windows(codec, 1)
    with np.errstate(over="ignore"):
        transcript = run_on_host(codec, windows, threads)
        assert compare_with_oracle(codec, windows, transcript).bit_exact
    assert transcript.windows[0].of(PacketKind.FIXED_LENGTH, ChoiceRecord)[0].regime == 1


@pytest.mark.parametrize("options", [("-O0",), ("-O3", *NEWER_INSTRUCTIONS)], ids=" ".join)
@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("kind", CODECS)
def test_optimization_and_processor_do_not_change_a_bit(
        kind: Callable[[Sizes], ExportedCodec], arithmetic: Arithmetic, options: tuple[str, ...],
        run_on_host: RunOnHost) -> None:
    codec = kind(Sizes(seed=5, regimes=2, arithmetic=arithmetic))
    windows = random_windows(codec, 2)
    assert compare_with_oracle(codec, windows, run_on_host(codec, windows, 3, options=options)).bit_exact


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("compiler", every_compiler("host"))
def test_every_installed_compiler_gives_the_same_bits(compiler: Toolchain, arithmetic: Arithmetic,
                                                      run_on_host: RunOnHost) -> None:
    codec = edge_like(Sizes(seed=5, arithmetic=arithmetic))
    windows = random_windows(codec, 2)
    assert compare_with_oracle(codec, windows, run_on_host(codec, windows, compiler=compiler)).bit_exact


@pytest.mark.parametrize(("kind", "threads"), [(paper_like, None), (paper_like, 3), (edge_like, 8)])
def test_sanitizers_find_nothing(kind: Callable[[Sizes], ExportedCodec], threads: int | None,
                                 sanitizing: tuple[Toolchain, str], run_on_host: RunOnHost) -> None:
    compiler, checks = sanitizing
    # Several blocks of everything.
    codec = kind(Sizes(seed=6, channels=40, samples=60, width=40, codewords=400, regimes=3, coded_classes=500))
    windows = random_windows(codec, 2)
    options = ("-O1", "-g", f"-fsanitize={checks}", "-fno-sanitize-recover=all")
    transcript = run_on_host(codec, windows, threads, compiler=compiler, options=options)
    assert compare_with_oracle(codec, windows, transcript).bit_exact


UNSAFE = {"-fassociative-math", "-freciprocal-math", "-fno-signed-zeros"}
# Options that change values, and what GCC's macros tell of each.
CHANGING = {
    "-ffast-math": {"-ffast-math", "-ffinite-math-only", *UNSAFE},
    "-ffinite-math-only": {"-ffinite-math-only"},
    "-funsafe-math-optimizations": UNSAFE,
    "-freciprocal-math": {"-freciprocal-math"},
    "-fno-signed-zeros": {"-fno-signed-zeros"},
    "-fassociative-math -fno-signed-zeros -fno-trapping-math": {"-fassociative-math", "-fno-signed-zeros"},
}
TOLD_BY_CLANG = {"-ffast-math", "-ffinite-math-only"}


def refusals(compiler: Toolchain, option: str, repository: Path, work: Path) -> set[str]:
    """The options that the kernels name when they refuse to be compiled."""
    (work / "probe.c").write_text('#include "exact.h"\n')
    command = [*compiler.find("host"), *KINDS[compiler.name].compiles, "-c", "-std=c11", *option.split(),
               f"-I{repository / 'src/edgecodec/firmware/kernels'}", work / "probe.c", "-o", work / "probe.o"]
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    named = set(re.findall(r'error: (?:#error )?"(-[\w=-]+)', finished.stderr))
    assert (finished.returncode == 0) == (not named), finished.stderr
    return named


@pytest.mark.parametrize("option", CHANGING)
@pytest.mark.parametrize("compiler", every_compiler("host"))
def test_options_that_change_values_are_refused_by_name(compiler: Toolchain, option: str, repository: Path,
                                                        tmp_path: Path) -> None:
    told = CHANGING[option] if compiler.name == "gcc" else CHANGING[option] & TOLD_BY_CLANG
    if option in TOLD_BY_CLANG or compiler.name == "gcc":
        assert refusals(compiler, option, repository, tmp_path) == told


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs a processor with two float units")
@pytest.mark.parametrize("compiler", [one for one in every_compiler("host") if one.id == "gcc"])
def test_a_wider_float_unit_is_refused(compiler: Toolchain, repository: Path, tmp_path: Path) -> None:
    assert refusals(compiler, "-mfpmath=387", repository, tmp_path) == {"-mfpmath=387"}


@pytest.mark.parametrize("option", ["-funsafe-math-optimizations",
                                    "-fassociative-math -fno-signed-zeros -fno-trapping-math"])
@pytest.mark.parametrize("compiler", [one for one in every_compiler("host") if one.id != "gcc"])
def test_options_that_clang_does_not_tell_of_change_no_bit(
        compiler: Toolchain, option: str, run_on_host: RunOnHost) -> None:
    """As long as -ffp-contract=off comes after them; the other things the kernels take back."""
    assert_exact(compiler, (*option.split(), "-ffp-contract=off"), run_on_host)


@pytest.mark.parametrize("compiler", every_compiler("host"))
def test_a_build_that_says_nothing_of_contraction_gives_the_same_bits(
        compiler: Toolchain, run_on_host: RunOnHost) -> None:
    """As those of Arduino do, which packages cannot give options."""
    by_default = "fast" if compiler.name == "gcc" else "on"
    assert_exact(compiler, ("-std=gnu11", f"-ffp-contract={by_default}"), run_on_host)


def assert_exact(compiler: Toolchain, options: tuple[str, ...], run_on_host: RunOnHost) -> None:
    codec = edge_like(Sizes(seed=5, channels=40, samples=60, width=40, codewords=400, monitored=True))
    windows = random_windows(codec, 4)
    transcript = run_on_host(codec, windows, compiler=replace(compiler, warnings_are_errors=False),
                             options=("-O3", *NEWER_INSTRUCTIONS, *options))
    assert compare_with_oracle(codec, windows, transcript).bit_exact
