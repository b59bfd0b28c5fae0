"""What every step of a codec has to do for one window: the amounts that its cycles depend on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgecodec.deploy.network import Convolution, ExportedCodec, Filter, Layer, Normalize, Quantizer
from edgecodec.deploy.packet import PacketFormat


@dataclass(frozen=True)
class Step:
    """A layer, a stage of the quantizer, the choice of the regime, or the packing at one rate."""

    name: str
    kind: str  # "Normalize", "Filter", "Convolution", "Transpose", "Stage", "Choice", "Pack"
    macs: int
    results: int  # values written; distances for a stage, energies for the choice, bytes for a packet
    fetched_bytes: int  # of the window, weights or codebook


@dataclass(frozen=True)
class Workload:
    """All steps of a codec."""

    layers: tuple[Step, ...]
    stages: tuple[Step, ...]
    packets: tuple[Step, ...]  # one per rate, from rate 1 on
    stages_of_rate: tuple[int, ...]
    choice: tuple[Step, ...] = ()  # of the regime: one step, none if there is one regime

    @classmethod
    def of(cls, codec: ExportedCodec) -> Workload:
        form = PacketFormat.of(codec)
        return cls(
            layers=tuple(_layer(codec, layer) for layer in codec.layers),
            stages=tuple(_stages(codec.quantizer)),
            packets=tuple(Step(f"packet{rate}", "Pack", 0, form.packet_bytes(rate), 0) for rate in form.rates),
            stages_of_rate=codec.quantizer.stages_of_rate,
            choice=tuple(_choice(codec.quantizer)),
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        return (*self.layers, *self.stages, *self.choice, *self.packets)


def _layer(codec: ExportedCodec, layer: Layer) -> Step:
    results = layer.output.rows * layer.output.channels
    if isinstance(layer, Convolution):
        return Step(layer.name, "Convolution", layer.multiply_accumulates, results, layer.weight.nbytes)
    if isinstance(layer, Filter):
        return Step(layer.name, "Filter", layer.multiply_accumulates, results,
                    4 * codec.samples * codec.channels + layer.weight.nbytes)
    if isinstance(layer, Normalize):
        return Step(layer.name, "Normalize", 0, results, 4 * codec.samples * codec.channels)
    return Step(layer.name, "Transpose", 0, results, 0)


def _stages(quantizer: Quantizer) -> Iterator[Step]:
    for number, stage in enumerate(quantizer.stages):
        regimes = quantizer.regimes if number < quantizer.contested_stages else 1
        codewords, norms = stage.codewords[:regimes], stage.norms[:regimes]  # as many as are searched
        yield Step(f"stage{number}", "Stage", quantizer.tokens * codewords.size, quantizer.tokens * norms.size,
                   codewords.nbytes + norms.nbytes)


def _choice(quantizer: Quantizer) -> Iterator[Step]:
    if quantizer.contested_stages:
        yield Step("choice", "Choice", quantizer.choice_multiply_accumulates, quantizer.regimes, 0)
