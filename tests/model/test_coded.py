"""Steps and tables for coded packets: bits as asked for, cheap calm windows, regimes by their price."""

import numpy as np
import pytest
import torch
from packets.entropy_tables import ideal_bits

from edgecodec.model.coded import BIT_PRICE, CodedQuantizer, choose, common_price
from edgecodec.model.regimes import RegimeQuantizer
from edgecodec.packets.scalar import COSTS_OF_A_BIT

DIMENSION = 8
BITS = (12.0, 24.0)


def latents(seed: int, n: int, scale: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, DIMENSION, generator=generator) * torch.linspace(3, 0.1, DIMENSION)


def windows_of_both(coded: CodedQuantizer, seed: int, n: int) -> torch.Tensor:
    """Latents [2 n, 1, dimension]: n of regime 0, and as many of regime 1, which is calm."""
    return torch.cat([latents(seed, n), coded.out_of(1, latents(seed + 1, n, scale=0.3))])[:, None]


@pytest.fixture(scope="module")
def coded() -> CodedQuantizer:
    return fitted()


def fitted() -> CodedQuantizer:
    """Of two regimes; the second one's coordinates are turned."""
    torch.manual_seed(0)
    regimes = RegimeQuantizer(2, DIMENSION, 2, 16, (1, 2), decay=0.99, dead_codeword_threshold=0.01,
                              kmeans_iterations=1)
    regimes.rotation[1] = torch.linalg.qr(torch.randn(DIMENSION, DIMENSION)).Q
    quantizer = CodedQuantizer(regimes, rates=2)
    latent = windows_of_both(quantizer, 0, 2000)
    quantizer.fit([quantizer.into(regime, latent)[:, 0].numpy() for regime in range(2)],
                  np.repeat([0, 1], 2000), errors=[1.0, 1.0], bits_of_rate=BITS)
    return quantizer


def test_windows_never_seen_take_the_bits_that_were_asked_for(coded: CodedQuantizer) -> None:
    indices, payloads = coded.encode(windows_of_both(coded, 8, 500)), coded.payloads(1)
    for rate, bits in enumerate(BITS, 1):
        assert payloads.bits_of(indices.sent(rate)).mean() == pytest.approx(bits, abs=2.5)


def test_calm_windows_are_cheaper(coded: CodedQuantizer) -> None:
    indices, payloads = coded.encode(windows_of_both(coded, 8, 500)), coded.payloads(1)
    lengths = payloads.bits_of(indices)
    assert lengths[500:].mean() < 0.6 * lengths[:500].mean()


def test_a_higher_rate_comes_nearer(coded: CodedQuantizer) -> None:
    latent = windows_of_both(coded, 6, 300)
    distances = [float((coded.decode(coded.encode(latent).sent(rate)) - latent).square().mean()) for rate in (1, 2)]
    assert distances[1] < 0.5 * distances[0]


def test_payloads_are_no_longer_than_the_tables_say(coded: CodedQuantizer) -> None:
    indices, payloads = coded.encode(windows_of_both(coded, 7, 50)), coded.payloads(1)
    tables = coded.scalars.entropy_tables[1]
    symbols = coded.scalars.symbols(indices.regime, indices.words[:, 1], rate=2)
    ideal = [ideal_bits(tables, of_window) for of_window in symbols.tolist()]
    assert (payloads.bits_of(indices) <= 8 * np.ceil(np.array(ideal) / 8 + 1e-3)).all()
    read = payloads.read(2, payloads.write(indices))
    assert (read.words[:, 1] == indices.words[:, 1]).all()
    assert (read.regime == indices.regime).all()


def test_the_regime_is_the_one_with_the_lowest_price(coded: CodedQuantizer) -> None:
    """In squared steps and bits, at the deciding rate: of two rates the first."""
    latent, scalars = windows_of_both(coded, 8, 200), coded.scalars
    prices = []
    for regime in range(2):
        found = scalars.quantize(coded.into(regime, latent)[:, 0].numpy(), regime, rate=1)
        bits = (found.cost + int(scalars.regime_costs[regime])) / COSTS_OF_A_BIT
        prices.append(found.missed / BIT_PRICE + bits)
    chosen = coded.encode(latent).regime
    assert set(chosen.tolist()) == {0, 1}
    assert (np.abs(np.min(prices, axis=0) - np.choose(chosen, prices)) < 1e-3).all()
    in_regimes = [coded.into(regime, latent)[:, 0].numpy() for regime in range(2)]
    assert (choose(scalars, in_regimes) == chosen).all()


def test_thresholds_weigh_error_against_bits(coded: CodedQuantizer) -> None:
    """Where zeros are likely, a coordinate has to be farther than half a step from zero to be sent."""
    scalars = coded.scalars
    used = np.unique(scalars.classes)
    rare = [number for number in used if number > 0 and scalars.tables[number].max() > 3000]
    assert rare
    assert (scalars.zero[rare] > 0.6).all()


def test_equal_data_give_equal_tables(coded: CodedQuantizer) -> None:
    again = fitted()
    assert all(torch.equal(value, coded.state_dict()[name]) for name, value in again.state_dict().items())


def test_the_common_price_falls_as_bits_grow() -> None:
    own = [latents(0, 4000).numpy(), latents(1, 4000, scale=0.3).numpy()]
    prices = [common_price(own, [1.0, 0.5], bits) for bits in (1.0, 2.0, 4.0)]
    assert prices[0] > prices[1] > prices[2]
    levels = [prices[1] * error / (2 * np.log(2)) for error in (1.0, 0.5)]
    bits = sum(0.5 * np.log2(np.maximum(latent.var(axis=0) / level, 1)).sum() / 2
               for latent, level in zip(own, levels, strict=True))
    assert float(bits) == pytest.approx(2.0, abs=1e-3)
