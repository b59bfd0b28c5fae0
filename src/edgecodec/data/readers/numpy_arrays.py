"""Arrays of NumPy: npy and npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgecodec.data.readers.variables import table_of, table_of_variables
from edgecodec.data.table import Table
from edgecodec.errors import naming


def read_npy(path: Path, variable: str | None = None) -> Table:
    with naming(path, "not a readable npy array of numbers", "write it again by numpy.save"):
        values = np.load(path, allow_pickle=False, mmap_mode="r")
    return table_of(path, values)


def read_npz(path: Path, variable: str | None = None) -> Table:
    with naming(path, "not a readable .npz without Python objects", "write it with numpy.savez"), \
            np.load(path, allow_pickle=False) as arrays:
        return table_of_variables(path, {name: arrays[name] for name in arrays}, variable)
