"""The cycle model with what is known of its error: every firmware estimated by a model fitted on all others."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgecodec.deploy.network import Arithmetic
from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.cycle_model import CycleModel
from edgecodec.simulators.measurement import Measurement
from edgecodec.storage import rounded


@dataclass(frozen=True)
class Miss:
    """How far the estimate of a firmware is off that the model was not fitted on, as a share of what was counted.

    Quantizer and chains at the highest rate; estimates that are too low have a minus.
    """

    firmware: str
    encoder: float
    quantizer: float
    chain: float
    coded_chain: float | None  # None: no coded packets
    step: float  # of single steps, the median, without sign

    @classmethod
    def of(cls, left_out: Measurement, model: CycleModel) -> Miss:
        counted, estimated = left_out.cycles, model.estimate(left_out.workload)
        stages, rate = left_out.workload.stages_of_rate[-1], len(counted.packets)
        coded_chain = None
        if counted.coded is not None and estimated.coded is not None:
            coded_chain = _off(estimated.coded.chains[-1], counted.coded.chains[-1])
        steps = [abs(_off(guess, count)) for guess, count in zip(estimated.steps, counted.steps, strict=True)]
        return cls(left_out.codec, _off(estimated.encoder, counted.encoder),
                   _off(estimated.quantizer(stages), counted.quantizer(stages)),
                   _off(estimated.chain(rate, stages), counted.chain(rate, stages)), coded_chain,
                   statistics.median(steps))


@dataclass(frozen=True)
class Calibration:
    """A cycle model of one target and arithmetic."""

    model: CycleModel
    misses: tuple[Miss, ...]  # of every firmware that was measured, if others have steps of its kinds
    same_kernels: bool  # as the firmware that is to be estimated has

    @classmethod
    def of(cls, measurements: Sequence[Measurement], target: str, arithmetic: Arithmetic,
           kernels_hash: str) -> Calibration:
        """From measurements of the same kernels if there are any, else of older ones.

        Raises:
            EdgeCodecError: nothing was ever measured so.
        """
        usable = {one.firmware_hash: one for one in measurements
                  if (one.target, one.arithmetic) == (target, arithmetic) and one.has_amounts}
        same = [one for one in usable.values() if one.kernels_hash == kernels_hash]
        chosen = same or list(usable.values())
        if not chosen:
            raise EdgeCodecError(f"cycle model: no measurement on {target} in arithmetic {arithmetic} in the records; "
                                 "run `edgecodec benchmark cycles` once with GVSOC")
        return cls(_fitted(chosen), tuple(_misses(chosen)), bool(same))

    @property
    def remark(self) -> str:
        """One line: where estimates come from, and how far chains are off that the model was not fitted on."""
        chains = [abs(miss.chain) for miss in self.misses]
        error = (f"off by {statistics.mean(chains):.1%} on average and {max(chains):.1%} at most in the "
                 f"{len(chains)} firmwares that were left out of the fit in turn" if chains else "of unknown error")
        return f"cycle model, {error}" + ("" if self.same_kernels else "; measured with other kernels than these")

    def to_json(self) -> dict[str, Any]:
        """What ``metrics/cycle_model.json`` holds."""
        largest = {part: max(abs(getattr(miss, part)) for miss in self.misses)
                   for part in ("encoder", "quantizer", "chain")}
        mean = {part: statistics.mean(abs(getattr(miss, part)) for miss in self.misses) for part in largest}
        return {
            "firmwares": len(self.misses),
            "largest_error": {part: rounded(error) for part, error in largest.items()},
            "mean_error": {part: rounded(error) for part, error in mean.items()},
            "median_error_of_steps": rounded(statistics.median(miss.step for miss in self.misses)),
            "left_out": {miss.firmware: {part: rounded(error) for part, error in asdict(miss).items()
                                         if isinstance(error, float)} for miss in self.misses},
        }


def _fitted(measurements: Sequence[Measurement]) -> CycleModel:
    return CycleModel.fit([(one.workload, one.cycles) for one in measurements])


def _misses(measurements: Sequence[Measurement]) -> Iterator[Miss]:
    for number, left_out in enumerate(measurements):
        others = [*measurements[:number], *measurements[number + 1 :]]
        kinds = {step.kind for other in others for step in other.workload.all_steps}
        if {step.kind for step in left_out.workload.all_steps} <= kinds:
            yield Miss.of(left_out, _fitted(others))


def _off(estimated: float, counted: float) -> float:
    return estimated / counted - 1
