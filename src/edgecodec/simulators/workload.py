"""What every step of a codec has to do for one window: the amounts that its cycles depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgecodec.deploy.memory import QUANTIZERS, MemoryPlan
from edgecodec.deploy.network import ExportedCodec, Quantizer
from edgecodec.deploy.packet import CodedFormat, PacketFormat
from edgecodec.simulators.effort import choice_effort, layer_effort, stage_effort

FIRST = "first_"  # of the name of an amount: 1 at the first step that has any, whose code is not in the caches yet


@dataclass(frozen=True)
class Step:
    """A layer, a stage of the quantizer, the choice of the regime, or the packing at one rate."""

    name: str
    kind: str  # "Normalize", "Filter", "Convolution", "Transpose", "Stage", "Choice", "Pack", "CodedPack"
    amounts: Mapping[str, int] = field(default_factory=dict)  # see effort.py; none in records from before it


@dataclass(frozen=True)
class CodedWorkload:
    """The steps of coded packets; the layers before are the same."""

    stages: tuple[Step, ...]
    packets: tuple[Step, ...]
    stages_of_rate: tuple[int, ...]
    choice: tuple[Step, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        return (*self.stages, *self.choice, *self.packets)


@dataclass(frozen=True)
class Workload:
    """All steps of a codec."""

    layers: tuple[Step, ...]
    stages: tuple[Step, ...]
    packets: tuple[Step, ...]  # one per rate, from rate 1 on
    stages_of_rate: tuple[int, ...]
    choice: tuple[Step, ...] = ()  # of the regime: one step, none if there is one regime
    coded: CodedWorkload | None = None  # None: there are no coded packets, or none that were counted

    @classmethod
    def of(cls, codec: ExportedCodec, plan: MemoryPlan) -> Workload:
        form = PacketFormat.of(codec)
        quantizer = codec.quantizer
        return cls(
            layers=tuple(_layers(codec, plan)),
            stages=tuple(_stages(QUANTIZERS[0], quantizer, plan)),
            packets=tuple(_step(f"packet{rate}", "Pack", {
                "steps": 1, f"{FIRST}steps": int(rate == 1), "indices": form.stages(rate) * form.tokens,
                "bytes": form.packet_bytes(rate)}) for rate in form.rates),
            stages_of_rate=quantizer.stages_of_rate,
            choice=tuple(_choice(quantizer)),
            coded=(None if codec.coded is None or form.coded is None
                   else _coded(codec.coded.quantizer, form.coded, plan)),
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """Of a fixed-length packet."""
        return (*self.layers, *self.stages, *self.choice, *self.packets)

    @property
    def all_steps(self) -> tuple[Step, ...]:
        return self.steps if self.coded is None else (*self.steps, *self.coded.steps)


def _step(name: str, kind: str, amounts: Mapping[str, int]) -> Step:
    return Step(name, kind, {what: amount for what, amount in sorted(amounts.items()) if amount})


def _layers(codec: ExportedCodec, plan: MemoryPlan) -> Iterator[Step]:
    used: set[str] = set()
    for layer in codec.layers:
        amounts = dict(layer_effort(layer, codec, plan))
        fresh = {path for path in ("tiles", "edge_tiles") if amounts.get(path)} - used
        used |= fresh
        yield _step(layer.name, type(layer).__name__, amounts | {f"{FIRST}{path}": 1 for path in fresh})


def _stages(kind: str, quantizer: Quantizer, plan: MemoryPlan) -> Iterator[Step]:
    for number in range(len(quantizer.stages)):
        yield _step(f"stage{number}", "Stage", stage_effort(kind, quantizer, number, plan))


def _choice(quantizer: Quantizer) -> Iterator[Step]:
    if quantizer.contested_stages:
        yield _step("choice", "Choice", choice_effort(quantizer))


def _coded(quantizer: Quantizer, form: CodedFormat, plan: MemoryPlan) -> CodedWorkload:
    """Every symbol is coded into a number that is as long as all after it."""
    packets = []
    for rate, stages in enumerate(quantizer.stages_of_rate, 1):
        packets.append(_step(f"packet{rate}", "CodedPack", {
            "steps": 1, f"{FIRST}steps": int(rate == 1), "symbols": stages + 1,
            "digits": stages * (stages + 1) // 2, "bytes": form.payload_bytes_max(rate)}))
    return CodedWorkload(tuple(_stages(QUANTIZERS[1], quantizer, plan)), tuple(packets), quantizer.stages_of_rate,
                         tuple(_choice(quantizer)))
