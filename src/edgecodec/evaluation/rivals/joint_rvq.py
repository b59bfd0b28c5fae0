"""Joint PCA of the whole window, then a plain residual vector quantizer: the rival that learns its words.

No entropy coder, so every window of a budget takes the same bits. A codeword moves the whole window, so that a stage is
spent where most is left; with it come large codebooks (1024 x 160 per stage), which memorise windows if there are few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from vector_quantize_pytorch import ResidualVQ

from edgecodec.evaluation.rivals.rival import Compressed, Floats
from edgecodec.evaluation.rivals.weighted_spectrum import WeightedSpectrum
from edgecodec.metrics import BY_RELATIVE, Measure

COMPONENTS = 160
OVERSAMPLED = 32  # directions more that the randomized decomposition follows to find the components
POWER_ITERATIONS = 4
INDEX_BITS = 10
ITERATIONS = 2  # of k-means: time is better spent on more windows
BEAM = 4  # sequences of codewords that the encoder follows: 1.3 % less error than 1
BATCH = 64  # windows that are encoded at a time; the beams of more do not fit into a cache
SEED = 0


@dataclass(frozen=True)
class JointRvq:
    """As many stages as a budget pays, at least one."""

    budgets: tuple[int, ...]
    spectrum: WeightedSpectrum
    basis: Floats  # [channels * coefficients, components], principal components of the spectrum
    codebooks: Floats  # [stages of the largest budget, codewords, components]

    name = "joint_rvq"

    @classmethod
    def fit(cls, windows: Floats, drawn: Iterable[Floats], band: int, budgets: tuple[int, ...],
            measure: Measure = BY_RELATIVE) -> JointRvq:
        """Learn the transform from ``windows`` and the codebooks from ``drawn``.

        Args:
            windows: [n, channels, samples].
            drawn: batches of windows, many more in all.
            band: cosine coefficients below the cut-off.
            measure: the error to be small.
        """
        spectrum = WeightedSpectrum.fit(windows, band, measure=measure)
        basis = _principal_components(spectrum.analyze(windows).reshape(len(windows), -1))
        components = np.concatenate([spectrum.analyze(batch).reshape(len(batch), -1) @ basis for batch in drawn])
        return cls(budgets, spectrum, basis, _learn_codebooks(components, _stages(max(budgets))))

    def compress(self, targets: Floats) -> Iterator[Compressed]:
        spectrum = self.spectrum.analyze(targets)
        components = torch.from_numpy(spectrum.reshape(len(targets), -1) @ self.basis)
        for budget in self.budgets:
            stages = _stages(budget)
            decoded = _encode_and_decode(_quantizer(self.codebooks[:stages]), components).numpy()
            yield Compressed(
                bits_per_window=stages * INDEX_BITS,
                reconstruction=self.spectrum.synthesize((decoded @ self.basis.T).reshape(spectrum.shape),
                                                        targets.shape[-1]),
                settings=f"{stages} stages of {self.codebooks.shape[1]} codewords",
            )

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"budgets": np.array(self.budgets), "basis": self.basis, "codebooks": self.codebooks,
                **self.spectrum.arrays()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> JointRvq:
        return cls(tuple(map(int, arrays["budgets"])), WeightedSpectrum.from_arrays(arrays), arrays["basis"],
                   arrays["codebooks"])


def _stages(budget: int) -> int:
    return max(1, budget // INDEX_BITS)


def _principal_components(rows: Floats) -> Floats:
    """Right singular vectors of ``rows`` [n, d], the strongest first: [d, components]."""
    followed = min(COMPONENTS + OVERSAMPLED, *rows.shape)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        _, _, vectors = torch.svd_lowrank(torch.from_numpy(rows), followed, POWER_ITERATIONS)
    return cast(Floats, np.ascontiguousarray(vectors[:, :COMPONENTS].numpy()))


@torch.no_grad()
def _learn_codebooks(components: Floats, stages: int) -> Floats:
    """k-means, stage after stage, on what the stages before leave of ``components`` [m, components]."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        quantizer = ResidualVQ(
            dim=components.shape[1], num_quantizers=stages, codebook_size=2**INDEX_BITS, kmeans_init=True,
            kmeans_iters=ITERATIONS, rotation_trick=False)
        quantizer(torch.from_numpy(components)[None], freeze_codebook=True)
    return cast(Floats, quantizer.codebooks.numpy())


@torch.no_grad()
def _quantizer(codebooks: Floats) -> ResidualVQ:
    """With the given ``codebooks`` [stages, codewords, components]."""
    stages, codewords, components = codebooks.shape
    quantizer = ResidualVQ(dim=components, num_quantizers=stages, codebook_size=codewords, beam_size=BEAM)
    for layer, codebook in zip(quantizer.layers, codebooks, strict=True):
        layer.codebook = torch.from_numpy(codebook)
    return quantizer.eval()


@torch.no_grad()
def _encode_and_decode(quantizer: ResidualVQ, components: Tensor) -> Tensor:
    """What the indices of ``components`` [n, components] stand for."""
    indices = torch.cat([quantizer(batch[None])[1] for batch in torch.split(components, BATCH)], dim=1)
    return cast(Tensor, quantizer.get_output_from_indices(indices)[0])
