"""The same results, bit for bit, on every x86-64 processor with AVX2.

numpy, torch and the libraries below them choose their kernels by the processor that they find: by its instructions, its
vendor, the number of its cores. Another kernel adds numbers up in another order, and training makes other codewords of
the last bits. Importing this module fixes every such choice. It must come before numpy and torch, which read the
settings only once: every stage and the command ``edgecodec`` import it first. :func:`settle_torch` fixes the rest.

Elsewhere (Arm, or x86-64 without AVX2) only the number of threads is fixed: results are as good, but for last bits.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from edgecodec.errors import exit_with_one_line
from edgecodec.temporary import gather_temporary_files

if TYPE_CHECKING:
    from torch import Tensor
    from torch.library import Library

THREADS = 2  # whatever the machine has: sums are split over threads, and their order is part of the result

_ANYWHERE = {
    "OMP_NUM_THREADS": str(THREADS),  # torch, scikit-learn
    "OMP_DYNAMIC": "FALSE",
    "OMP_WAIT_POLICY": "PASSIVE",  # idle threads sleep: for speed
    "MKL_NUM_THREADS": str(THREADS),  # MKL is what torch multiplies matrices with
    "MKL_DYNAMIC": "FALSE",
    "OPENBLAS_NUM_THREADS": str(THREADS),  # numpy, scipy
}
_WITH_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own kernels
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # torch's convolutions
    "MKL_CBWR": "COMPATIBLE",  # the one branch of MKL that is the same for all vendors
    "OPENBLAS_CORETYPE": "HASWELL",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # numpy's own kernels beyond AVX2
}


def _has_avx2() -> bool:
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text(encoding="utf-8").replace("\n", " \n")
    except OSError:  # not Linux: nobody has looked whether these settings are enough there
        return False


HOLDS_HERE = _has_avx2()
OTHER_BITS = "this processor is no x86-64 with AVX2: results are as good as those of dvc.lock, but for their last bits"
SETTINGS = _ANYWHERE | (_WITH_AVX2 if HOLDS_HERE else {})


def _fix_choices() -> None:
    late = [name for name in ("numpy", "torch") if name in sys.modules]
    if late and any(os.environ.get(name) != value for name, value in SETTINGS.items()):
        raise ImportError(f"edgecodec.same_bits must be imported before {late[0]}, which has chosen its kernels; "
                          "put the import first")
    os.environ.update(SETTINGS)


_fix_choices()


def run_program(program: Callable[[], None]) -> None:
    """Run a program whose first import this module is; bad input is one line and exit status 1.

    Its temporary files lie in one folder; after a kill the next program removes it.
    """
    if "torch" in sys.modules:
        settle_torch()

    def run() -> None:
        gather_temporary_files()
        program()

    exit_with_one_line(run)


@cache
def settle_torch() -> None:
    """Fix what torch decides by itself: its threads, its algorithms, and square roots.

    MKL takes square roots from the processor's approximate reciprocals, which every vendor has its own of. numpy's are
    rounded correctly, as IEEE 754 demands, and so the same everywhere.
    """
    import warnings

    import numpy as np
    import torch

    def exact_root(value: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(np.sqrt(value.detach().numpy())))

    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Warning only once for all operators")  # that a kernel is replaced
        _kernels().impl("sqrt", exact_root, "CPU")  # type: ignore[no-untyped-call]


@cache
def _kernels() -> Library:
    """Kernels that replace torch's own; they would go with this object."""
    from torch.library import Library

    return Library("aten", "IMPL")  # type: ignore[no-untyped-call]
