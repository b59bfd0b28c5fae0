"""SZ3 and ZFP: the bits they say are the bytes they write, and the search keeps to the budgets if that can be done."""

import numpy as np
import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.rivals.rival import Floats, Rival
from edgecodec.evaluation.rivals.search import FieldPreparation, Trial, best_within
from edgecodec.evaluation.rivals.sz3 import Sz3
from edgecodec.evaluation.rivals.zfp import Zfp
from edgecodec.metrics import errors

BUDGETS = (90, 360, 20000)


@pytest.fixture(scope="module")
def preparation(train: WindowSet, band: int) -> FieldPreparation:
    return FieldPreparation.fit(train.targets(), band)


@pytest.fixture(scope="module")
def targets(validation: WindowSet) -> Floats:
    return validation.targets()


@pytest.fixture(scope="module", params=["sz3_abs", "zfp"])
def rival(request: pytest.FixtureRequest, preparation: FieldPreparation) -> Rival:
    return Sz3("abs", BUDGETS, preparation) if request.param == "sz3_abs" else Zfp(BUDGETS, preparation)


def test_budgets_are_kept_and_more_bits_are_worth_more(rival: Rival, targets: Floats) -> None:
    compressed = list(rival.compress(targets))
    assert all(each.bits_per_window <= budget for budget, each in zip(BUDGETS, compressed, strict=True))
    found = [errors(each.reconstruction, targets).error_percent for each in compressed]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 3  # with bits enough, more than the means is sent


def test_a_reconstruction_has_the_shape_of_the_windows(rival: Rival, targets: Floats) -> None:
    for compressed in rival.compress(targets[:3]):
        assert compressed.reconstruction.shape == targets[:3].shape
        assert compressed.reconstruction.dtype == np.float32


def test_what_cannot_be_reached_is_said(rival: Rival, targets: Floats) -> None:
    """One window alone does not go into 90 bits; the fewest bits there are count instead."""
    compressed = next(rival.compress(targets[:1]))
    assert compressed.bits_per_window > 90


@pytest.mark.slow
def test_the_kinds_of_error_bound_differ_in_words_only(preparation: FieldPreparation, targets: Floats) -> None:
    absolute, relative, both = (
        [(each.bits_per_window, errors(each.reconstruction, targets).error_percent)
         for each in Sz3(mode, BUDGETS, preparation).compress(targets)] for mode in ("abs", "rel", "abs_rel"))
    np.testing.assert_allclose(relative, absolute, rtol=0.02)
    np.testing.assert_allclose(both, absolute, rtol=0.02)


def test_of_two_trials_within_a_budget_the_better_counts(preparation: FieldPreparation, targets: Floats) -> None:
    field = next(preparation.fields(targets))
    window_bytes = len(targets) // 8
    bad = Trial(field, 10 * window_bytes, lambda: 0 * field.values, "nothing")
    good = Trial(field, 50 * window_bytes, lambda: field.values, "everything")
    small, large = best_within([bad, good], targets, preparation, (20, 60))
    assert (small.settings.split(", ")[-1], large.settings.split(", ")[-1]) == ("nothing", "everything")
    assert (small.bits_per_window, large.bits_per_window) == (10, 50)
