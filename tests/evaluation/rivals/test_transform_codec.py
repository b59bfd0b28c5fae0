"""KLT + DCT: an orthonormal transform, packets that hold everything, errors that fall with the bits."""

from pathlib import Path

import numpy as np
import pytest

from edgecodec.data.windows import WindowSet, lowpass
from edgecodec.evaluation.rivals.cosine import coefficients_in_band, resample
from edgecodec.evaluation.rivals.rival import Floats
from edgecodec.evaluation.rivals.transform_codec import (
    KLT_DCT,
    MEANS,
    SpatialTransform,
    TransformCodec,
    TransformDesign,
)
from edgecodec.metrics import errors

BUDGETS = (90, 180, 360)


@pytest.fixture(scope="module")
def targets(validation: WindowSet) -> Floats:
    return validation.targets()


@pytest.fixture(scope="module")
def klt_dct(train: WindowSet, band: int) -> TransformCodec:
    return TransformCodec.fit(KLT_DCT, train.targets(), band, BUDGETS)


@pytest.fixture(scope="module")
def means(train: WindowSet) -> TransformCodec:
    return TransformCodec.fit(MEANS, train.targets(), 1, BUDGETS)


def test_the_band_of_the_paper_is_96_of_800_coefficients() -> None:
    assert coefficients_in_band(800, 100, 5) == 96
    assert coefficients_in_band(40, 100, 40) == 40


def test_resampling_keeps_means_and_what_is_in_the_band(targets: Floats, band: int) -> None:
    np.testing.assert_allclose(resample(targets, 1)[..., 0], targets.mean(axis=-1), atol=1e-5)
    there_and_back = resample(resample(targets, band), targets.shape[-1])
    assert errors(there_and_back, targets).error_percent < 0.2


def test_all_coefficients_together_are_the_window(targets: Floats) -> None:
    transform = SpatialTransform.fit(targets, targets.shape[-1])
    np.testing.assert_allclose(transform.synthesize(transform.analyze(targets), targets.shape[-1]), targets, atol=1e-4)


def test_the_first_modes_hold_the_most(klt_dct: TransformCodec, train: WindowSet) -> None:
    coefficients = klt_dct.transform.analyze(train.targets()).reshape(len(train), train.channels, -1)
    of_means, of_motion = (np.square(part).sum(axis=(0, 2)) for part in (coefficients[..., :1], coefficients[..., 1:]))
    assert np.all(np.diff(of_means) <= 1e-3 * of_means[0])
    assert np.all(np.diff(of_motion) <= 1e-3 * of_motion[0])


def test_bits_are_those_of_packets_that_decode_to_the_reconstruction(klt_dct: TransformCodec, targets: Floats) -> None:
    quantizer, compressed = klt_dct.quantizers[0], next(klt_dct.compress(targets))
    packets = [quantizer.coder.encode(row) for row in quantizer.quantize(klt_dct.transform.analyze(targets))]
    assert compressed.bits_per_window == 8 * np.mean([len(packet) for packet in packets])
    received = np.stack([quantizer.coder.decode(packet) for packet in packets])
    rebuilt = klt_dct.transform.synthesize(quantizer.restore(received), targets.shape[-1])
    np.testing.assert_array_equal(rebuilt, compressed.reconstruction)


def test_budgets_are_kept_and_errors_fall(klt_dct: TransformCodec, targets: Floats) -> None:
    compressed = list(klt_dct.compress(targets))
    for budget, each in zip(BUDGETS, compressed, strict=True):
        assert each.bits_per_window == pytest.approx(budget, rel=0.3)  # few recordings to learn from
    found = [errors(each.reconstruction, targets).error_percent for each in compressed]
    assert found == sorted(found, reverse=True)


def test_the_motion_is_worth_more_than_exact_means(
        klt_dct: TransformCodec, means: TransformCodec, targets: Floats) -> None:
    for of_klt_dct, of_means in zip(klt_dct.compress(targets), means.compress(targets), strict=True):
        assert errors(of_klt_dct.reconstruction, targets).error_percent < \
            0.8 * errors(of_means.reconstruction, targets).error_percent


def test_with_bits_to_spare_means_are_exact(means: TransformCodec, targets: Floats) -> None:
    *_, compressed = means.compress(targets)
    exact = np.broadcast_to(targets.mean(axis=-1, keepdims=True), targets.shape)
    assert errors(compressed.reconstruction, targets).error_percent == pytest.approx(
        errors(exact, targets).error_percent, rel=0.01)


def test_a_second_fit_is_the_same_codec(train: WindowSet, band: int, klt_dct: TransformCodec) -> None:
    again = TransformCodec.fit(KLT_DCT, train.targets(), band, BUDGETS)
    assert again.arrays().keys() == klt_dct.arrays().keys()
    for name, array in klt_dct.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)


def test_one_transform_for_everything_is_a_transform_too(targets: Floats) -> None:
    transform = SpatialTransform.fit(targets, targets.shape[-1], TransformDesign(means_apart=False))
    np.testing.assert_array_equal(transform.means_basis, transform.motion_basis)
    np.testing.assert_allclose(transform.synthesize(transform.analyze(targets), targets.shape[-1]), targets, atol=1e-4)


def test_without_error_weights_every_channel_counts_by_its_magnitude(targets: Floats, band: int) -> None:
    weight = SpatialTransform.fit(targets, band, TransformDesign(error_weights=False)).spectrum.weight
    magnitude = np.abs(targets[..., 144:656]).mean(axis=(0, 2))
    np.testing.assert_allclose(weight * magnitude, 1, rtol=1e-5)


def test_a_window_unlike_all_others_takes_more_bits_and_survives(klt_dct: TransformCodec, targets: Floats) -> None:
    strange = 20 * targets[:1, ::-1]
    usual, unusual = next(klt_dct.compress(targets[:1])), next(klt_dct.compress(strange))
    assert unusual.bits_per_window > 2 * usual.bits_per_window
    assert errors(unusual.reconstruction, strange).error_percent < 5


def test_a_channel_that_is_always_zero_stays_zero(targets: Floats, band: int) -> None:
    with_dead_channel = targets.copy()
    with_dead_channel[:, 3] = 0
    codec = TransformCodec.fit(KLT_DCT, with_dead_channel, band, (90,))
    (compressed,) = codec.compress(with_dead_channel)
    assert np.abs(compressed.reconstruction[:, 3]).max() < 1e-6


def test_real_windows_lose_no_more_than_those_of_the_twin(
        klt_dct: TransformCodec, real_windows: Path, targets: Floats) -> None:
    with np.load(real_windows / "dev.npz") as file:
        real = lowpass(file["x"], 100, 5)
    for of_real, of_twin in zip(klt_dct.compress(real), klt_dct.compress(targets), strict=True):
        assert of_real.bits_per_window == pytest.approx(of_twin.bits_per_window, rel=0.25)
        assert errors(of_real.reconstruction, real).error_percent < 3.0
