"""Codec edge starts at the classical solution, before any gradient step."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from edgecodec.model.edge import EdgeDecoder, EdgeEncoder, fit_to
from edgecodec.model.karhunen_loeve import karhunen_loeve
from edgecodec.params import EdgeParams

CHANNELS, SAMPLES = 6, 160
SIZES = EdgeParams(codewords=16, rates=2, stages_per_rate=2, codeword_samples=4, regimes=2, decimation=8,
                   filter_taps=32, time_bins=16, bands=((1, 6, 2), (6, 16, 2)), coefficients=30, refiner_channels=8)


@pytest.fixture(scope="module")
def targets() -> NDArray[np.float32]:
    """Means plus one slow oscillation with a fixed spatial shape: what two modes a band can hold."""
    generator = np.random.default_rng(0)
    time = np.arange(SAMPLES) / SAMPLES
    phase = generator.uniform(0, 2 * np.pi, (300, 1, 1))
    frequency = generator.uniform(2, 4, (300, 1, 1))
    shape = np.linspace(-1, 1, CHANNELS)[:, None]
    means = generator.normal(size=(300, CHANNELS, 1))
    return (means + shape * np.sin(2 * np.pi * frequency * time + phase)).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(targets: NDArray[np.float32]) -> tuple[EdgeEncoder, EdgeDecoder]:
    torch.manual_seed(0)
    encoder, decoder = EdgeEncoder(CHANNELS, SAMPLES, SIZES), EdgeDecoder(CHANNELS, SAMPLES, SIZES)
    noise = np.random.default_rng(1).normal(scale=0.05, size=targets.shape).astype(np.float32)
    fit = fit_to(encoder, decoder, targets + noise, targets)
    assert fit.bins_energy == pytest.approx(1, abs=0.02)
    assert fit.bands_energy > 0.98
    return encoder, decoder


def test_the_linear_solution_rebuilds_what_its_modes_can_hold(
        fitted: tuple[EdgeEncoder, EdgeDecoder], targets: NDArray[np.float32]) -> None:
    encoder, decoder = fitted
    with torch.no_grad():
        rebuilt = decoder(encoder(torch.from_numpy(targets))).numpy()
    inner = slice(30, -30)
    error = np.square(rebuilt - targets)[..., inner].mean() / np.square(targets)[..., inner].mean()
    assert error < 0.002


def test_latent_energy_is_ordered_and_uncorrelated(
        fitted: tuple[EdgeEncoder, EdgeDecoder], targets: NDArray[np.float32]) -> None:
    with torch.no_grad():
        latent = fitted[0](torch.from_numpy(targets))[:, 0].numpy()
    means = latent[:, :CHANNELS]
    covariance = np.cov(means.T)
    assert (np.diff(np.diag(covariance)) <= 1e-6).all()
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.05 * covariance[0, 0]


def test_the_refiner_starts_silent(fitted: tuple[EdgeEncoder, EdgeDecoder]) -> None:
    refiner = fitted[1].refiner
    assert refiner is not None
    assert torch.equal(refiner(torch.randn(3, CHANNELS + SIZES.coefficients)),
                       torch.zeros(3, CHANNELS + SIZES.coefficients))


def test_karhunen_loeve_is_orthonormal_and_keeps_its_signs() -> None:
    x = np.random.default_rng(2).normal(size=(200, 5)) * [5, 4, 3, 2, 1]
    basis = karhunen_loeve(x)
    assert np.allclose(basis.T @ basis, np.eye(5))
    assert (np.diff(np.square(x @ basis).mean(axis=0)) < 0).all()
    assert np.allclose(basis, karhunen_loeve(-x))
