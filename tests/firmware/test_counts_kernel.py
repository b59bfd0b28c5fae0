"""The node's exact coder gives the bytes of :mod:`edgecodec.packets.counts`, and writes nowhere else."""

import ctypes
from collections.abc import Callable
from ctypes import c_size_t, c_uint32, c_void_p
from pathlib import Path

import numpy as np
import pytest
from firmware.library import NAMES
from hypothesis import given, settings
from numpy.typing import NDArray
from packets.count_windows import COUNTS, noisy_counts

from edgecodec.packets.counts import COUNT_MAX, encode_exact
from edgecodec.simulators.toolchain import Toolchain

GUARD = 0xEE
Encode = Callable[..., tuple[str, bytes]]


@pytest.fixture(scope="module")
def encode(toolchain: Toolchain, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Encode:
    """The C function, of counts [channels, samples] and a capacity."""
    firmware = repository / "src" / "edgecodec" / "firmware"
    library = tmp_path_factory.mktemp("counts") / "counts.so"
    sources = [firmware / "kernels" / f"{name}.c" for name in ("counts", "integers", "range_coder")]
    toolchain.build("host", sources, library,
                    includes=[firmware / "include", firmware / "kernels"], options=("-O2", "-shared", "-fPIC"))
    functions = ctypes.CDLL(str(library))
    functions.ec_counts_size.restype = c_size_t

    def encode_on_node(counts: NDArray[np.int32], capacity: int | None = None) -> tuple[str, bytes]:
        channels, samples = counts.shape
        if capacity is None:
            capacity = functions.ec_counts_size(c_uint32(samples), c_uint32(channels))
        by_sample = np.ascontiguousarray(counts.T)
        scratch = np.full(channels + 1, GUARD, np.uint16)
        payload = np.full(capacity + 8, GUARD, np.uint8)
        size = c_size_t(12345)
        status = functions.ec_counts_encode(
            c_void_p(by_sample.ctypes.data), c_uint32(samples), c_uint32(channels), c_void_p(scratch.ctypes.data),
            c_void_p(payload.ctypes.data), c_size_t(capacity), ctypes.byref(size))
        assert scratch[-1] == GUARD
        assert (payload[capacity:] == GUARD).all()
        return NAMES[status], payload[: size.value].tobytes()

    return encode_on_node


@settings(max_examples=60, deadline=None)
@given(counts=COUNTS)
def test_node_and_python_write_the_same_bytes(encode: Encode, counts: NDArray[np.int32]) -> None:
    payload = encode_exact(counts)
    assert encode(counts) == ("OK", payload)
    assert encode(counts, len(payload)) == ("OK", payload)
    assert encode(counts, len(payload) - 1) == ("CAPACITY", b"")


@pytest.mark.parametrize(("slope", "noise"), [(0, 0), (300, 100), (0, 100), (9000, 1), (0, 1e6)])
def test_longer_windows_too(encode: Encode, slope: float, noise: float) -> None:
    counts = noisy_counts(2, slope, noise)
    assert encode(counts) == ("OK", encode_exact(counts))


@pytest.mark.parametrize("count", [COUNT_MAX + 1, -COUNT_MAX - 1, -(2**31)])
def test_counts_of_more_bits_are_refused(encode: Encode, count: int) -> None:
    assert encode(np.array([[1, count]], np.int32)) == ("WINDOW", b"")
