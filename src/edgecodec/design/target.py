"""What a layout costs on the target, and whether it fits there: from the drawn firmware, its memory plan and prices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgecodec.deploy.memory import arena_bytes, plan_memory
from edgecodec.errors import EdgeCodecError
from edgecodec.params import CodecParams, Params
from edgecodec.simulators.drawn_codecs import Shape
from edgecodec.simulators.estimate import CYCLE_TABLE, CycleTable, estimate
from edgecodec.simulators.gvsoc import CHIPS


@dataclass(frozen=True)
class Cost:
    """Of one codec on the target."""

    macs: int  # of the encoder
    quantizer_macs: int
    milliseconds: float  # from a window to its packet of fixed length at the highest rate, as estimated
    l1_bytes: int | None  # None: more than there are
    l2_bytes: int | None
    misfits: tuple[str, ...]  # a line for every limit that is broken

    @property
    def fits(self) -> bool:
        return not self.misfits


class Target:
    """The limits of params.yaml, and the table of prices in ``artifacts``."""

    def __init__(self, params: Params, artifacts: Path, channels: int, samples: int) -> None:
        self.params, self.channels, self.samples = params, channels, samples
        self.prices = CycleTable.read(artifacts / CYCLE_TABLE).prices

    def cost(self, codec: str, sizes: CodecParams) -> Cost:
        """Of a codec of the kind ``codec`` with ``sizes``."""
        training = getattr(self.params.train, codec)
        drawn = Shape(codec, self.channels, self.samples, sizes).draw(
            self.params.seed, training, self.params.firmware.arithmetic)
        cycles = estimate(self.prices, drawn)
        stages = drawn.quantizer.stages_of_rate
        milliseconds = cycles.chain(len(stages), stages[-1]) / (1000 * CHIPS[self.params.verify.target].clock_mhz)
        l1, l2, no_room = None, None, ""
        try:
            plan = plan_memory(drawn, arena_bytes(self.params.firmware))
            l1, l2 = plan.arena_bytes + self.params.firmware.l1_stack_bytes, plan.l2_bytes_with_code
        except EdgeCodecError as error:
            no_room = str(error)
        return Cost(drawn.multiply_accumulates, drawn.quantizer.multiply_accumulates, milliseconds, l1, l2,
                    tuple(self._misfits(milliseconds, l1, l2, no_room)))

    def _misfits(self, milliseconds: float, l1: int | None, l2: int | None, no_room: str) -> Iterator[str]:
        gates, most = self.params.gates, self.params.design.largest_milliseconds
        if no_room:
            yield no_room
        if l1 is not None and l1 > gates.largest_l1_bytes:
            yield (f"takes {l1} bytes of L1, {l1 - gates.largest_l1_bytes} more than gates.largest_l1_bytes "
                   f"{gates.largest_l1_bytes}")
        if l2 is not None and l2 > gates.largest_l2_bytes:
            yield (f"takes {l2} bytes of L2, {l2 - gates.largest_l2_bytes} more than gates.largest_l2_bytes "
                   f"{gates.largest_l2_bytes}; fewer regimes or codewords take less")
        if milliseconds > most:
            yield (f"takes about {milliseconds:.3g} ms, {milliseconds - most:.3g} more than "
                   f"design.largest_milliseconds {most:g}; fewer time_bins or a larger decimation take less")
