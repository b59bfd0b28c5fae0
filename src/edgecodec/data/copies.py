"""The same samples in two recordings: a codec that is validated on what it was trained on looks better than it is.

Whole copies are found by hash. Overlaps, also such as were scaled, shifted or rounded, are found by cross-correlation:
pieces of one recording are looked for in the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from scipy import signal

PIECE = 256  # samples that are looked for
SHORTEST_PIECE = 32
SAME = 0.9999  # correlation of the steps of two pieces from there on: the same, but for rounding
MOST_PIECES = 32  # of a recording
CORRELATED = 2e8  # samples that are looked through in all, as far as every recording has two pieces
SEED = 1


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What a recording is known by."""

    name: str
    digest: str  # of its values
    steps: NDArray[np.float32]  # from sample to sample, of a sum over the channels with fixed signs

    @classmethod
    def of(cls, name: str, values: NDArray[np.float32]) -> Fingerprint:
        """The fingerprint of ``values`` [channels, samples]."""
        signs = np.random.default_rng(SEED).choice([-1.0, 1.0], size=len(values))
        total = np.zeros(values.shape[1])
        with np.errstate(invalid="ignore", over="ignore"):
            for sign, channel in zip(signs, values, strict=True):  # one by one: float64 of all would take twice as much
                total += sign * channel
            steps = np.nan_to_num(np.diff(total), nan=0.0, posinf=0.0, neginf=0.0)
        return cls(name, sha256(np.ascontiguousarray(values).data).hexdigest(), steps.astype(np.float32))


@dataclass(frozen=True)
class Shared:
    """Two recordings that have samples in common."""

    first: str
    second: str
    first_sample: int | None  # of the piece in each of them; none: one is a copy of the other
    second_sample: int | None

    def told(self, sample_rate_hz: float) -> str:
        if self.first_sample is None or self.second_sample is None:
            return f"{self.second} is a copy of {self.first}"
        return (f"{self.second} from {self.second_sample / sample_rate_hz:.4g} s on has the samples of {self.first} "
                f"from {self.first_sample / sample_rate_hz:.4g} s on")


def shared(recordings: Sequence[Fingerprint], split: Mapping[str, str]) -> list[Shared]:
    """Copies among ``recordings``, and overlaps of those that ``split`` calls train and validation."""
    found = list(copies(recordings))
    copied = {each.second for each in found}
    known, others = ([each for each in recordings if split[each.name] == which and each.name not in copied]
                     for which in ("train", "validation"))
    return [*found, *overlaps(known, others)]


def copies(recordings: Sequence[Fingerprint]) -> Iterator[Shared]:
    """Recordings with the very samples of one before them."""
    first: dict[str, str] = {}
    for recording in recordings:
        if not recording.steps.any():
            continue  # dead, which validation says
        if recording.digest in first:
            yield Shared(first[recording.digest], recording.name, None, None)
        first.setdefault(recording.digest, recording.name)


def overlaps(known: Sequence[Fingerprint], others: Sequence[Fingerprint]) -> Iterator[Shared]:
    """Recordings of ``others`` with a piece that is in ``known``, the first of each."""
    total = sum(len(recording.steps) for recording in known)
    pieces = int(np.clip(CORRELATED / max(1, total * len(others)), 2, MOST_PIECES))
    for other in others:
        shared = next(_found(known, other, pieces), None)
        if shared is not None:
            yield shared


def _found(known: Sequence[Fingerprint], other: Fingerprint, pieces: int) -> Iterator[Shared]:
    length = min(PIECE, len(other.steps))
    if length < SHORTEST_PIECE:
        return
    count = min(pieces, max(1, len(other.steps) // length))
    for start in np.unique(np.linspace(0, len(other.steps) - length, count).astype(int)):
        piece = other.steps[start:start + length].astype(np.float64)
        for recording in known:
            at = _place(recording.steps, piece)
            if at is not None:
                yield Shared(recording.name, other.name, at, int(start))


def _place(steps: NDArray[np.float32], piece: NDArray[np.float64]) -> int | None:
    """Where ``piece`` is in ``steps``, whatever its scale; None if it is not."""
    energy = float(np.square(piece).sum())
    if len(steps) < len(piece) or energy == 0:
        return None
    long = steps.astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(np.square(long))])
    energies = sums[len(piece):] - sums[:-len(piece)]
    least = 1e-9 * float(energies.max())  # below it, rounding is all there is
    products = np.abs(signal.oaconvolve(long, piece[::-1], mode="valid"))
    correlation = np.where(energies > least, products / np.sqrt(np.maximum(energies, least) * energy + 1e-300), 0.0)
    at = int(correlation.argmax())
    return at if correlation[at] >= SAME else None
