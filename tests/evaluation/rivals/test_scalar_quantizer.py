"""The quantizer keeps its budget, spends it well, and survives what it has never seen."""

import numpy as np
import pytest

from edgecodec.evaluation.rivals.rival import Floats
from edgecodec.evaluation.rivals.scalar_quantizer import QuantizerDesign, ScalarQuantizer, fit_at_step, fit_quantizers

SPREAD = np.geomspace(20, 0.05, 60)  # of the coefficients


@pytest.fixture(scope="module")
def seen() -> Floats:
    return np.random.default_rng(0).laplace(scale=SPREAD, size=(1500, 60)).astype(np.float32)


@pytest.fixture(scope="module")
def unseen() -> Floats:
    return np.random.default_rng(1).laplace(scale=SPREAD, size=(400, 60)).astype(np.float32)


def bits_and_error(quantizer: ScalarQuantizer, rows: Floats) -> tuple[float, float]:
    indices = quantizer.quantize(rows)
    written = np.mean([8 * len(quantizer.coder.encode(row)) for row in indices])
    return float(written), float(np.square(quantizer.restore(indices) - rows).mean())


def test_budgets_are_kept_on_rows_never_seen(seen: Floats, unseen: Floats) -> None:
    budgets = (120, 40, 80)
    found = [bits_and_error(quantizer, unseen) for quantizer in fit_quantizers(seen, budgets)]
    for budget, (bits, _) in zip(budgets, found, strict=True):
        assert budget - 4 < bits < budget + 1
    assert found[1][1] > found[2][1] > found[0][1]


def test_bits_are_worth_more_than_by_plain_rounding(seen: Floats, unseen: Floats) -> None:
    """At the same ideal bits; plain rounding even gets tables of the very rows that it codes."""
    quantizer = fit_at_step(seen, 8.0)
    _, error = bits_and_error(quantizer, unseen)
    bits = quantizer.ideal_bits(quantizer.quantize(unseen)).mean()
    plain_bits, plain_error = [], []
    for step in np.geomspace(8, 16, 12):
        indices = np.rint(unseen / step)
        entropy = 0.0
        for column in indices.T:
            _, counts = np.unique(column, return_counts=True)
            entropy -= float((counts / len(indices) * np.log2(counts / len(indices))).sum())
        plain_bits.append(entropy)
        plain_error.append(float(np.square(indices * step - unseen).mean()))
    assert error < np.interp(-bits, -np.array(plain_bits), plain_error)


def test_ideal_bits_are_nearly_the_bits_that_are_written(seen: Floats, unseen: Floats) -> None:
    quantizer = fit_at_step(seen, 4.0)
    indices = quantizer.quantize(unseen)
    written = np.array([8 * len(quantizer.coder.encode(row)) for row in indices])
    assert 0 < np.mean(written - quantizer.ideal_bits(indices)) < 4.5


def test_a_plain_design_rounds_with_a_dead_zone_and_restores_the_middle(seen: Floats, unseen: Floats) -> None:
    quantizer = fit_at_step(seen, 4.0, QuantizerDesign(bit_price=0, rounding=0.4, centroids=False))
    indices = quantizer.quantize(unseen)
    np.testing.assert_array_equal(indices, np.sign(unseen) * np.floor(np.abs(unseen) / 4 + np.float32(0.4)))
    np.testing.assert_array_equal(quantizer.restore(indices), 4 * indices)


def test_outliers_are_coded_not_clipped(seen: Floats) -> None:
    quantizer = fit_at_step(seen, 4.0)
    assert 59 not in quantizer.coded  # the weakest coefficient has no table
    row = np.zeros((1, 60), np.float32)
    row[0, 0], row[0, 59] = -5000.0, 123.0
    indices = quantizer.quantize(row)
    decoded = quantizer.coder.decode(quantizer.coder.encode(indices[0]))
    np.testing.assert_array_equal(decoded, indices[0])
    assert np.abs(quantizer.restore(decoded[None]) - row).max() < 4.0 * 1.5


def test_an_outlier_that_is_not_worth_its_bits_is_left_out(seen: Floats) -> None:
    quantizer = fit_at_step(seen, 4.0)
    row = np.zeros((1, 60), np.float32)
    row[0, 59] = 4.0
    assert not quantizer.quantize(row).any()


def test_a_budget_beyond_the_finest_step_leaves_bits_over() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
    (quantizer,) = fit_quantizers(rows, (1000,))
    bits, error = bits_and_error(quantizer, rows)
    assert bits < 60
    assert error < 1e-4


def test_a_constant_coefficient_costs_nothing() -> None:
    rows = np.zeros((400, 5), np.float32)
    (quantizer,) = fit_quantizers(rows, (8,))
    bits, error = bits_and_error(quantizer, rows)
    assert (bits, error) == (0, 0)
