"""How well the quantizer uses its codebooks: per stage and per token of the latent.

Usage alone is a bad health figure: codewords that are drawn anew at every training step are used by accident. So it
stands beside perplexity, re-seed rate, and codewords that are dead or nearly the same.

The paper (arXiv 2507.06040) sizes its codebooks by a rule: as many codewords as keep 85 % of them in use. To see where
the rule puts the size, sweep it; every run leaves its row in ``codebooks.json``:

    dvc exp run --queue -S codec=paper -S codecs.paper.codewords=512,640,768,1024 -S codecs.paper.rates=2,3,4,5,6
    dvc queue start && dvc queue status
    dvc exp show --only-changed --drop '.*(sz3|zfp|means).*'

Codec ``edge`` likewise, with ``codecs.edge.codewords`` and ``codecs.edge.stages_per_rate``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from edgecodec.packets.indices import Indices
from edgecodec.storage import rounded

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Usage:
    """How often each codeword was chosen."""

    counts: NDArray[np.int64]  # [codewords], regime after regime where every regime has words of its own
    regimes: int = 1

    @property
    def usage(self) -> float:
        """Share of the codewords that were chosen at all."""
        return float(np.mean(self.counts > 0))

    @property
    def entropy_bits(self) -> float:
        """What an index carries once the regime is known; the rest of its bits could be saved by an entropy coder."""
        of_regime = self.counts.reshape(self.regimes, -1)
        return _entropy_bits(self.counts) - _entropy_bits(of_regime.sum(axis=1))

    @property
    def perplexity(self) -> float:
        """Number of equally likely codewords that would carry as much."""
        return float(2**self.entropy_bits)

    def to_json(self) -> dict[str, float]:
        return {"usage": rounded(self.usage), "perplexity": rounded(self.perplexity),
                "entropy_bits": rounded(self.entropy_bits)}


@dataclass(frozen=True)
class StageUtilization:
    """One stage of the quantizer."""

    pooled: Usage  # over all tokens
    tokens: tuple[Usage, ...]
    near_duplicates: int  # codewords that have another one next to them
    reseed_rate: float  # share of the codewords drawn anew per training step

    @property
    def dead(self) -> int:
        """Codewords that were never chosen."""
        return int(np.count_nonzero(self.pooled.counts == 0))

    def to_json(self) -> dict[str, Any]:
        return {
            **self.pooled.to_json(), "dead": self.dead, "near_duplicates": self.near_duplicates,
            "reseed_rate": rounded(self.reseed_rate), "tokens": [token.to_json() for token in self.tokens],
        }


@dataclass(frozen=True)
class Utilization:
    """All stages, in the order they are sent."""

    stages: tuple[StageUtilization, ...]
    windows: int  # that were encoded

    @property
    def least_usage(self) -> float:
        return min(stage.pooled.usage for stage in self.stages)

    def to_json(self, stages_of_rate: Sequence[int], rule: float) -> dict[str, Any]:
        """Args: ``stages_of_rate``, stages that each rate sends; ``rule``, the usage that a codebook should keep."""
        return {
            "windows": self.windows,
            "codewords": len(self.stages[0].pooled.counts),
            "stages_sent": len(self.stages),
            "least_usage": rounded(self.least_usage),
            "mean_usage": rounded(float(np.mean([stage.pooled.usage for stage in self.stages]))),
            "mean_perplexity": rounded(float(np.mean([stage.pooled.perplexity for stage in self.stages]))),
            "mean_reseed_rate": rounded(float(np.mean([stage.reseed_rate for stage in self.stages]))),
            "dead": sum(stage.dead for stage in self.stages),
            "near_duplicates": sum(stage.near_duplicates for stage in self.stages),
            "entropy_bits": {str(rate): rounded(self._entropy_bits(sent))
                             for rate, sent in enumerate(stages_of_rate, start=1)},
            "stages_within_rule": sum(stage.pooled.usage >= rule for stage in self.stages),
            "stages": [stage.to_json() for stage in self.stages],
        }

    def _entropy_bits(self, stages_sent: int) -> float:
        """Bits per window if every (stage, token) had an ideal static entropy coder of its own."""
        return sum(token.entropy_bits for stage in self.stages[:stages_sent] for token in stage.tokens)


def utilization(
    indices: Indices, codebooks: Sequence[Floats], near_duplicate_fraction: float, reseed_rate: Sequence[float],
) -> Utilization:
    """Count codewords.

    Args:
        codebooks: per stage [regimes, codewords, codeword samples]. The first stage's are counted as one codebook: its
            index on air tells the regime as well.
        near_duplicate_fraction: codewords nearer than this part of the mean distance are nearly the same.
        reseed_rate: per stage, from the training.
    """
    stages = []
    for number, (codebook, rate) in enumerate(zip(codebooks, reseed_rate, strict=True)):
        regimes, codewords, samples = codebook.shape
        chosen = codewords * indices.regime.astype(np.int64)[:, np.newaxis] + indices.words[:, number]  # [n, tokens]
        apart = codebook.reshape(1 if number == 0 else regimes, -1, samples)
        tokens = tuple(Usage(np.bincount(token, minlength=regimes * codewords), len(apart)) for token in chosen.T)
        pooled = Usage(np.sum([token.counts for token in tokens], axis=0), len(apart))
        duplicates = sum(near_duplicates(words, near_duplicate_fraction) for words in apart)
        stages.append(StageUtilization(pooled, tokens, duplicates, rate))
    return Utilization(tuple(stages), len(indices))


def _entropy_bits(counts: NDArray[np.int64]) -> float:
    share = counts[counts > 0] / counts.sum()
    return abs(float(np.sum(share * np.log2(share))))


def usage_table(used: Utilization) -> pd.DataFrame:
    """One row per stage and token."""
    return pd.DataFrame([
        {"stage": number, "token": which, **token.to_json(), "reseed_rate": stage.reseed_rate}
        for number, stage in enumerate(used.stages, start=1) for which, token in enumerate(stage.tokens)
    ])


def near_duplicates(codebook: Floats, fraction: float) -> int:
    """Codewords whose nearest other codeword is nearer than ``fraction`` of the mean distance between codewords."""
    distances = cdist(codebook, codebook)
    others = ~np.eye(len(codebook), dtype=bool)
    nearest = np.where(others, distances, np.inf).min(axis=1)
    return int(np.count_nonzero(nearest < fraction * distances[others].mean()))
