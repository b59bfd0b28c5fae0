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


def test_the_first_index_names_the_regime(quantizer: RegimeQuantizer) -> None:
    latent, _ = two_kinds(2, 300)
    quantized = quantizer(latent)
    assert torch.equal(quantized.indices[:, 0, 0] // 16, quantizer.choose(latent))
    assert int(quantized.indices.max()) < 32
    assert torch.allclose(quantizer.decode(quantized.indices), quantized.latent, atol=1e-5)


def test_a_lower_rate_is_a_prefix_and_less_near(quantizer: RegimeQuantizer) -> None:
    latent, _ = two_kinds(3, 200)
    indices = quantizer(latent).indices
    low = quantizer(latent, torch.full((200,), 3)).indices
    assert torch.equal(low[:, :3], indices[:, :3])
    near, far = ((quantizer.decode(some) - latent).square().mean() for some in (indices, indices[:, :3]))
    assert near < far


def test_word_numbers_point_into_the_joined_codebooks(quantizer: RegimeQuantizer) -> None:
    latent, _ = two_kinds(4, 100)
    indices = quantizer(latent).indices
    numbers = quantizer.word_numbers(indices)
    for stage, books in enumerate(quantizer.codebooks):
        for item in range(5):
            regime, first = divmod(int(indices[item, 0, 0]), 16)
            word = first if stage == 0 else int(indices[item, stage, 0])
            own = quantizer.quantizers[regime].codebooks[stage][word]
            assert torch.equal(books[numbers[item, stage, 0]], own)


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
    with pytest.raises(EdgeCodecError, match="windows for 32 codewords; take fewer regimes"):
        RegimeQuantizer(regimes=2, **SIZES).initialize(two_kinds(0, 50)[0], per_step=64)


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
