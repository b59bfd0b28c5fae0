"""Regimes: found without labels, named by the first index, each with coordinates and codebooks of its own."""

import numpy as np
import pytest
import torch

from edgecodec.errors import EdgeCodecError
from edgecodec.model.mixture import fit_mixture, water_level
from edgecodec.model.quantizer import ResidualQuantizer
from edgecodec.model.regimes import RegimeQuantizer

DIMENSION = 12
SIZES = {"dimension": DIMENSION, "codeword_samples": 4, "codewords": 32, "stages_of_rate": (3, 6), "decay": 0.99,
         "dead_codeword_threshold": 0.01, "kmeans_iterations": 10}


def two_kinds(seed: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents [n, 1, d] that are calm, or wild in other directions; and which of the two."""
    generator = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(DIMENSION, DIMENSION, generator=torch.Generator().manual_seed(99))).Q
    wild = torch.rand(n, generator=generator) < 0.5
    unit = torch.randn(n, DIMENSION, generator=generator)
    calm_latent = unit * torch.linspace(1, 0.02, DIMENSION)
    wild_latent = (unit * torch.linspace(4, 0.02, DIMENSION)) @ turn + 1
    return torch.where(wild[:, None], wild_latent, calm_latent)[:, None], wild


@pytest.fixture(scope="module")
def quantizer() -> RegimeQuantizer:
    torch.manual_seed(0)
    quantizer = RegimeQuantizer(regimes=2, **SIZES)
    quantizer.initialize(two_kinds(0, 4000)[0], per_step=64)
    return quantizer.eval()


def test_regimes_are_found_without_labels(quantizer: RegimeQuantizer) -> None:
    latent, wild = two_kinds(1, 500)
    agreement = (quantizer.choose(latent) == wild).float().mean()
    assert max(agreement, 1 - agreement) > 0.97


def test_regimes_beat_one_codebook_for_all_at_equal_bits(quantizer: RegimeQuantizer) -> None:
    torch.manual_seed(0)
    one = ResidualQuantizer(**SIZES)
    one.initialize(two_kinds(0, 4000)[0], per_step=64)
    latent, _ = two_kinds(1, 500)
    of_one, of_regimes = ((each.eval()(latent).latent - latent).square().mean() for each in (one, quantizer))
    assert of_regimes < 0.8 * of_one


def test_the_first_stages_of_all_regimes_share_the_codewords(quantizer: RegimeQuantizer) -> None:
    latent, _ = two_kinds(2, 300)
    quantized, indices = quantizer(latent), quantizer.encode(latent)
    assert torch.equal(quantized.regime, quantizer.choose(latent))
    assert (indices.regime == quantized.regime.numpy()).all()
    assert indices.words[:, 0].max() < 16 <= indices.words[:, 1:].max() < 32
    assert quantizer.payloads(1).numbers == (32,) * 6
    assert torch.allclose(quantizer.decode(indices), quantized.latent, atol=1e-5)


def test_a_lower_rate_is_a_prefix_and_less_near(quantizer: RegimeQuantizer) -> None:
    latent, _ = two_kinds(3, 200)
    indices, low = quantizer.encode(latent), quantizer(latent, torch.full((200,), 3))
    assert (low.regime.numpy() == indices.regime).all()
    assert (low.words[:, :3].numpy() == indices.words[:, :3]).all()
    near, far = ((quantizer.decode(some) - latent).square().mean() for some in (indices, indices.sent(3)))
    assert near < far


def test_codebooks_are_stacked_by_stage(quantizer: RegimeQuantizer) -> None:
    for stage, books in enumerate(quantizer.codebooks):
        for regime, own in enumerate(quantizer.quantizers):
            assert torch.equal(books[regime], own.codebooks[stage])


def test_one_regime_in_the_latents_coordinates_takes_any_number_of_tokens() -> None:
    torch.manual_seed(0)
    plain, reference = RegimeQuantizer(regimes=1, **SIZES, rotated=False), ResidualQuantizer(**SIZES)
    latent = two_kinds(0, 900)[0].reshape(300, 3, DIMENSION)
    for each in (plain, reference):
        torch.manual_seed(1)
        each.initialize(latent, per_step=64)
    assert torch.equal(plain.train()(latent).latent, reference.train()(latent).latent)
    indices = plain.eval().encode(latent)
    assert indices.words.shape == (300, 6, 3)
    assert not indices.regime.any()
    assert torch.equal(plain.decode(indices), reference.decode(torch.from_numpy(indices.words.astype(np.int64))))


def test_codebooks_follow_their_regime_alone_in_training() -> None:
    torch.manual_seed(0)
    quantizer = RegimeQuantizer(regimes=2, **SIZES)
    quantizer.initialize(two_kinds(0, 2000)[0], per_step=64)
    latent, wild = two_kinds(5, 400)
    regime = int(quantizer.choose(latent[wild]).mode().values)
    before = [each.codebooks[1].clone() for each in quantizer.quantizers]
    mine = latent[quantizer.choose(latent) == regime]
    quantizer.train()(mine)
    after = [each.codebooks[1] for each in quantizer.quantizers]
    assert not torch.equal(before[regime], after[regime])
    assert torch.equal(before[1 - regime], after[1 - regime])


def test_the_gradient_passes_straight_through(quantizer: RegimeQuantizer) -> None:
    latent = two_kinds(6, 10)[0].requires_grad_()
    quantizer(latent).latent.sum().backward()
    assert torch.equal(latent.grad, torch.ones_like(latent))


def test_codewords_must_be_shared_out_evenly() -> None:
    with pytest.raises(EdgeCodecError, match=r"codecs.edge.regimes: 32 codewords .* among 3 regimes"):
        RegimeQuantizer(regimes=3, **SIZES)


def test_a_regime_with_too_few_windows_is_refused() -> None:
    with pytest.raises(EdgeCodecError, match="of 50 training windows, too few for 32 codewords; take fewer"):
        RegimeQuantizer(regimes=2, **SIZES).initialize(two_kinds(0, 50)[0], per_step=64)


def test_windows_far_from_all_others_are_a_fault_of_the_data() -> None:
    latent = two_kinds(0, 400)[0]
    latent[:20] *= 1000
    with pytest.raises(EdgeCodecError, match=r"artifacts/windows/train: \d+ of 400 .* outlying values in"):
        RegimeQuantizer(regimes=2, **SIZES).initialize(latent, per_step=64)


@pytest.mark.parametrize("bits", [1.0, 10.0, 60.0])
def test_the_water_level_spends_the_bits(bits: float) -> None:
    variance = np.geomspace(10, 1e-3, 20)
    level = water_level(variance, bits)
    assert np.log2(np.maximum(variance / level, 1)).sum() / 2 == pytest.approx(bits)


def test_the_mixture_starts_from_the_same_groups_in_any_order() -> None:
    latent = two_kinds(7, 1000)[0][:, 0].double().numpy()
    shuffled = latent[np.random.default_rng(0).permutation(len(latent))]
    means = [np.sort(fit_mixture(some, 2, 20.0).means_, axis=0) for some in (latent, shuffled)]
    assert np.allclose(*means, atol=1e-6)
