"""The design: what is left open is chosen, what is pinned is judged, and why is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgecodec import chosen
from edgecodec.contradictions import AUTO, is_open
from edgecodec.data.windows import WindowSet
from edgecodec.design import edge, transform, trial
from edgecodec.design.estimate import Estimator
from edgecodec.design.evidence import Evidence
from edgecodec.design.layouts import KindDesign, Layout, pinned, window_bits
from edgecodec.design.target import Cost, Target
from edgecodec.designed import closed
from edgecodec.errors import EdgeCodecError
from edgecodec.params import Params
from edgecodec.progress import progress
from edgecodec.storage import rounded

KINDS: Mapping[str, KindDesign] = {"edge": edge.KIND, "transform": transform.KIND}
WORTH_LEARNING = 0.01  # least gain of codec edge over the classical one, as a share of the error


@dataclass(frozen=True, eq=False)
class Chosen:
    """One kind of codec: its layout, what that costs, and what was measured of its classical start."""

    layout: Layout
    cost: Cost
    tried: int  # layouts that were estimated
    trials: Mapping[int, trial.Trial]  # by regimes

    @property
    def trial(self) -> trial.Trial | None:
        return self.trials.get(getattr(self.layout.sizes, "regimes", 1))


@dataclass(frozen=True, eq=False)
class Design:
    codec: str
    bits: tuple[float, ...]
    kinds: Mapping[str, Chosen]
    pinned: Mapping[str, Sequence[str]]
    estimator: Estimator
    proposal: str
    klt_dct: trial.Points | None  # on windows held out; None: nothing was tried

    @property
    def beside_klt_dct(self) -> str | None:
        """A line that says how far the codec's start is from KLT + DCT, whose bits follow the window."""
        tried = self.kinds[self.codec].trial if self.codec in self.kinds else None
        if tried is None or self.klt_dct is None:
            return None
        ratios = trial.beside(tried, self.klt_dct)
        times = " to ".join(f"{ratio:.2f}" for ratio in (ratios.min(), ratios.max()))
        return f"the start has {times} times the error of KLT + DCT at equal bits, on training windows held out"

    def sizes_json(self) -> dict[str, Any]:
        """What the design chose, as :func:`edgecodec.designed.designed` takes it."""
        return {"codec": self.codec,
                "sizes": {name: kind.layout.sizes.model_dump(mode="json") for name, kind in self.kinds.items()}}

    def to_json(self) -> dict[str, Any]:
        """How the design came about."""
        return {
            "codec": self.codec,
            "proposal": self.proposal,
            "bits_per_window": [rounded(bits) for bits in self.bits],
            "klt_dct": None if self.klt_dct is None else _points_json(self.klt_dct),
            "kinds": {name: {
                "pinned": list(self.pinned[name]),
                "layouts_estimated": kind.tried,
                "estimated_errors": [rounded(float(error)) for error in kind.layout.errors],
                "held_out": {str(regimes): {packets.label: _points_json(points) for packets, points in found.items()}
                             for regimes, found in kind.trials.items()},
                "encoder_macs": kind.cost.macs, "quantizer_macs": kind.cost.quantizer_macs,
                "estimated_milliseconds": rounded(kind.cost.milliseconds, 4),
                "l1_bytes": kind.cost.l1_bytes, "l2_bytes": kind.cost.l2_bytes,
            } for name, kind in self.kinds.items()},
            "reasons": [vars(reason) for reason in self.reasons()],
            "evidence": {"windows": len(self.estimator.evidence.means), "regimes": self.estimator.evidence.regimes,
                         "regime_shares": [rounded(self.estimator.evidence.share(regime), 3)
                                           for regime in range(self.estimator.evidence.regimes)]},
        }

    def reasons(self) -> Iterator[Reason]:
        """Of every size of the codec that is designed for."""
        kind, evidence = self.kinds.get(self.codec), self.estimator.evidence
        if kind is None:
            return
        sizes = kind.layout.sizes
        why: dict[str, str] = {
            "codewords": f"{len(self.bits)} rates of {self.bits[0]:g} bits each: {sizes.stages_per_rate} stages",
            "stages_per_rate": f"of {np.log2(sizes.codewords):.3g} bits each, for {self.bits[0]:g} bits per rate",
            "codeword_samples": "about one bit for every coefficient of a stage",
            "decimation": f"leaves {evidence.samples // sizes.decimation} samples for {sizes.time_bins} cosine bins",
            "filter_taps": "the fewest whose loss the estimated error hardly shows",
            "time_bins": f"up to {sizes.time_bins * evidence.bin_hz:.3g} Hz there is something that the bits can send",
        }
        why |= KINDS[self.codec].reasons(sizes)
        content = sizes.model_dump(mode="json")
        for name, reason in why.items():
            fixed = name in self.pinned[self.codec]
            yield Reason(f"codecs.{self.codec}.{name}", content[name], fixed, "pinned" if fixed else reason)


