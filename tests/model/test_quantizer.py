"""The residual vector quantizer: prefixes decode, every stage helps, items may send different numbers of stages."""

import pytest
import torch

from edgecodec.model.quantizer import ResidualQuantizer


@pytest.fixture
def quantizer() -> ResidualQuantizer:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(dimension=12, codeword_samples=4, codewords=32, stages_of_rate=(2, 4, 6),
                                  decay=0.99, dead_codeword_threshold=0.01, kmeans_iterations=10)
    spread = torch.linspace(3, 0.2, 12)
    quantizer.initialize(torch.randn(2000, 1, 12) * spread, per_step=64)
    quantizer.eval()
    return quantizer


@pytest.fixture
def latent() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(50, 1, 12) * torch.linspace(3, 0.2, 12)


def test_the_first_stage_takes_the_coordinates_with_most_energy(quantizer: ResidualQuantizer) -> None:
    assert quantizer.coordinates[0].tolist() == [0, 1, 2, 3]


def test_codebooks_are_set_by_k_means_also_after_a_forward(quantizer: ResidualQuantizer, latent: torch.Tensor) -> None:
    torch.manual_seed(0)
    fresh = ResidualQuantizer(dimension=12, codeword_samples=4, codewords=32, stages_of_rate=(2, 4, 6), decay=0.99,
                              dead_codeword_threshold=0.01, kmeans_iterations=10)
    fresh.eval()(latent[:1])  # the library sets codebooks at any first forward: here from one latent
    fresh.initialize(torch.randn(2000, 1, 12) * torch.linspace(3, 0.2, 12), per_step=64)
    fresh.eval()
    distance, reference = ((each(latent).latent - latent).square().mean() for each in (fresh, quantizer))
    assert distance < 1.1 * reference


def test_indices_decode_to_the_quantized_latent(quantizer: ResidualQuantizer, latent: torch.Tensor) -> None:
    quantized = quantizer(latent)
    assert torch.allclose(quantizer.decode(quantized.words), quantized.latent, atol=1e-5)


def test_every_rate_is_a_prefix_of_the_next_and_comes_nearer(quantizer: ResidualQuantizer,
                                                            latent: torch.Tensor) -> None:
    words = quantizer(latent).words
    distances = [(quantizer.decode(words[:, :stages]) - latent).square().mean() for stages in (2, 4, 6)]
    assert distances[0] > distances[1] > distances[2]
    for stages in (2, 4):
        sent = torch.full((len(latent),), stages)
        assert torch.equal(quantizer(latent, sent).words[:, :stages], words[:, :stages])


def test_each_item_sends_its_own_number_of_stages(quantizer: ResidualQuantizer, latent: torch.Tensor) -> None:
    sent = torch.arange(len(latent)) % 3 * 2 + 2
    quantized = quantizer(latent, sent)
    assert torch.equal((quantized.words[..., 0] >= 0).sum(dim=1), sent)
    alone = quantizer(latent[1:2], sent[1:2])
    assert torch.allclose(alone.latent, quantized.latent[1:2])


def test_gradients_pass_straight_through(quantizer: ResidualQuantizer, latent: torch.Tensor) -> None:
    latent.requires_grad_()
    quantizer(latent).latent.sum().backward()
    assert torch.equal(latent.grad, torch.ones_like(latent))


def test_dead_codewords_are_counted_and_drawn_anew() -> None:
    """Latents that move away from their codebook leave codewords behind, until these fall below the threshold."""
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(dimension=4, codeword_samples=4, codewords=16, stages_of_rate=(1,), decay=0.5,
                                  dead_codeword_threshold=0.5, kmeans_iterations=10)
    spread = torch.randn(2000, 1, 4)
    quantizer.initialize(spread, per_step=64)
    near = spread[(spread[:, 0, 0] > 0)][:64]  # one half of space: codewords of the other half starve
    before = quantizer.codebooks[0].clone()
    reseeded = [float(quantizer.train()(near).reseeded[0]) for _ in range(12)]
    assert reseeded[0] == 0
    assert max(reseeded) >= 2 / 16
    assert not torch.allclose(quantizer.codebooks[0], before, atol=0.5)


def test_codebooks_follow_in_the_training_however_many_items_set_them(quantizer: ResidualQuantizer) -> None:
    """At decay 0.99, 70 steps go half-way to latents that have moved on by one."""
    moved = torch.randn(64 * 70, 1, 12) * torch.linspace(3, 0.2, 12) + 1
    book = quantizer.stages[0]._codebook

    def centre() -> torch.Tensor:
        return book.embed_avg.sum(dim=1) / book.cluster_size.sum()

    before = centre()
    quantizer.train()
    for batch in moved.split(64):
        quantizer(batch)
    assert torch.allclose(centre() - before, torch.tensor(0.5), atol=0.2)


def test_evaluation_leaves_the_codebooks_alone(quantizer: ResidualQuantizer, latent: torch.Tensor) -> None:
    before = [codebook.clone() for codebook in quantizer.codebooks]
    quantizer(latent)
    assert all(torch.equal(a, b) for a, b in zip(before, quantizer.codebooks, strict=True))
