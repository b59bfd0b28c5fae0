"""Joint PCA and residual vector quantizer: bits are indices, more stages and more beams find more."""

import numpy as np
import pytest
import torch

from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.rivals import joint_rvq
from edgecodec.evaluation.rivals.joint_rvq import JointRvq
from edgecodec.evaluation.rivals.rival import Floats
from edgecodec.metrics import errors

BUDGETS = (30, 99, 5)


@pytest.fixture(scope="module")
def targets(validation: WindowSet) -> Floats:
    return validation.targets()


@pytest.fixture(scope="module")
def rival(train: WindowSet, band: int) -> JointRvq:
    return JointRvq.fit(train.targets(), batches(train), band, BUDGETS)


def batches(train: WindowSet) -> list[Floats]:
    generator = np.random.default_rng(0)
    return [train.draw(generator, 700).targets for _ in range(3)]


def test_a_budget_is_as_many_indices_as_it_pays_but_one_at_least(rival: JointRvq, targets: Floats) -> None:
    assert [each.bits_per_window for each in rival.compress(targets)] == [30, 90, 10]
    assert rival.codebooks.shape == (9, 1024, 160)


def test_more_stages_leave_less(rival: JointRvq, targets: Floats) -> None:
    three, nine, one = (errors(each.reconstruction, targets).error_percent for each in rival.compress(targets))
    assert nine < three < one


def test_without_quantizer_only_what_the_components_lack_is_lost(rival: JointRvq, targets: Floats) -> None:
    spectrum = rival.spectrum.analyze(targets)
    kept = (spectrum.reshape(len(targets), -1) @ rival.basis @ rival.basis.T).reshape(spectrum.shape)
    assert np.square(kept - spectrum).sum() < 0.1 * np.square(spectrum).sum()
    np.testing.assert_allclose(rival.basis.T @ rival.basis, np.eye(160), atol=1e-4)


def test_a_beam_finds_nearer_words_than_greed(
        rival: JointRvq, targets: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    def squared_error() -> float:
        [_, nine, _] = rival.compress(targets)
        return float(np.square(rival.spectrum.analyze(nine.reconstruction) - rival.spectrum.analyze(targets)).sum())

    with_beam = squared_error()
    monkeypatch.setattr(joint_rvq, "BEAM", 1)
    assert with_beam < 0.99 * squared_error()


def test_a_second_fit_is_the_same_rival_and_leaves_torch_alone(
        rival: JointRvq, train: WindowSet, band: int) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    again = JointRvq.fit(train.targets(), batches(train), band, BUDGETS)
    assert torch.equal(torch.rand(1), expected)
    for name, array in rival.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)


def test_fewer_windows_than_codewords_are_known_by_heart(train: WindowSet, band: int) -> None:
    few = train.targets(slice(0, 40))
    rival = JointRvq.fit(few, [few], band, (10,))
    (compressed,) = rival.compress(few)
    assert errors(compressed.reconstruction, few).error_percent < 1