@dataclass(frozen=True)
class Reason:
    setting: str
    value: Any
    pinned: bool
    why: str


def make_design(params: Params, train: WindowSet, artifacts: Path) -> Design:
    """Close what ``params`` leave open.

    Raises:
        EdgeCodecError: nothing fits the target, or what is pinned does not.
    """
    bits = window_bits(params.design, train.samples / train.sample_rate_hz)
    evidence = Evidence.draw(train, params.design.windows, params.codecs.edge.regimes or max(edge.REGIMES), bits[0],
                             params.train.edge.offset_augmentation, params.seed, chosen.measure(params))
    estimator = Estimator(evidence, bits)
    target = Target(params, artifacts, train.channels, train.samples)
    split = trial.split(train, params.seed)
    wanted = [name for name in KINDS if params.codec in (AUTO, name) or is_open(getattr(params.codecs, name))]
    kinds, misfits, klt_dct = {}, {}, None
    for name in wanted:
        pins = getattr(params.codecs, name)
        layouts = KINDS[name].layouts(estimator, pins, bits)
        try:
            layout, cost = _that_fits(name, layouts, pins, target, params.design.tolerance)
        except MisfitError as misfit:
            if params.codec != AUTO:
                raise
            misfits[name] = misfit
            continue
        measured: dict[int, trial.Trial] = {}
        options = [each for each in KINDS[name].regimes(layout, pins) if target.cost(name, each.sizes).fits]
        if split is not None and (params.codec == AUTO or len(options) > 1):
            klt_dct = klt_dct or trial.measure_klt_dct(params, bits, *split)
            layout, measured = _try(params, name, options, split, klt_dct)
            cost = target.cost(name, layout.sizes)
        kinds[name] = Chosen(layout, cost, len(layouts), measured)
    if not kinds:
        raise misfits[wanted[0]]
    codec, proposal = _propose(params, kinds, misfits, klt_dct)
    if codec in kinds and not kinds[codec].cost.fits:
        raise EdgeCodecError(f"design: codec {codec}: {kinds[codec].cost.misfits[0]}")
    return Design(codec, bits, kinds, {name: pinned(getattr(params.codecs, name)) for name in kinds}, estimator,
                  proposal, klt_dct)


class MisfitError(EdgeCodecError):
    """No layout of a kind of codec keeps the limits of the target."""


def _that_fits(codec: str, layouts: Sequence[Layout], pins: Any, target: Target,
               tolerance: float) -> tuple[Layout, Cost]:
    """As :func:`choose`; with fewer regimes, where these are open and nothing fits with more."""
    options = [KINDS[codec].regimes(layout, pins) for layout in layouts]
    for fewer in range(max(map(len, options), default=1) - 1):
        with suppress(MisfitError):
            return choose(codec, [each[fewer] for each in options if fewer < len(each)], target, tolerance)
    return choose(codec, [each[-1] for each in options], target, tolerance)


