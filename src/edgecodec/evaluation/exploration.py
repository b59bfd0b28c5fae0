"""The paper's exploration of codebooks (arXiv 2507.06040, section IV), redone on any trained codec.

The paper varies codewords and stages, and settles on as many codewords as keep 85 % of them in use. One of its stages
is a codebook for every token of the latent. What matches it in a codec of one long token is a group of small codebooks:
as many as fill the bits of the lowest rate.

Encoder and decoder stay those of the trained codec; only the quantizer is built anew, one for all windows. A quantizer
of six stages holds those of two to five, because a stage knows only the ones before it: so one is fitted for every
number of codewords.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgecodec.data.offsets import ProfileExchange
from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.codebooks import Usage
from edgecodec.metrics import errors
from edgecodec.model.quantizer import ResidualQuantizer
from edgecodec.packets.payloads import index_bits
from edgecodec.params import ExploreParams
from edgecodec.progress import progress
from edgecodec.storage import rounded

if TYPE_CHECKING:
    from edgecodec.model.codec import Codec

DRAWN_AT_ONCE = 512
BYTES_PER_VALUE = 2  # float16


@dataclass(frozen=True)
class Cell:
    """A quantizer of the grid."""

    codewords: int
    stages: int  # in the paper's sense
    bits: int  # per window: ceil(log2 codewords) per index
    error_percent: float
    usage: float  # mean over the codebooks, of the share of their codewords that are in use
    least_usage: float
    perplexity: float  # mean over the codebooks
    reseed_rate: float  # mean share of the codewords drawn anew per training step
    codebook_bytes: int  # in float16


@dataclass(frozen=True)
class Budget:
    """How many codewords to take for the bits of one number of the largest codebooks."""

    stages: int
    bits: int
    error_percent: Mapping[int, float]  # by codewords, at just these bits: between the cells of that size
    by_rule: int | None  # most codewords of which enough are in use, on average over the codebooks; None: no size does
    by_strict_rule: int | None  # likewise, in every codebook

    @property
    def best(self) -> int:
        """Codewords with the least error."""
        return min(self.error_percent, key=self.error_percent.__getitem__)

    def to_json(self) -> dict[str, Any]:
        return {"bits": self.bits, "best": self.best, "by_rule": self.by_rule, "by_strict_rule": self.by_strict_rule,
                "error_percent": {str(size): rounded(error) for size, error in self.error_percent.items()}}


@dataclass(frozen=True)
class Exploration:
    """The grid of one codec."""

    unquantized_error_percent: float
    cells: tuple[Cell, ...]

    def budgets(self, rule: float) -> tuple[Budget, ...]:
        """The paper's rule (a share ``rule`` of the codewords must be in use) beside what does best at equal bits.

        Sizes that are no power of two waste a part of every index; so all are compared at the same bits, not at the
        same number of stages. Numbers of stages whose bits some size does not reach are left out.
        """
        sizes = sorted({cell.codewords for cell in self.cells})
        of_size = {size: sorted((cell for cell in self.cells if cell.codewords == size), key=lambda cell: cell.bits)
                   for size in sizes}
        budgets = []
        for largest in of_size[sizes[-1]]:
            if not all(cells[0].bits <= largest.bits <= cells[-1].bits for cells in of_size.values()):
                continue
            row = [cell for cell in self.cells if cell.stages == largest.stages]
            budgets.append(Budget(
                largest.stages, largest.bits,
                {size: float(np.interp(largest.bits, [cell.bits for cell in cells],
                                       [cell.error_percent for cell in cells])) for size, cells in of_size.items()},
                by_rule=max((cell.codewords for cell in row if cell.usage >= rule), default=None),
                by_strict_rule=max((cell.codewords for cell in row if cell.least_usage >= rule), default=None),
            ))
        return tuple(budgets)

    def to_json(self, rule: float) -> dict[str, Any]:
        return {
            "unquantized_error_percent": rounded(self.unquantized_error_percent),
            "budgets": {str(budget.stages): budget.to_json() for budget in self.budgets(rule)},
            "cells": {f"{cell.codewords}x{cell.stages}": {
                name: rounded(value) if isinstance(value, float) else value for name, value in asdict(cell).items()
            } for cell in self.cells},
        }


def explore(codec: Codec, train: WindowSet, validation: WindowSet, params: ExploreParams, seed: int) -> Exploration:
    """Fit and measure every quantizer of the grid.

    Codebooks start at k-means of training latents and then follow fresh ones, with dead codewords drawn anew. Errors
    are those of validation windows; usage is counted on windows drawn anywhere in the validation recordings, eight
    tokens per codeword, because a few hundred windows cannot touch a thousand codewords.

    Raises:
        EdgeCodecError: fewer latents for k-means than codewords.
    """
    return _Explorer(codec, train, validation, params, seed).run()


class _Explorer:
    def __init__(self, codec: Codec, train: WindowSet, validation: WindowSet, params: ExploreParams,
                 seed: int) -> None:
        if params.kmeans_tokens < max(params.codewords):
            raise EdgeCodecError(f"params.yaml: explore.kmeans_tokens: {params.kmeans_tokens} tokens cannot fill "
                                 f"{max(params.codewords)} codewords; raise it or lower explore.codewords")
        self.codec, self.params, self.seed = codec, params, seed
        generator = np.random.default_rng([seed, codec.tokens])
        tokens = params.kmeans_tokens + params.follow_steps * params.batch_tokens
        self.training = _training_latents(codec, train, generator, self._windows(tokens), params.offset_augmentation)
        self.usage = _drawn_latents(codec, validation, generator, self._windows(8 * max(params.codewords)))
        which = np.linspace(0, len(validation) - 1, min(params.validation_windows, len(validation))).round()
        self.latents = codec.latents(validation.inputs(which.astype(np.int64)))
        self.targets = validation.targets(which.astype(np.int64))

    def run(self) -> Exploration:
        cells = [cell for codewords in progress(self.params.codewords, f"Codebooks of codec {self.codec.name}")
                 for cell in self._cells(codewords)]
        return Exploration(self._error(self.latents), tuple(cells))

    def _cells(self, codewords: int) -> Iterator[Cell]:
        quantizer = self._quantizer(codewords)
        reseeded = self._fit(quantizer)
        used = [Usage(np.bincount(indices.ravel(), minlength=codewords))
                for indices in _encode(quantizer, self.usage).swapaxes(0, 1)]
        indices = torch.from_numpy(_encode(quantizer, self.latents))
        for stages in self.params.stages:
            books = quantizer.stages_of_rate[stages - 1]
            yield Cell(
                codewords, stages, books * self.codec.tokens * index_bits(codewords),
                error_percent=self._error(quantizer.decode(indices[:, :books])),
                usage=float(np.mean([each.usage for each in used[:books]])),
                least_usage=min(each.usage for each in used[:books]),
                perplexity=float(np.mean([each.perplexity for each in used[:books]])),
                reseed_rate=float(reseeded[:books].mean()),
                codebook_bytes=BYTES_PER_VALUE * sum(book.numel() for book in quantizer.codebooks[:books]),
            )

    def _quantizer(self, codewords: int) -> ResidualQuantizer:
        trained = self.codec.quantizer
        books = max(1, round(self.codec.bits(1) / self.codec.tokens / index_bits(codewords)))  # per stage
        torch.manual_seed(self.seed)
        return ResidualQuantizer(
            trained.dimension, trained.codebooks[0].shape[-1], codewords,
            stages_of_rate=tuple(books * stages for stages in range(1, max(self.params.stages) + 1)),
            decay=self.params.ema_decay,
            dead_codeword_threshold=self.params.dead_codeword_share * self.params.batch_tokens / codewords,
            kmeans_iterations=self.params.kmeans_iterations,
        )

    @torch.no_grad()
    def _fit(self, quantizer: ResidualQuantizer) -> Tensor:
        """Set the codebooks; returns the re-seed rate [codebooks] of the second half, when k-means is forgotten."""
        start = self._windows(self.params.kmeans_tokens)
        quantizer.initialize(self.training[:start], self._windows(self.params.batch_tokens))
        reseeded = []
        for batch in torch.split(self.training[start:], self._windows(self.params.batch_tokens)):
            reseeded.append(quantizer(batch).reseeded)
        quantizer.eval()
        return torch.stack(reseeded[len(reseeded) // 2:]).mean(dim=0)

    def _windows(self, tokens: int) -> int:
        """That hold so many tokens."""
        return -(-tokens // self.codec.tokens)

    def _error(self, latents: Tensor) -> float:
        return errors(self.codec.windows_of(latents), self.targets).error_percent


def exploration_table(explorations: Mapping[str, Exploration]) -> pd.DataFrame:
    """One row per codec and quantizer."""
    return pd.DataFrame([{"codec": name, **asdict(cell)}
                         for name, exploration in explorations.items() for cell in exploration.cells])


def _training_latents(codec: Codec, train: WindowSet, generator: np.random.Generator, count: int,
                      exchanged: float) -> Tensor:
    """As :func:`_drawn_latents`; a share of the windows with another mean profile, as in training."""
    exchange = ProfileExchange.of_recordings(train)
    latents = []
    for size in _sizes(count):
        latents.append(codec.latents(exchange.exchanged(generator, train.draw(generator, size), exchanged).inputs))
    return torch.cat(latents)


def _drawn_latents(codec: Codec, windows: WindowSet, generator: np.random.Generator, count: int) -> Tensor:
    """Latents [count, tokens, dimension] of windows at random offsets."""
    return torch.cat([codec.latents(windows.draw(generator, size).inputs) for size in _sizes(count)])


def _sizes(count: int) -> Sequence[int]:
    return [min(DRAWN_AT_ONCE, count - start) for start in range(0, count, DRAWN_AT_ONCE)]


@torch.no_grad()
def _encode(quantizer: ResidualQuantizer, latents: Tensor) -> NDArray[np.int64]:
    """Indices [n, codebooks, tokens]."""
    return np.concatenate([quantizer(batch).words.numpy() for batch in torch.split(latents, DRAWN_AT_ONCE)])
