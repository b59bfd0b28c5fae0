"""Any row of integers survives; the bytes are hardly more than the tables promise."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgecodec.evaluation.rivals.range_coder import Integers, RangeCoder

ENTRIES = 30


def coder_for(generator: np.random.Generator, coded: int = 12, reach: int = 9) -> RangeCoder:
    """Tables of random width and shape for some entries of a row."""
    reaches = generator.integers(1, reach + 1, size=coded)
    values = np.arange(-reach, reach + 1)
    probabilities = generator.uniform(0.2, 0.8, (coded, 1)) ** np.abs(values)
    probabilities[np.abs(values) > reaches[:, None]] = 0
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    which = np.sort(generator.choice(ENTRIES, coded, replace=False))
    return RangeCoder(ENTRIES, which, reaches, probabilities.astype(np.float32), exception_probability=0.01)


def likely_row(coder: RangeCoder, generator: np.random.Generator) -> Integers:
    """Drawn from the coder's own tables."""
    row = np.zeros(ENTRIES, np.int32)
    reach = coder.probabilities.shape[1] // 2
    for entry, table in zip(coder.coded, coder.probabilities.astype(np.float64), strict=True):
        row[entry] = generator.choice(np.arange(-reach, reach + 1), p=table / table.sum())
    return row


@given(st.integers(0, 2**32 - 1), st.dictionaries(st.integers(0, ENTRIES - 1), st.integers(-(2**30), 2**30)))
@example(462370242, {3: 32768, 13: 260, 0: 256, 11: 32777, 14: 32768, 18: -15094722, 1: 4096})  # a cut too short
@settings(deadline=None)
def test_every_row_survives_however_unlikely(seed: int, outliers: dict[int, int]) -> None:
    generator = np.random.default_rng(seed)
    coder = coder_for(generator)
    row = likely_row(coder, generator)
    for entry, value in outliers.items():
        row[entry] = value
    np.testing.assert_array_equal(coder.decode(coder.encode(row)), row)


def test_the_bytes_are_what_the_tables_promise() -> None:
    generator = np.random.default_rng(0)
    coder = coder_for(generator)
    reach = coder.probabilities.shape[1] // 2
    overheads = []
    for _ in range(300):
        row = likely_row(coder, generator)
        promised = -np.log2(coder.probabilities[np.arange(len(coder.coded)), row[coder.coded] + reach]).sum()
        overheads.append(8 * len(coder.encode(row)) - promised)
    assert max(overheads) < 10  # the last byte, and the end of the range
    assert 0 < np.mean(overheads) < 6  # on average nobody writes less than the tables promise


def test_what_is_nearly_certain_costs_a_byte_at_most() -> None:
    probabilities = np.array([[0.001, 0.998, 0.001]] * 10, np.float32)
    coder = RangeCoder(10, np.arange(10), np.ones(10, np.int64), probabilities, exception_probability=0.001)
    zeros = np.zeros(10, np.int32)
    assert len(coder.encode(zeros)) <= 1


def test_an_exception_costs_a_few_bytes() -> None:
    generator = np.random.default_rng(1)
    coder = coder_for(generator)
    row = likely_row(coder, generator)
    without = len(coder.encode(row))
    row[np.setdiff1d(np.arange(ENTRIES), coder.coded)[0]] = 1
    assert without < len(coder.encode(row)) <= without + 3


def test_a_row_is_split_into_what_tables_hold_and_exceptions() -> None:
    coder = RangeCoder(3, np.array([0, 2]), np.array([2, 5]), np.full((2, 11), 1 / 11, np.float32), 0.01)
    np.testing.assert_array_equal(coder.exceptions(np.array([-4, 7, 5], np.int32)), [-2, 7, 0])


@pytest.mark.parametrize("seed", range(5))
def test_one_byte_less_is_another_row(seed: int) -> None:
    """The end that was cut off is all that could be cut off."""
    generator = np.random.default_rng(seed)
    coder = coder_for(generator)
    row = likely_row(coder, generator)
    data = coder.encode(row)
    assert data
    assert not coder._decodes_to(data[:-1], row)