def choose(codec: str, layouts: Sequence[Layout], target: Target, tolerance: float) -> tuple[Layout, Cost]:
    """Of the layouts that fit, that with the fewest MACs whose error is within ``tolerance`` of the least.

    Raises:
        EdgeCodecError: there is none.
        MisfitError: none fits; the text names the limit that the smallest breaks.
    """
    if not layouts:
        raise EdgeCodecError(f"params.yaml: codecs.{codec}: no layout goes with what is pinned; make more of it auto")
    def macs(layout: Layout) -> int:
        return KINDS[codec].macs(layout.sizes, target.channels, target.samples)

    by_error = sorted(layouts, key=lambda layout: (layout.error, macs(layout)))
    best: tuple[Layout, Cost] | None = None
    too_large: list[tuple[int, int]] = []
    for layout in by_error:
        size = macs(layout), layout.sizes.time_bins
        if any(size[0] >= other[0] and size[1] >= other[1] for other in too_large):
            continue
        cost = target.cost(codec, layout.sizes)
        if cost.fits:
            best = layout, cost
            break
        too_large.append(size)
    if best is None:
        least = min(layouts, key=lambda layout: (macs(layout), layout.error))
        raise MisfitError(f"design: codec {codec}: even the smallest layout "
                          f"{target.cost(codec, least.sizes).misfits[0]}")
    limit = (1 + tolerance) * best[0].error
    for layout in sorted(by_error, key=lambda layout: (macs(layout), layout.error)):
        if layout.error <= limit and (cost := target.cost(codec, layout.sizes)).fits:
            return layout, cost
    return best


def _try(params: Params, codec: str, options: Sequence[Layout], split: tuple[WindowSet, WindowSet],
         klt_dct: trial.Points) -> tuple[Layout, dict[int, trial.Trial]]:
    """The option whose classical start has the least error on windows held out, and the trials of all by regimes."""
    found: dict[int, trial.Trial] = {}
    best, least = options[-1], np.inf
    for option in progress(options, f"Trying codec {codec}"):
        sizes = {codec: option.sizes.model_dump(mode="json")}
        measured = trial.measure(closed(params.model_copy(update={"codec": codec}), codec, sizes), *split)
        if measured is None:  # too few windows for so many regimes
            continue
        found[getattr(option.sizes, "regimes", 1)] = measured
        if (error := _mean_logarithm(measured, klt_dct)) < least:
            best, least = option, error
    return best, found


def _mean_logarithm(measured: trial.Trial, klt_dct: trial.Points) -> float:
    """Of the error beside KLT + DCT."""
    return float(np.log(trial.beside(measured, klt_dct)).mean())


def _propose(params: Params, kinds: Mapping[str, Chosen], misfits: Mapping[str, MisfitError],
             klt_dct: trial.Points | None) -> tuple[str, str]:
    """The codec, and a line that says why."""
    if misfits:
        codec, = kinds
        return codec, f"codec {codec}: the other does not fit ({next(iter(misfits.values()))})"
    trials = {name: kind.trial for name, kind in kinds.items()}
    learned, classical = trials.get("edge"), trials.get("transform")
    if learned is None or classical is None or klt_dct is None:
        codec = "edge" if params.codec == AUTO else params.codec
        return codec, f"codec {codec}: as pinned" if params.codec != AUTO else (
            "codec edge: there are too few training windows to hold some out and compare it with codec transform")
    gain = 1 - float(np.exp(_mean_logarithm(learned, klt_dct) - _mean_logarithm(classical, klt_dct)))
    if gain >= WORTH_LEARNING:
        found = "edge", (f"codec edge: its classical start has {gain:.1%} less error than codec transform at equal "
                         "bits, on training windows held out")
    else:
        found = "transform", (f"codec transform: nothing is left to learn; codec edge would have {-gain:+.1%} error "
                              "on training windows held out")
    return found if params.codec == AUTO else (params.codec, f"codec {params.codec} is pinned; {found[1]}")


def closed_params(params: Params, design: Design) -> Params:
    """``params`` with the design's sizes."""
    return closed(params, design.codec, {name: kind.layout.sizes.model_dump(mode="json")
                                         for name, kind in design.kinds.items()})


def _points_json(points: trial.Points) -> dict[str, list[float]]:
    return {name: [rounded(float(value)) for value in values] for name, values in vars(points).items()}
