"""Reverse water-filling spends exactly its bits, where they save most; its channel leaves its distortion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecodec.evaluation.water_filling import GaussianModel, reverse_water_filling

variances = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30).map(np.array)


@given(variances, st.floats(0.1, 400))
def test_the_bits_are_spent_and_only_above_the_level(variance: np.ndarray, bits: float) -> None:
    distortion = reverse_water_filling(variance, bits)
    assert np.all(distortion <= variance)
    assert 0.5 * np.log2(variance / distortion).sum() == pytest.approx(bits, rel=1e-6)
    sent = distortion < variance
    np.testing.assert_allclose(distortion[sent], distortion.max() if sent.all() else distortion[sent].min())


def test_no_bits_leave_everything_and_equal_components_share_equally() -> None:
    variance = np.array([4.0, 0.0, 4.0])
    np.testing.assert_array_equal(reverse_water_filling(variance, 0), variance)
    np.testing.assert_allclose(reverse_water_filling(variance, 4), [0.25, 0, 0.25])  # two bits each: a sixteenth


@pytest.fixture(scope="module")
def latents() -> np.ndarray:
    generator = np.random.default_rng(3)
    mixing = generator.normal(size=(6, 6)) * np.array([5, 3, 1, 0.5, 0.2, 0.05])[:, None]
    return generator.normal(size=(40000, 6)) @ mixing + 7


def test_the_channel_leaves_the_distortion_of_the_water_level(latents: np.ndarray) -> None:
    model = GaussianModel.fit(latents, np.zeros(len(latents), np.int64))
    for bits in (3, 9, 24):
        arrived = model.quantize(latents, np.zeros(len(latents), np.int64), bits, np.random.default_rng(0))
        expected = reverse_water_filling(model.classes[0].variance, bits).sum()
        assert np.square(arrived - latents).sum(axis=1).mean() == pytest.approx(expected, rel=0.02)
        assert model.coefficient_bits(bits).sum() == pytest.approx(bits)


def test_a_class_costs_its_entropy_and_earns_its_structure(latents: np.ndarray) -> None:
    class_of = np.arange(len(latents)) % 2
    apart = latents + 100.0 * class_of[:, None]
    split, pooled = GaussianModel.fit(apart, class_of), GaussianModel.fit(apart, np.zeros_like(class_of))
    assert split.class_bits == pytest.approx(1)
    errors = [np.square(model.quantize(apart, classes, 6, np.random.default_rng(0)) - apart).mean()
              for model, classes in ((split, class_of), (pooled, np.zeros_like(class_of)))]
    assert errors[0] < 0.5 * errors[1]  # the pooled model spends its bits on telling the classes apart
    assert split.coefficient_bits(6).sum() == pytest.approx(5)
