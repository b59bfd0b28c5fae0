"""Cycles of a codec whose shape was never counted: every step has a price for itself, its MACs, values and bytes.

``metrics/cycle_estimate.json`` holds the prices by which counted codecs come out nearest, one of every kind, and how
far they are off for other codecs. A price includes what it takes to observe a step; a chain is the sum of its steps.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError
from scipy.optimize import nnls

from edgecodec.deploy.memory import runs_abreast
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import (
    AnyQuantizer,
    Arithmetic,
    Convolution,
    ExportedCodec,
    Filter,
    Layer,
    Quantizer,
    ScalarQuantizer,
)
from edgecodec.simulators.cycles import Cycles, KindCycles
from edgecodec.storage import read_json, rounded, write_json

CYCLE_TABLE = Path("metrics/cycle_estimate.json")  # below artifacts/
Kind = Literal["layer", "stage", "abreast", "choice", "packet", "scalars", "coded_packet"]


@dataclass(frozen=True)
class Work:
    """What one step has to do."""

    kind: Kind
    macs: int = 0
    values: int = 0  # layer: normalized or written; stage or abreast: tokens; else words
    bytes: int = 0  # of weights or codewords that are fetched


@dataclass(frozen=True)
class Price:
    """Cycles of a step of one kind, on all cores of the cluster."""

    step: float
    mac: float
    value: float
    byte: float

    def of(self, work: Work) -> int:
        return max(1, round(self.step + self.mac * work.macs + self.value * work.values + self.byte * work.bytes))


Prices = Mapping[Kind, Price]


@dataclass(frozen=True)
class Miss:
    """How far the estimate of a codec is off, as a share of what was counted, at the highest rate; minus: too low."""

    encoder: float
    quantizer: float
    chain: float  # window to packet


@dataclass(frozen=True)
class CycleTable:
    """All prices, and where they come from."""

    target: str
    arithmetic: Arithmetic
    simulator: str  # its fingerprint
    prices: Prices
    misses: Mapping[str, Miss]  # of codecs that the prices are not of, by name

    @classmethod
    def read(cls, path: Path) -> CycleTable:
        """
        Raises:
            EdgeCodecError: the file is absent or damaged.
        """
        mend = "restore it with git, or run `edgecodec benchmark estimates` where GVSOC is"
        if not path.is_file():
            raise EdgeCodecError(f"{path}: not found, to estimate the cycles of a shape that was never counted; {mend}")
        try:
            return TypeAdapter(cls).validate_python(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            raise EdgeCodecError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; {mend}") from None

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @property
    def remark(self) -> str:
        """One line: where an estimate comes from, and how far it may be off."""
        chains, quantizers = ([abs(getattr(miss, part)) for miss in self.misses.values()]
                              for part in ("chain", "quantizer"))
        return (f"cycles per MAC, value and byte, as counted on {self.target} in {self.arithmetic}; from window to "
                f"packet off by {statistics.mean(chains):.0%} on average and {max(chains):.0%} at most for "
                f"{len(chains)} other codecs, their quantizers by up to {max(quantizers):.0%}")


def estimate(prices: Prices, codec: ExportedCodec) -> Cycles:
    def each(works: Iterable[Work]) -> tuple[int, ...]:
        return tuple(prices[work.kind].of(work) for work in works)

    return Cycles(each(_layer(layer, codec) for layer in codec.layers),
                  {kind: KindCycles(*map(each, _works(quantizer)))
                   for kind, quantizer in codec.quantizers.items()})


def prices_of(counted: Sequence[tuple[ExportedCodec, Cycles]]) -> Prices:
    """Those by which ``counted`` come out nearest: least squares of the steps' relative errors, no price below zero."""
    steps = [step for codec, cycles in counted for step in _counted_steps(codec, cycles)]
    prices: dict[Kind, Price] = {}
    for kind in dict.fromkeys(work.kind for work, _ in steps):
        shares = np.array([[1 / taken, work.macs / taken, work.values / taken, work.bytes / taken]
                           for work, taken in steps if work.kind == kind])
        found, _ = nnls(shares, np.ones(len(shares)))
        prices[kind] = Price(*(rounded(price, 3) for price in found))
    return prices


def miss(prices: Prices, codec: ExportedCodec, counted: Cycles) -> Miss:
    stages, rate = len(counted.fixed_length.stages), len(counted.fixed_length.packets)
    guess, count = ((cycles.encoder, cycles.fixed_length.quantizer(stages), cycles.chain(rate, stages))
                    for cycles in (estimate(prices, codec), counted))
    return Miss(*(rounded(one / other - 1, 3) for one, other in zip(guess, count, strict=True)))


def _counted_steps(codec: ExportedCodec, cycles: Cycles) -> Iterator[tuple[Work, int]]:
    yield from zip((_layer(layer, codec) for layer in codec.layers), cycles.layers, strict=True)
    for kind, counted in cycles.kinds.items():
        yield from _evened(list(zip(chain(*_works(codec.quantizers[kind])), counted.steps, strict=True)))


def _evened(steps: list[tuple[Work, int]]) -> Iterator[tuple[Work, int]]:
    """With the mean for stages side by side: the first of them is counted with the time of all."""
    abreast = [taken for work, taken in steps if work.kind == "abreast"]
    for work, taken in steps:
        yield work, round(statistics.mean(abreast)) if work.kind == "abreast" else taken


def _works(quantizer: AnyQuantizer) -> tuple[list[Work], ...]:
    """Stages, packets by rate, choice: in the order of :class:`KindCycles`."""
    if isinstance(quantizer, ScalarQuantizer):
        rates, words = len(quantizer.stages_of_rate), quantizer.tokens
        choice = [Work("scalars", values=quantizer.regimes * words)] if quantizer.regimes > 1 else []
        return [Work("scalars", values=words)] * rates, [Work("coded_packet", values=words)] * rates, choice
    packets = [Work("packet", values=stages * quantizer.tokens) for stages in quantizer.stages_of_rate]
    return _stages(quantizer), packets, _choice(quantizer)


def _layer(layer: Layer, codec: ExportedCodec) -> Work:
    if isinstance(layer, Convolution):
        return Work("layer", layer.multiply_accumulates, layer.output.rows * layer.output.channels, layer.weight.nbytes)
    if isinstance(layer, Filter):
        return Work("layer", layer.multiply_accumulates, codec.channels * (codec.samples + layer.samples),
                    layer.weight.nbytes)
    return Work("layer", values=layer.output.rows * layer.output.channels)


def _stages(quantizer: Quantizer) -> list[Work]:
    """All regimes run the first stages, one of them the others."""
    contested = quantizer.contested_stages
    alone: Kind = "abreast" if runs_abreast(quantizer) else "stage"
    searched = [stage.codewords[: quantizer.regimes if number < contested else 1]
                for number, stage in enumerate(quantizer.stages)]
    return [Work("stage" if number < contested else alone,
                 quantizer.tokens * words.size, quantizer.tokens * len(words), words.nbytes)
            for number, words in enumerate(searched)]


def _choice(quantizer: Quantizer) -> list[Work]:
    return [Work("choice")] if quantizer.contested_stages else []
