"""Float16 in integers against NumPy: every half, and floats of every kind."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from compilers import NEWER_INSTRUCTIONS

from edgecodec.simulators.toolchain import Toolchain

PROBE = """
#include <stddef.h>
#include "half.h"
void widen(const uint16_t *from, float *to, size_t count);
void narrow(const float *from, uint16_t *to, size_t count);
void widen(const uint16_t *from, float *to, size_t count) {
    for (size_t i = 0; i < count; i++) { to[i] = ec_to_float(from[i]); }
}
void narrow(const float *from, uint16_t *to, size_t count) {
    for (size_t i = 0; i < count; i++) { to[i] = ec_to_half(from[i]); }
}
void combine(const uint32_t *left, const uint32_t *right, uint32_t *to, size_t count);
void combine(const uint32_t *left, const uint32_t *right, uint32_t *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i] = ec_lower_pair(left[i], right[i]);
        to[count + i] = ec_higher_pair(left[i], right[i]);
        to[2 * count + i] = ec_subtract_pairs(left[i], right[i]);
    }
}
"""


@pytest.fixture(scope="module", params=["-DEC_PORTABLE_HALF", "-DEC_HARDWARE_IF_THERE"])
def probe(request: pytest.FixtureRequest, toolchain: Toolchain, repository: Path,
          tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("half")
    (folder / "probe.c").write_text(PROBE)
    toolchain.build("host", [folder / "probe.c"], folder / "probe.so",
                    includes=[repository / "src" / "edgecodec" / "firmware" / "kernels"],
                    options=("-O2", "-shared", "-fPIC", *NEWER_INSTRUCTIONS, request.param))
    return ctypes.CDLL(str(folder / "probe.so"))


def convert(function: object, values: np.ndarray, result: type) -> np.ndarray:
    output = np.empty(len(values), result)
    function(ctypes.c_void_p(values.ctypes.data), ctypes.c_void_p(output.ctypes.data), ctypes.c_size_t(len(values)))
    return output


def test_every_half_widens_exactly(probe: ctypes.CDLL) -> None:
    halves = np.arange(65536, dtype=np.uint16)
    floats = convert(probe.widen, halves, np.float32)
    expected = halves.view(np.float16).astype(np.float32)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(floats[number].view(np.uint32), expected[number].view(np.uint32))
    assert np.isnan(floats[~number]).all()


def test_floats_round_to_the_nearest_half_and_to_even_between(probe: ctypes.CDLL) -> None:
    generator = np.random.default_rng(1)
    anything = generator.integers(0, 2**32, 500_000, dtype=np.uint32).view(np.float32)
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    between = (halves[:-1] + halves[1:]) / 2
    below, above = np.nextafter(between, np.float32(0)), np.nextafter(between, np.float32(1e9))
    ends = np.array([65519.996, 65520, 1e38, np.inf, 2**-25, 1e-45], np.float32)
    near = np.concatenate([halves, between, below, above, ends])
    floats = np.concatenate([anything, near, -near]).astype(np.float32)
    with np.errstate(over="ignore"):
        expected = floats.astype(np.float16)
    rounded = convert(probe.narrow, floats, np.uint16).view(np.float16)
    number = ~np.isnan(floats)
    np.testing.assert_array_equal(rounded[number].view(np.uint16), expected[number].view(np.uint16))
    assert np.isnan(rounded[~number]).all()


def test_pairs_are_compared_and_subtracted_value_by_value(probe: ctypes.CDLL) -> None:
    numbers = np.arange(0x10000, dtype=np.uint16).view(np.float16)
    numbers = numbers[np.isfinite(numbers)]
    left, right = np.random.default_rng(2).choice(numbers, (2, 100_000))
    right[::7] = left[::7]
    results = np.empty((3, left.size), np.float16)
    probe.combine(*(ctypes.c_void_p(array.ctypes.data) for array in (left, right, results)),
                  ctypes.c_size_t(left.size // 2))
    with np.errstate(over="ignore"):
        expected = [np.minimum(left, right), np.maximum(left, right), left - right]
    np.testing.assert_array_equal(results, expected)
