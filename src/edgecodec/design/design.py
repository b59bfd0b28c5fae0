"""The design: what is left open is chosen, what is pinned is judged, and why is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.contradictions import AUTO, is_open
from edgecodec.data.windows import WindowSet
from edgecodec.design import trial
from edgecodec.design.bands import coefficients_of
from edgecodec.design.estimate import Estimator
from edgecodec.design.evidence import Evidence
from edgecodec.design.layouts import Layout, edge_layouts, pinned, quantizer_sizes, transform_layouts, window_bits
from edgecodec.design.target import Cost, Target
from edgecodec.designed import closed
from edgecodec.errors import EdgeCodecError
from edgecodec.params import EdgeParams, Params, TransformParams
from edgecodec.progress import progress
from edgecodec.storage import rounded

REGIMES = (4, 2, 1)  # that are tried where they are open
WORTH_LEARNING = 0.01  # least gain of codec edge over the classical one, as a share of the error


@dataclass(frozen=True, eq=False)
class Chosen:
    """One kind of codec: its layout, what that costs, and what was measured of its classical start."""

    layout: Layout
    cost: Cost
    tried: int  # layouts that were estimated
    trials: Mapping[int, NDArray[np.float64]]  # error_percent of every rate on windows held out, by regimes

    @property
    def trial(self) -> NDArray[np.float64] | None:
        sizes = self.layout.sizes
        return self.trials.get(sizes.regimes if isinstance(sizes, EdgeParams) else 1)


@dataclass(frozen=True, eq=False)
class Design:
    codec: str
    bits: tuple[float, ...]
    kinds: Mapping[str, Chosen]
    pinned: Mapping[str, Sequence[str]]
    estimator: Estimator
    proposal: str

    def to_json(self) -> dict[str, Any]:
        return {
            "codec": self.codec,
            "proposal": self.proposal,
            "bits_per_window": [rounded(bits) for bits in self.bits],
            "sizes": {name: kind.layout.sizes.model_dump(mode="json") for name, kind in self.kinds.items()},
            "kinds": {name: {
                "pinned": list(self.pinned[name]),
                "layouts_estimated": kind.tried,
                "estimated_errors": [rounded(float(error)) for error in kind.layout.errors],
                "held_out_error_percent": {str(regimes): [rounded(float(error)) for error in found]
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
        if isinstance(sizes, EdgeParams):
            why |= {
                "regimes": f"of {', '.join(map(str, kind.trials)) or 'one number'} tried, the least error on "
                           "windows held out",
                "bands": f"{coefficients_of(sizes.bands)} modes of bins, the ones with most variance above the water "
                         "level",
                "coefficients": "more would not be above the water level at the highest rate",
                "refiner_channels": "of the receiver alone",
            }
        elif isinstance(sizes, TransformParams):
            why["modes"] = "more would not be above the water level at the highest rate"
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
    pins = params.codecs.edge
    evidence = Evidence.draw(train, params.design.windows, pins.regimes or REGIMES[0], bits[0],
                             params.train.edge.offset_augmentation, params.seed)
    estimator = Estimator(evidence, bits)
    target = Target(params, artifacts, train.channels, train.samples)
    searches: dict[str, Callable[[], list[Layout]]] = {
        "edge": lambda: edge_layouts(estimator, pins, pins.regimes or evidence.regimes, quantizer_sizes(pins, bits)),
        "transform": lambda: transform_layouts(estimator, params.codecs.transform,
                                               quantizer_sizes(params.codecs.transform, bits)),
    }
    split = trial.split(train, params.seed)
    wanted = [name for name in searches if params.codec in (AUTO, name) or is_open(getattr(params.codecs, name))]
    kinds = {}
    for name in wanted:
        layouts = searches[name]()
        layout, cost = choose(name, layouts, target, params.design.tolerance)
        measured: dict[int, NDArray[np.float64]] = {}
        if split is not None and (params.codec == AUTO or (name == "edge" and pins.regimes is None)):
            layout, measured = _try(params, name, layout, split, pins.regimes)
            cost = target.cost(name, layout.sizes)
        kinds[name] = Chosen(layout, cost, len(layouts), measured)
    codec, proposal = _propose(params, kinds)
    if codec in kinds and not kinds[codec].cost.fits:
        raise EdgeCodecError(f"design: codec {codec} {kinds[codec].cost.misfits[0]}")
    return Design(codec, bits, kinds, {name: pinned(getattr(params.codecs, name)) for name in kinds}, estimator,
                  proposal)


def choose(codec: str, layouts: Sequence[Layout], target: Target, tolerance: float) -> tuple[Layout, Cost]:
    """Of the layouts that fit, that with the fewest MACs whose error is within ``tolerance`` of the least.

    Raises:
        EdgeCodecError: there is none, or none fits; the text names the limit that the smallest breaks.
    """
    if not layouts:
        raise EdgeCodecError(f"params.yaml: codecs.{codec}: no layout goes with what is pinned; make more of it auto")
    by_error = sorted(layouts, key=lambda layout: (layout.error, macs(layout.sizes, target)))
    best: tuple[Layout, Cost] | None = None
    too_large: list[tuple[int, int]] = []
    for layout in by_error:
        size = macs(layout.sizes, target), layout.sizes.time_bins
        if any(size[0] >= other[0] and size[1] >= other[1] for other in too_large):
            continue
        cost = target.cost(codec, layout.sizes)
        if cost.fits:
            best = layout, cost
            break
        too_large.append(size)
    if best is None:
        least = min(layouts, key=lambda layout: (macs(layout.sizes, target), layout.error))
        raise EdgeCodecError(f"design: codec {codec}: even the smallest layout "
                             f"{target.cost(codec, least.sizes).misfits[0]}")
    limit = (1 + tolerance) * best[0].error
    for layout in sorted(by_error, key=lambda layout: (macs(layout.sizes, target), layout.error)):
        if layout.error <= limit and (cost := target.cost(codec, layout.sizes)).fits:
            return layout, cost
    return best


def macs(sizes: EdgeParams | TransformParams, target: Target) -> int:
    """Multiplications of the layers of an encoder."""
    channels, decimated = target.channels, target.samples // sizes.decimation
    filtering = channels * decimated * sizes.filter_taps
    if isinstance(sizes, EdgeParams):
        structured, latent = coefficients_of(sizes.bands), channels + sizes.coefficients
        return (filtering + channels * (decimated * sizes.time_bins + channels + structured)
                + structured * sizes.coefficients + sizes.regimes * latent**2)
    return filtering + channels * (decimated * (1 + sizes.modes) + channels) + sizes.modes * decimated * sizes.time_bins


def _try(params: Params, codec: str, layout: Layout, split: tuple[WindowSet, WindowSet],
         regimes: int | None) -> tuple[Layout, dict[int, NDArray[np.float64]]]:
    """The classical start of ``layout`` on windows held out; with every number of regimes, if that is open."""
    options = [layout]
    if isinstance(layout.sizes, EdgeParams) and regimes is None:
        options = [Layout(layout.sizes.model_copy(update={"regimes": each}), layout.errors) for each in REGIMES
                   if layout.sizes.codewords % each == 0]
    found: dict[int, NDArray[np.float64]] = {}
    best, least = layout, np.inf
    for option in progress(options, f"Trying codec {codec}"):
        sizes = {codec: option.sizes.model_dump(mode="json")}
        tried = closed(params.model_copy(update={"codec": codec}), codec, sizes)
        measured = trial.measure(tried, *split)
        if measured is None:
            continue
        found[getattr(option.sizes, "regimes", 1)] = measured
        if (error := float(np.log(measured).mean())) < least:
            best, least = option, error
    if not found and isinstance(layout.sizes, EdgeParams) and regimes is None:  # too few windows for any
        best = options[-1]
    return best, found


def _propose(params: Params, kinds: Mapping[str, Chosen]) -> tuple[str, str]:
    """The codec, and a line that says why."""
    trials = {name: kind.trial for name, kind in kinds.items()}
    edge, transform = trials.get("edge"), trials.get("transform")
    if edge is None or transform is None:
        codec = "edge" if params.codec == AUTO else params.codec
        return codec, f"codec {codec}: as pinned" if params.codec != AUTO else (
            "codec edge: there are too few training windows to hold some out and compare it with codec transform")
    gain = 1 - float(np.exp((np.log(edge) - np.log(transform)).mean()))
    if gain >= WORTH_LEARNING:
        found = "edge", (f"codec edge: its classical start has {gain:.1%} less error than codec transform on training "
                         "windows held out")
    else:
        found = "transform", (f"codec transform: nothing is left to learn; codec edge would have {-gain:+.1%} error "
                              "on training windows held out")
    return found if params.codec == AUTO else (params.codec, f"codec {params.codec} is pinned; {found[1]}")


def closed_params(params: Params, design: Design) -> Params:
    """``params`` with the design's sizes."""
    return closed(params, design.codec, {name: kind.layout.sizes.model_dump(mode="json")
                                         for name, kind in design.kinds.items()})
