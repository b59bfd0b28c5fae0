"""The node's escape coder gives the bytes of :mod:`edgecodec.packets.escape`, and writes nowhere else."""

import ctypes
from ctypes import Structure, c_float, c_size_t, c_uint32, c_void_p
from pathlib import Path

import numpy as np
import pytest
from firmware.library import NAMES
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from packets.escape_windows import WINDOWS, correlated_window

from edgecodec.packets.escape import encode
from edgecodec.simulators.toolchain import Toolchain

GUARD = 0xEE
PADDING = np.float16(np.nan)  # whoever reads it notices


class Escape(Structure):
    _fields_ = (("bins", c_void_p), ("channels", c_uint32), ("bins_count", c_uint32), ("stride", c_uint32))


class NodeCoder:
    """The C functions."""

    def __init__(self, functions: ctypes.CDLL) -> None:
        self.functions = functions
        functions.ec_escape_size.restype = c_size_t

    def size(self, channels: int, bins: int) -> int:
        return int(self.functions.ec_escape_size(c_uint32(channels), c_uint32(bins)))

    def encode(self, bins: NDArray[np.float16], allowed: float, capacity: int | None = None) -> tuple[str, bytes]:
        channels, count = bins.shape
        capacity = self.size(channels, count) if capacity is None else capacity
        stored = np.pad(np.ascontiguousarray(bins.T), ((0, 0), (0, 1 + channels % 2)), constant_values=PADDING)
        scratch = np.full(channels + 1, GUARD, np.uint16)
        payload = np.full(capacity + 8, GUARD, np.uint8)
        size = c_size_t(12345)
        status = self.functions.ec_escape_encode(
            ctypes.byref(Escape(stored.ctypes.data, channels, count, stored.shape[1])), c_float(allowed),
            pointer(scratch), pointer(payload), c_size_t(capacity), ctypes.byref(size))
        assert scratch[-1] == GUARD
        assert (payload[capacity:] == GUARD).all()
        return NAMES[status], payload[: size.value].tobytes()


def pointer(array: NDArray[np.generic]) -> c_void_p:
    return c_void_p(array.ctypes.data)


def build(compiler: Toolchain, repository: Path, folder: Path, options: tuple[str, ...]) -> NodeCoder:
    firmware = repository / "src" / "edgecodec" / "firmware"
    library = folder / "escape.so"
    sources = [firmware / "kernels" / f"{name}.c" for name in ("escape", "integers", "range_coder")]
    compiler.build("host", sources, library,
                   includes=[firmware / "include", firmware / "kernels"], options=(*options, "-shared", "-fPIC"))
    return NodeCoder(ctypes.CDLL(str(library)))


@pytest.fixture(scope="module")
def coder(toolchain: Toolchain, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> NodeCoder:
    return build(toolchain, repository, tmp_path_factory.mktemp("escape"), ("-O2", "-DEC_PORTABLE_HALF"))


@settings(max_examples=60, deadline=None)
@given(bins=WINDOWS, allowed=st.sampled_from([-1, 0, 1e-12, 1e-3, 0.3, 100, 1e6, 1e12, 3e38, float("nan")]))
@example(np.zeros((36, 88), np.float16), 0)
@example(np.full((1, 1), 65504, np.float16), 1)
def test_node_and_python_write_the_same_bytes(coder: NodeCoder, bins: NDArray[np.float16], allowed: float) -> None:
    payload = encode(bins, allowed)
    assert coder.encode(bins, allowed) == ("OK", payload)
    assert coder.encode(bins, allowed, len(payload)) == ("OK", payload)
    assert coder.encode(bins, allowed, len(payload) - 1) == ("CAPACITY", b"")


@pytest.mark.parametrize("amplitude", [1e-4, 1, 100])
@pytest.mark.parametrize("share", [0.1, 1e-3, 1e-5, 1e-7])
def test_whole_windows_too(coder: NodeCoder, amplitude: float, share: float) -> None:
    """Rounding at every step size, and chances that have learned."""
    bins = (correlated_window(5).astype(np.float32) * amplitude).astype(np.float16)
    allowed = share * float(np.square(bins.astype(np.float64)).sum())
    assert coder.encode(bins, allowed) == ("OK", encode(bins, allowed))


def test_carries_run_through_bytes_that_are_full(coder: NodeCoder) -> None:
    """Windows of few, surprising values: every carry is as likely as it gets."""
    generator = np.random.default_rng(6)
    for _ in range(300):
        bins = (generator.normal(size=(4, 6)) * 10.0 ** generator.integers(-2, 4)).astype(np.float16)
        assert coder.encode(bins, 1) == ("OK", encode(bins, 1))


def test_size_that_is_always_enough(coder: NodeCoder) -> None:
    assert [coder.size(*shape) for shape in ((36, 88), (1, 1), (3, 5))] == [6337, 3, 31]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_window_that_is_not_finite_is_refused(coder: NodeCoder, value: float) -> None:
    assert coder.encode(np.array([[1, 2], [3, value]], np.float16), 1) == ("OVERFLOW", b"")


def test_no_pointer_may_be_null(coder: NodeCoder) -> None:
    bins, scratch, payload, size = np.zeros(2, np.float16), np.zeros(1, np.uint16), np.zeros(9, np.uint8), c_size_t()
    sound, absent = Escape(bins.ctypes.data, 1, 1, 2), Escape(None, 1, 1, 2)
    arguments = [ctypes.byref(sound), c_float(1), pointer(scratch), pointer(payload), c_size_t(9), ctypes.byref(size)]
    assert NAMES[coder.functions.ec_escape_encode(*arguments)] == "OK"
    for place, faulty in ((0, None), (0, ctypes.byref(absent)), (2, None), (3, None), (5, None)):
        assert NAMES[coder.functions.ec_escape_encode(*arguments[:place], faulty, *arguments[place + 1 :])] == "NULL"
