"""What every step of a codec has to do for one window: the amounts that its cycles depend on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgecodec.deploy.network import Convolution, ExportedCodec, Layer, Normalize
from edgecodec.deploy.packet import PacketFormat


@dataclass(frozen=True)
class Step:
    """A layer, a stage of the quantizer, or the packing at one rate."""

    name: str
    kind: str  # "Normalize", "Convolution", "Depthwise", "Transpose", "Stage", "Pack"
    macs: int
    results: int  # values written; distances for a stage, bytes for a packet
    fetched_bytes: int  # of the window, weights or codebook


@dataclass(frozen=True)
class Workload:
    """All steps of a codec, in the order of the verification program."""

    layers: tuple[Step, ...]
    stages: tuple[Step, ...]
    packets: tuple[Step, ...]  # one per rate, from rate 1 on
    stages_of_rate: tuple[int, ...]

    @classmethod
    def of(cls, codec: ExportedCodec) -> Workload:
        form = PacketFormat.of(codec)
        return cls(
            layers=tuple(_layer(codec, layer) for layer in codec.layers),
            stages=tuple(_stages(codec)),
            packets=tuple(Step(f"packet{rate}", "Pack", 0, form.packet_bytes(rate), 0) for rate in form.rates),
            stages_of_rate=codec.quantizer.stages_of_rate,
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        return (*self.layers, *self.stages, *self.packets)


def _layer(codec: ExportedCodec, layer: Layer) -> Step:
    results = layer.output.rows * layer.output.channels
    if isinstance(layer, Convolution):
        kind = "Depthwise" if layer.depthwise else "Convolution"
        return Step(layer.name, kind, layer.multiply_accumulates, results, layer.weight.nbytes)
    if isinstance(layer, Normalize):
        return Step(layer.name, "Normalize", 0, results, 4 * codec.samples * codec.channels)
    return Step(layer.name, "Transpose", 0, results, 0)


def _stages(codec: ExportedCodec) -> Iterator[Step]:
    tokens = codec.quantizer.tokens
    for number, stage in enumerate(codec.quantizer.stages):
        yield Step(f"stage{number}", "Stage", tokens * stage.codewords.size, tokens * len(stage.codewords),
                   stage.codewords.nbytes + stage.norms.nbytes)
