"""Coded packets: cheap codewords are preferred, and the tables' lengths are what payloads take."""

import numpy as np
import pytest
import torch
from packets.entropy_tables import ideal_bits
from packets.random_indices import assert_same

from edgecodec.model.coded import CodedQuantizer, common_price, fit_stage
from edgecodec.model.regimes import RegimeQuantizer

DIMENSION = 8
RATES = (4, 8)


def latents(seed: int, n: int, scale: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, DIMENSION, generator=generator) * torch.linspace(3, 0.1, DIMENSION)


@pytest.fixture(scope="module")
def coded() -> CodedQuantizer:
    return fitted()


def fitted() -> CodedQuantizer:
    """Of two regimes; the second one's coordinates are turned."""
    torch.manual_seed(0)
    regimes = RegimeQuantizer(2, DIMENSION, 2, 16, (1, 2), decay=0.99, dead_codeword_threshold=0.01,
                              kmeans_iterations=1)
    regimes.rotation[1] = torch.linalg.qr(torch.randn(DIMENSION, DIMENSION)).Q
    quantizer = CodedQuantizer(regimes, codewords=16, codeword_samples=2, stages_of_rate=RATES)
    quantizer.fit([latents(0, 3000), latents(1, 1000, scale=0.3)], errors=[1.2, 0.4], bits_of_rate=[8.0, 16.0], seed=0)
    return quantizer


def words_of(coded: CodedQuantizer, regime: int, latent: torch.Tensor) -> torch.Tensor:
    """[n, stages, 1] of ``latent`` [n, dimension] in the coordinates of ``regime``."""
    return coded.quantizers[regime].encode(latent[:, None])


def bits_of(coded: CodedQuantizer, regime: int, words: torch.Tensor) -> np.ndarray:
    return np.array([ideal_bits(coded.tables, [regime, *row]) for row in words[..., 0].tolist()])


def test_a_higher_price_buys_fewer_bits_and_more_distortion() -> None:
    points = latents(2, 4000)
    outcomes = []
    for price in (0.01, 4.0):
        stage = fit_stage(points, codewords=16, samples=4, price=price, generator=torch.Generator().manual_seed(0))
        part = points[:, stage.coordinates]
        index = stage.choose(part)
        bits = 12 - torch.log2(stage.frequencies[index].float())
        outcomes.append((float(bits.mean()), float((part - stage.codewords[index]).square().sum(dim=1).mean())))
    (bits_of_cheap, near), (bits_of_dear, far) = outcomes
    assert bits_of_dear < 0.8 * bits_of_cheap
    assert near < far


def test_the_choice_is_the_least_distortion_plus_price(coded: CodedQuantizer) -> None:
    stage = coded.quantizers[0].stages[0]
    part = latents(3, 50)[:, stage.coordinates]
    bits = 12 - torch.log2(stage.frequencies.float())
    cost = (part[:, None] - stage.codewords).square().sum(dim=2) + stage.price * bits
    assert torch.equal(stage.choose(part), cost.argmin(dim=1))


def test_mean_length_is_near_what_the_water_level_says(coded: CodedQuantizer) -> None:
    """Of a stage that has its bits: the price is set for 8 bits; enough stages must not go far beyond."""
    lengths = [bits_of(coded, regime, words_of(coded, regime, latents(4 + regime, 400, scale))[:, :4]).mean()
               for regime, scale in ((0, 1.0), (1, 0.3))]
    assert 4 < 0.75 * lengths[0] + 0.25 * lengths[1] < 12


def test_a_prefix_of_the_stages_decodes_and_more_stages_come_nearer(coded: CodedQuantizer) -> None:
    latent = latents(6, 300)[:, None]
    indices = coded.encode(latent)
    distances = [float((coded.decode(indices.sent(stages)) - latent).square().mean()) for stages in RATES]
    assert distances[0] > distances[1]


def test_payloads_are_no_longer_than_the_tables_say(coded: CodedQuantizer) -> None:
    indices, payloads = coded.encode(latents(7, 100)[:, None]), coded.payloads(1)
    ideal = [ideal_bits(coded.tables, [int(window.regime), *window.words[:, 0].tolist()]) for window in indices]
    assert (payloads.bits_of(indices) <= 8 * np.ceil(np.array(ideal) / 8 - 1e-9)).all()
    assert_same(payloads.read(2, payloads.write(indices)), indices)


def test_equal_seeds_give_equal_codebooks(coded: CodedQuantizer) -> None:
    again = fitted()
    assert all(torch.equal(value, coded.state_dict()[name]) for name, value in again.state_dict().items())


def test_the_common_price_falls_as_bits_grow() -> None:
    variances = [torch.tensor([4.0, 1.0, 0.25]), torch.tensor([1.0, 0.1, 0.01])]
    prices = [common_price(variances, torch.tensor([0.5, 0.5]), [1.0, 0.5], bits) for bits in (1.0, 2.0, 4.0)]
    assert prices[0] > prices[1] > prices[2]
    level = prices[1] / (2 * np.log(2))
    bits = sum(0.5 * torch.log2((variance / (level * error)).clamp(min=1)).sum() / 2
               for variance, error in zip(variances, (1.0, 0.5), strict=True))
    assert float(bits) == pytest.approx(2.0, abs=1e-3)


def test_the_regime_is_the_one_whose_lowest_rate_leaves_the_least(coded: CodedQuantizer) -> None:
    """Stages of higher rates have no say, so that the indices of a lower rate are a prefix."""
    latent = torch.cat([latents(8, 200), coded.out_of(1, latents(9, 200, scale=0.3))])[:, None]
    left = torch.stack([
        (rotated - quantizer.decode(quantizer.encode(rotated)[:, : RATES[0]])).square().sum(dim=(1, 2))
        for regime, quantizer in enumerate(coded.quantizers) for rotated in [coded.into(regime, latent)]])
    chosen = coded.choose(latent)
    assert set(chosen.tolist()) == {0, 1}
    assert torch.equal(left.gather(0, chosen[None])[0], left.min(dim=0).values)
    assert (coded.encode(latent).regime == chosen.numpy()).all()
