"""The C gives the oracle's bits: any network, any number of workers, any optimization, hardware float16 or not."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
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
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.transcript import ChoiceRecord, StageRecord, Transcript

pytestmark = pytest.mark.tools

KINDS = [paper_like, edge_like]
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
@pytest.mark.parametrize("kind", KINDS)
@given(sizes=RANDOM_SIZES)
def test_random_networks_equal_the_oracle(
        kind: Callable[[Sizes], ExportedCodec], run_on_host: RunOnHost, sizes: Sizes) -> None:
    codec = kind(sizes)
    windows = random_windows(codec, 2, seed=sizes.seed)
    for threads in (None, 1, 3, 8):
        comparison = compare_with_oracle(codec, windows, run_on_host(codec, windows, threads))
        assert comparison.bit_exact, (threads, str(comparison.first_difference))
        choices = int(codec.quantizer.regimes > 1)
        of_kinds = sum(len(quantizer.stages) + choices + 3 for quantizer in codec.quantizers.values())
        of_kinds += 0 if codec.monitor is None else 1 + len(codec.quantizers)  # the escape, and remarks
        assert comparison.results == 2 * (len(codec.layers) + of_kinds) + 3 * len(codec.quantizers)


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
@pytest.mark.parametrize("kind", KINDS)
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
    codec = kind(Sizes(seed=6, channels=40, samples=60, width=40, codewords=400, regimes=3, coded_codewords=500))
    windows = random_windows(codec, 2)
    options = ("-O1", "-g", f"-fsanitize={checks}", "-fno-sanitize-recover=all")
    transcript = run_on_host(codec, windows, threads, compiler=compiler, options=options)
    assert compare_with_oracle(codec, windows, transcript).bit_exact


@pytest.mark.parametrize("option", [
    "-ffast-math", "-ffinite-math-only", "-funsafe-math-optimizations", "-freciprocal-math", "-fno-signed-zeros",
    "-fassociative-math -fno-signed-zeros -fno-trapping-math"])
@pytest.mark.parametrize("compiler", every_compiler("host"))
def test_options_that_change_values_are_refused_or_change_none(compiler: Toolchain, option: str,
                                                               run_on_host: RunOnHost) -> None:
    """GCC tells of all of them. clang tells of two, and is told to leave the sums' order alone."""
    codec = edge_like(Sizes(seed=5, channels=40, samples=60, width=40, codewords=400))
    windows = random_windows(codec, 4)
    options = ("-O3", *NEWER_INSTRUCTIONS, *option.split(), "-ffp-contract=off")

    def run() -> Transcript:
        return run_on_host(codec, windows, compiler=replace(compiler, warnings_are_errors=False), options=options)

    if compiler.name == "gcc" or option in ("-ffast-math", "-ffinite-math-only"):
        with pytest.raises(EdgeCodecError, match="compile without -ffast-math and the options that are part of it"):
            run()
    else:
        assert compare_with_oracle(codec, windows, run()).bit_exact
