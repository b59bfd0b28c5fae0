"""Arrays that may be larger than memory: they lie in a file, and the system keeps what is in use in memory."""

from __future__ import annotations

import math
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

IN_MEMORY = 1 << 26  # bytes: smaller arrays stay in memory


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Like ``numpy.empty``. The file of a large array is in ``TMPDIR``, has no name, and goes with the array.

    Where there is no room for it, the array is in memory after all.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > IN_MEMORY:
        try:
            with tempfile.TemporaryFile() as file:
                os.posix_fallocate(file.fileno(), 0, size)  # a disk that fills up later would end the process
                return np.asarray(np.memmap(file, dtype, "r+", shape=shape))
        except OSError:
            pass
    return np.empty(shape, dtype)
