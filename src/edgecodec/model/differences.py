"""What a window differs from its prediction by; the prediction comes from the window before, as the receiver has it.

    latent = [means | dynamics] of a window of known regime

    means      stay as they were: the profile of the pressure changes slowly
    dynamics   a linear map of (y, y cos a, y sin a), where y are a few coordinates of the heave line in the window
               before, and a is the angle by which the line turns from one window to the next. A line of constant
               frequency tells its angle once it was seen in two windows; right after a key packet there is y alone.

The line is the strongest pair of the dynamics' principal components: in it, heave goes around as a phasor u, and

    a = arg(sum of u[t] conj(u[t - 1]))    over the windows since the key packet.

Nothing of this is sent: both ends predict from the same quantized latents, with maps of their own for every regime,
and for lines of unknown angle. The difference is quantized like a coded packet (:mod:`edgecodec.model.coded`), with
codebooks of its own for every regime. Both ends know the regime, so that it costs no bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from edgecodec.model.coded import CodedQuantizer
from edgecodec.model.entropy import PRECISION_BITS, EntropyTables

NO_REGIME = -1
CONTEXTS_PER_REGIME = 2  # for predictions: the line's angle is known, or not yet
SURE = np.array([1 << PRECISION_BITS], np.uint16)  # frequencies of an alphabet of one word


@dataclass(frozen=True, eq=False)
class State:
    """What both ends know of n links, side by side, after the last packet of each."""

    latent: Tensor  # [n, dimension], quantized
    regime: Tensor  # [n]
    since_key: Tensor  # [n], packets
    turn: Tensor  # [n], complex: sum of u[t] conj(u[t - 1]) since the key packet

    @classmethod
    def after_key(cls, latent: Tensor, regime: Tensor) -> State:
        """Of quantized ``latent`` [n, dimension] and ``regime`` [n]."""
        n = len(latent)
        return cls(latent, regime, torch.zeros(n, dtype=torch.int64), torch.zeros(n, dtype=torch.complex64))

    @classmethod
    def at_the_start(cls, n: int, dimension: int) -> State:
        """Before the first packet: of no regime, so that whatever comes is of another and needs a key packet."""
        return cls.after_key(torch.zeros(n, dimension), torch.full((n,), NO_REGIME))

    @classmethod
    def merged(cls, here: Tensor, of_these: State, of_others: State) -> State:
        """The states ``of_these`` links where ``here`` [n] is true, in their order, and ``of_others`` elsewhere."""
        values = []
        for field in fields(cls):
            first, second = getattr(of_these, field.name), getattr(of_others, field.name)
            value = first.new_empty((len(here), *first.shape[1:]))
            value[here], value[~here] = first, second
            values.append(value)
        return cls(*values)

    @classmethod
    def joined(cls, parts: Sequence[State]) -> State:
        """Of all links, one after the other."""
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def select(self, which: Tensor) -> State:
        """Of the links ``which``."""
        return State(*(getattr(self, field.name)[which] for field in fields(self)))


class DifferenceQuantizer(nn.Module):
    """Predicts latents [n, dimension] from states, and quantizes the differences; fitted by ``training.stateful``.

    Args:
        regimes, dimension: of the codec's latents.
        means: entries of a latent that are means; they come first.
        line_coordinates: of the dynamics, that the prediction takes.
        codewords, codeword_samples, stages_of_rate: as of CodedQuantizer.
    """

    centre: Tensor  # [regimes, dimension], of the dynamics; 0 in the means
    directions: Tensor  # [regimes, dimension, line coordinates], the line's pair first; 0 in the means
    spread: Tensor  # [regimes, 2], of the line's pair
    predictor: Tensor  # [contexts, 1 + 3 * line coordinates, dimension]
    rotation: Tensor  # [regimes, dimension, dimension], columns are the differences' principal directions

    def __init__(self, regimes: int, dimension: int, means: int, line_coordinates: int, codewords: int,
                 codeword_samples: int, stages_of_rate: tuple[int, ...]) -> None:
        super().__init__()
        self.dimension, self.means = dimension, means
        self.contexts = CONTEXTS_PER_REGIME * regimes
        self.register_buffer("centre", torch.zeros(regimes, dimension))
        self.register_buffer("directions", torch.zeros(regimes, dimension, line_coordinates))
        self.register_buffer("spread", torch.ones(regimes, 2))
        self.register_buffer("predictor", torch.zeros(self.contexts, 1 + 3 * line_coordinates, dimension))
        self.register_buffer("rotation", torch.eye(dimension).repeat(regimes, 1, 1))
        self.coded = CodedQuantizer(regimes, dimension, codewords, codeword_samples, stages_of_rate)

    # -- prediction ----------------------------------------------------------------------------------------------

    def context(self, state: State) -> Tensor:
        """[n]: of the regime, and 1 more where the line was seen in two windows."""
        return CONTEXTS_PER_REGIME * state.regime + (state.since_key > 0)

    def means_of(self, state: State) -> Tensor:
        """The means of the last window in a latent of no dynamics, [n, dimension]."""
        latent = state.latent.clone()
        latent[:, self.means :] = 0
        return latent

    def features(self, state: State) -> Tensor:
        """What the dynamics are predicted from: 1, y, y cos a, y sin a; [n, 1 + 3 * line coordinates]."""
        line = self._line(state.latent, state.regime)  # [n, line coordinates]
        turn = torch.polar((state.since_key > 0).float(), state.turn.angle())
        return torch.cat((torch.ones(len(line), 1), line, line * turn.real[:, None], line * turn.imag[:, None]), dim=1)

    def predict(self, state: State) -> Tensor:
        """The next windows' latents [n, dimension]."""
        maps = self.predictor[self.context(state)]  # [n, features, dimension]
        return self.means_of(state) + (self.features(state)[:, None] @ maps)[:, 0]

    def advance(self, state: State, latent: Tensor) -> State:
        """The state behind the next windows, of quantized ``latent`` [n, dimension] and the same regime."""
        step = self._phasor(latent, state.regime) * self._phasor(state.latent, state.regime).conj()
        return State(latent, state.regime, state.since_key + 1, state.turn + step)

    def _line(self, latent: Tensor, regime: Tensor) -> Tensor:
        return ((latent - self.centre[regime])[:, None] @ self.directions[regime])[:, 0]  # [n, line coordinates]

    def _phasor(self, latent: Tensor, regime: Tensor) -> Tensor:
        pair = self._line(latent, regime)[:, :2] / self.spread[regime]
        return torch.complex(pair[:, 0].contiguous(), pair[:, 1].contiguous())  # [n]

    # -- quantization --------------------------------------------------------------------------------------------

    def encode(self, latent: Tensor, state: State, rate: int) -> Tensor:
        """Indices [n, stages of the rate] of ``latent`` [n, dimension] that follows ``state``."""
        difference = latent - self.predict(state)
        indices = torch.zeros(len(latent), self.coded.stages_of_rate[rate - 1], dtype=torch.int64)
        for regime, mine in self.by_regime(state):
            own = self.coded.encode(difference[mine] @ self.rotation[regime], regime)
            indices[mine] = own[:, : indices.shape[1]]
        return indices

    def decode(self, indices: Tensor, state: State) -> State:
        """The state behind windows of ``indices`` [n, stages sent] that follow ``state``."""
        latent = self.predict(state)
        for regime, mine in self.by_regime(state):
            latent[mine] += self.coded.decode(indices[mine], regime) @ self.rotation[regime].T
        return self.advance(state, latent)

    def by_regime(self, state: State) -> Iterator[tuple[int, Tensor]]:
        """Every regime that occurs, and the links that are in it."""
        for regime in range(len(self.centre)):
            mine = (state.regime == regime).nonzero()[:, 0]
            if len(mine):
                yield regime, mine

    def tables(self) -> tuple[EntropyTables, ...]:
        """Of every regime: nothing but its words, as the regime itself is not sent."""
        words = self.coded.frequencies.numpy().astype(np.uint16)
        return tuple(EntropyTables(SURE, (tuple(of_regime),)) for of_regime in words)
