"""Runs libFuzzer targets, with the sanitizers."""

import subprocess
from pathlib import Path

from compilers import installed_compilers

from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.toolchain import Toolchain

OPTIONS = ("-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")


def fuzzing_compiler(work: Path) -> Toolchain:
    """One that comes with libFuzzer.

    Raises:
        EdgeCodecError: none does.
    """
    source = work / "nothing.c"
    source.write_text("""
        #include <stddef.h>
        #include <stdint.h>
        int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
        int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) { (void)data; (void)bytes; return 0; }""")
    reasons = []
    for compiler in installed_compilers("host"):
        try:
            compiler.build("host", [source], source.with_suffix(""), options=OPTIONS)
        except EdgeCodecError as failure:
            reasons.append(str(failure))
        else:
            return compiler
    raise EdgeCodecError(f"libFuzzer: install libclang-rt-19-dev; {'; '.join(reasons)}")


def fuzz(program: Path, seconds: int, *corpus: Path) -> subprocess.CompletedProcess[str]:
    """What is found ends it early, with a status that is not 0."""
    # The code does not allocate. What Linux reports as the peak memory of a process includes that of the process that
    # started it, here the tests', so libFuzzer's limit on it would stop it for the memory of others.
    return subprocess.run([program, "-seed=1", "-max_len=2048", "-len_control=0", "-rss_limit_mb=0",
                           f"-max_total_time={seconds}", *corpus],
                          cwd=program.parent, capture_output=True, text=True, check=False, timeout=seconds + 120)
