"""Fit stateful mode on chains of training windows.

What is left to send depends on what was sent before. So chains are sent with what was fitted so far, and it is fitted
anew to what came of it; in the first round, as if all packets had been key packets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgecodec.data.chains import ChainSource
from edgecodec.model.codec import Codec
from edgecodec.model.differences import CONTEXTS_PER_REGIME, DifferenceQuantizer, State
from edgecodec.model.karhunen_loeve import principal_directions
from edgecodec.model.stateful import Analyzed, NoStatefulModeError, StatefulCodec, build_differences
from edgecodec.params import StatefulParams
from edgecodec.progress import progress
from edgecodec.training.offsets import ProfileExchange

RIDGE = 1e-3  # of the prediction, relative to its features' energy


@dataclass(frozen=True, eq=False)
class Transitions:
    """Windows that are sent as differences: what they follow, and what they are."""

    before: State  # of n links
    latent: Tensor  # [n, dimension], not quantized

    @classmethod
    def joined(cls, parts: Iterable[Transitions]) -> Transitions:
        parts = list(parts)
        return cls(State.joined([part.before for part in parts]), torch.cat([part.latent for part in parts]))


@torch.no_grad()
def fit_stateful(codec: Codec, chains: ChainSource, exchange: ProfileExchange, params: StatefulParams,
                 seed: int) -> StatefulCodec:
    """Stateful mode for ``codec``.

    Args:
        chains: of training runs.
        exchange: of their profiles: these are the scarce sample, so that every chain is taken with several.

    Raises:
        NoStatefulModeError: the codec has no coded packets, or there are too few or too short chains for the tables.
        EdgeCodecError: ``params`` have other rates than the codec.
    """
    differences = build_differences(codec, params)
    link = StatefulCodec(codec, differences)
    analyzed = link.analyze_chains(_with_profiles(chains, exchange, params, seed))
    _fit_line(differences, analyzed)
    for completed in progress(range(params.fit.rounds), "Stateful mode"):
        transitions = Transitions.joined(
            part for rate in codec.rates
            for part in (_as_sent(link, analyzed, rate, params.key_every) if completed else
                         _as_if_all_were_keys(link, analyzed, rate)))
        _fit_to(link, transitions, params, seed)
        link = StatefulCodec(codec, differences)
    return link


def _with_profiles(chains: ChainSource, exchange: ProfileExchange, params: StatefulParams,
                   seed: int) -> Iterator[NDArray[np.float32]]:
    """The inputs of every chain with its own profile, and as often as ``params`` say with another."""
    generator = np.random.default_rng([seed, params.fit.chains])
    for chain in chains.draw(generator, params.fit.chains):
        profile = chain.targets.mean(axis=(0, 2), dtype=np.float64)[np.newaxis]  # [1, channels]
        for version in range(params.fit.profiles):
            shift = exchange.shifts(generator, profile, np.array([chain.wind]), share=float(version > 0))
            yield chain.inputs + shift[..., np.newaxis]


def _fit_line(differences: DifferenceQuantizer, chains: Sequence[Analyzed]) -> None:
    """The strongest principal components of every regime's dynamics."""
    latents = torch.cat([window.latent for window in chains]).double()
    regimes = torch.cat([window.regime for window in chains])
    means, count = differences.means, differences.directions.shape[2]
    for regime in range(len(differences.centre)):
        dynamics = latents[regimes == regime][:, means:]  # [n, dynamics]
        _refuse_too_few(len(dynamics), count + 1, regime)
        directions = torch.from_numpy(principal_directions(np.cov(dynamics.numpy(), rowvar=False))[:, :count].copy())
        centre = dynamics.mean(dim=0)
        differences.centre[regime, means:] = centre.float()
        differences.directions[regime, means:] = directions.float()
        differences.spread[regime] = ((dynamics - centre) @ directions[:, :2]).std(dim=0)


def _as_if_all_were_keys(link: StatefulCodec, chains: Sequence[Analyzed], rate: int) -> Iterator[Transitions]:
    state = link.at_the_start(len(chains[0].latent))
    for window in chains:
        quantized = link.codec.coded_latents(window.alone, rate)[:, 0]
        follows = window.regime == state.regime
        yield Transitions(state.select(follows), window.latent[follows])
        state = State.merged(follows, link.differences.advance(state.select(follows), quantized[follows]),
                             State.after_key(quantized[~follows], window.regime[~follows]))


def _as_sent(link: StatefulCodec, chains: Sequence[Analyzed], rate: int, key_every: int) -> Iterator[Transitions]:
    state = link.at_the_start(len(chains[0].latent))
    for window, sent in zip(chains, link.send_chains(chains, rate, key_every), strict=True):
        yield Transitions(state.select(~sent.is_key), window.latent[~sent.is_key])
        state = sent.state


def _fit_to(link: StatefulCodec, transitions: Transitions, params: StatefulParams, seed: int) -> None:
    """Predictor, rotation, codebooks."""
    differences = link.differences
    changes = transitions.latent - differences.means_of(transitions.before)
    features, context_of = differences.features(transitions.before), differences.context(transitions.before)
    for context in range(differences.contexts):
        mine = context_of == context
        _refuse_too_few(int(mine.sum()), 1, context // CONTEXTS_PER_REGIME)
        differences.predictor[context] = _least_squares(features[mine].double(), changes[mine].double())
    left = transitions.latent - differences.predict(transitions.before)
    rotated = []
    for regime in range(len(differences.centre)):
        own = left[transitions.before.regime == regime]
        _refuse_too_few(len(own), params.coded.codewords, regime)
        directions = principal_directions(np.cov(own.double().numpy(), rowvar=False))
        differences.rotation[regime] = torch.from_numpy(directions.copy())
        rotated.append(own @ differences.rotation[regime])
    assert link.codec.coded is not None
    errors = link.codec.coded.prices[:, 0].tolist()  # a bit is worth as much squared latent as in key packets
    differences.coded.fit(rotated, errors, list(params.bits_of_rate), seed)


def _refuse_too_few(windows: int, least: int, regime: int) -> None:
    if windows < least:
        raise NoStatefulModeError(f"artifacts/windows/train: chains have {windows} windows of regime {regime} where "
                                  f"stateful mode takes {least}; record longer or more runs, or lower "
                                  "stateful.coded.codewords")


def _least_squares(features: Tensor, wanted: Tensor) -> Tensor:
    """The map [features, entries] with the least squares, of features that may be zero throughout."""
    scale = features.square().mean(dim=0).sqrt().clamp(min=1e-9)
    scaled = features / scale
    gram = scaled.T @ scaled / len(scaled) + RIDGE * torch.eye(scaled.shape[1], dtype=scaled.dtype)
    solved: Tensor = torch.linalg.solve(gram, scaled.T @ wanted / len(scaled))
    return solved / scale[:, None]
