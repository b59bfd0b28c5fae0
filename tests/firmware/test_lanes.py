"""The portable fused multiply-add of float16 against exact arithmetic: of anything, near ties, of subnormals."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from edgecodec.deploy.c_source import arithmetic_header
from edgecodec.simulators.toolchain import Toolchain

PROBE = """
#include <stddef.h>
#include "products.h"
void fused(const ec_half *sum, const ec_half *left, const ec_half *right, ec_half *to, size_t count);
void fused(const ec_half *sum, const ec_half *left, const ec_half *right, ec_half *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i] = ec_to_half(ec_fused(ec_to_float(sum[i]), ec_to_float(left[i]), ec_to_float(right[i])));
    }
}
"""


@pytest.fixture(scope="module", params=["-O0", "-O3"])
def probe(request: pytest.FixtureRequest, toolchain: Toolchain, repository: Path,
          tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("lanes")
    (folder / "probe.c").write_text(PROBE)
    (folder / "arithmetic.h").write_text(arithmetic_header("lanes"))
    toolchain.build("host", [folder / "probe.c"], folder / "probe.so",
                    includes=[folder, repository / "src" / "edgecodec" / "firmware" / "kernels"],
                    options=(request.param, "-shared", "-fPIC"))
    return ctypes.CDLL(str(folder / "probe.so"))


def fused(probe: ctypes.CDLL, *operands: np.ndarray) -> np.ndarray:
    result = np.empty_like(operands[0])
    probe.fused(*(ctypes.c_void_p(array.ctypes.data) for array in (*operands, result)), ctypes.c_size_t(len(result)))
    return result


def draw(exponents: range, count: int, generator: np.random.Generator) -> np.ndarray:
    """Halves of both signs, exponent 0 for zeros and subnormal ones."""
    sign, fraction = generator.integers(0, 2, count), generator.integers(0, 1024, count)
    bits = sign << 15 | generator.choice(exponents, count) << 10 | fraction
    return bits.astype(np.uint16).view(np.float16)


@pytest.mark.parametrize(("of_sum", "of_factors"), [
    (range(31), range(31)), (range(12, 17), range(6, 12)), (range(3), range(13))],
    ids=["anything", "sums with lost bits", "subnormal sums"])
def test_it_rounds_the_exact_sum_once(probe: ctypes.CDLL, of_sum: range, of_factors: range) -> None:
    generator = np.random.default_rng(1)
    total, left, right = (draw(exponents, 500_000, generator) for exponents in (of_sum, of_factors, of_factors))
    with np.errstate(over="ignore"):
        expected = (left.astype(np.float64) * right + total).astype(np.float16)
    np.testing.assert_array_equal(fused(probe, total, left, right).view(np.uint16), expected.view(np.uint16))


def test_what_is_just_beside_a_tie_goes_to_its_own_side(probe: ctypes.CDLL) -> None:
    """Sums whose distance from the middle between two halves float32 cannot tell."""
    first, second = np.meshgrid(np.arange(1024, 2048), np.arange(1024, 2048))
    product = (first * second).ravel()
    near = np.abs(product - 2**21) < 2**8
    assert near.sum() > 100
    left = (first.ravel()[near] / 2**15).astype(np.float16)
    right = (second.ravel()[near] / 2**17).astype(np.float16)
    for sign in (1, -1):
        signed = (sign * left).astype(np.float16)
        for total in (1 + 2**-10, 1.5, -1.75):
            totals = np.full_like(left, total)
            exact = signed.astype(np.float64) * right + total
            assert (exact.astype(np.float32).astype(np.float16) != exact.astype(np.float16)).any()
            np.testing.assert_array_equal(fused(probe, totals, signed, right), exact.astype(np.float16))


def test_what_is_not_finite_stays_so(probe: ctypes.CDLL) -> None:
    operands = np.array([[np.inf, 1, 1], [-np.inf, 2, 3], [1, np.inf, 2], [60000, 300, 300], [np.nan, 1, 1],
                         [np.inf, -np.inf, 1]], np.float16).T.copy()
    np.testing.assert_array_equal(fused(probe, *operands),
                                  np.array([np.inf, -np.inf, np.inf, np.inf, np.nan, np.nan], np.float16))
