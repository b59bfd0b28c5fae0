"""Where everything lies: activations and scratch in L1 (the caller's arena), weights, codebooks and the window in L2.

A team of workers copies weights and codebooks into the arena, block by block, before it reads them. A single worker
reads them where they lie: it has a plan of its own, without room for copies.

Every block of the arena has a life: from the step that writes it first to the step that reads it last. Blocks whose
lives overlap get separate places; the others share. Largest blocks first, each at the lowest place that is free
(first fit by decreasing size, the common heuristic of TinyML planners). What a layer overwrites in place (a residual)
is one buffer already.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.panels import panel_bytes, panel_count
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import (
    AnyQuantizer,
    Arithmetic,
    Convolution,
    ExportedCodec,
    Filter,
    Half,
    Layer,
    Normalize,
    Quantizer,
    ScalarQuantizer,
    View,
)
from edgecodec.params import FirmwareParams

ALIGNMENT = 16
WORKERS_MAX = 16  # EC_WORKERS_MAX
VERDICT_BYTES = 4  # of ec_control, for each worker
REGIMES_MAX = 16  # EC_REGIMES_MAX
CHOICE_BYTES = 4 * (1 + REGIMES_MAX)  # ec_choice
BLOB_HEADER_BYTES = 76  # ec_blob
SCREENED_BYTES = 16  # ec_screened
RUNNING_SUM_BYTES: Mapping[Arithmetic, int] = {"dotpex": 4, "lanes": 12}  # running_sum of running_filter.c, at most
CODE_BYTES = 40_000  # of L2, about what code and constants take beside the codec
# What is fetched comes in blocks of at most so many bytes: of these, the most that fit.
FETCH_BYTES = (32768, 16384, 8192, 4096, 2048, 1024)
# What makes blocks smaller whose names begin so, by the kind of codec; all others belong to the quantizer.
NARROWING: Mapping[str, Mapping[str, str]] = {
    "edge": {
        "by_channel": "a larger {section}.decimation",
        "by_bin": "fewer {section}.time_bins",
        "bins": "fewer {section}.time_bins",
        "monitor": "fewer {section}.time_bins",
        "time_transform": "fewer {section}.time_bins",
        "modes": "fewer modes in {section}.bands",
        "rotation": "fewer {section}.coefficients",
        "latent": "fewer {section}.coefficients",
        "regimes": "fewer {section}.regimes or {section}.coefficients",
        "decimate": "fewer {section}.filter_taps",
    },
    "paper": {"": "a shorter window.samples"},
    "transform": {
        "by_channel": "a larger {section}.decimation",
        "by_time": "a larger {section}.decimation",
        "by_mode": "fewer {section}.modes",
        "modes": "fewer {section}.modes",
        "latent": "fewer {section}.modes or {section}.time_bins",
        "time_transform": "fewer {section}.time_bins",
        "decimate": "fewer {section}.filter_taps",
    },
}
ABREAST = "quantizer_abreast"  # the fetch of stages that run side by side
CLUSTER_CORES = 8  # where it can be, a block has a multiple of so many items: no core is idle


def arena_bytes(firmware: FirmwareParams) -> int:
    """Of L1, what the stacks leave."""
    return firmware.l1_bytes - firmware.l1_stack_bytes


def core_stack_bytes(l1_stack_bytes: int, cores: int = CLUSTER_CORES) -> int:
    """Of what L1 keeps for stacks, the part of one core (PULP_CORE_STACK_BYTES)."""
    return l1_stack_bytes // cores // ALIGNMENT * ALIGNMENT


@dataclass(frozen=True)
class Fetch:
    """Data that arrive in blocks of whole items, one block while another is worked on."""

    rows: int  # per block: window rows, panels of weights or codewords, or codebooks of a regime
    row_bytes: int
    blocks: int
    copied: bool = True  # to the arena

    @property
    def bytes(self) -> int:
        """Scratch for two blocks, if there are several."""
        return self.rows * self.row_bytes * min(2, self.blocks) if self.copied else 0


@dataclass(frozen=True)
class Block:
    """Part of the arena, over part of the run."""

    name: str
    offset: int  # bytes from the arena's start
    bytes: int
    first_step: int  # number of the layer; the quantizer comes after the last
    last_step: int


@dataclass(frozen=True)
class MemoryPlan:
    blocks: Mapping[str, Block]
    fetches: Mapping[str, Fetch]  # by name of the layer, or see stage_name
    steps: tuple[str, ...]
    workers: int  # at most
    arena_bytes: int  # L1
    weights_bytes: int  # L2, header included
    codebooks_bytes: int
    window_bytes: int
    intake_bytes: int  # of a window that is pushed sample by sample, in place of window_bytes

    @property
    def l2_bytes(self) -> int:
        """What the codec needs besides code."""
        return self.weights_bytes + self.codebooks_bytes + self.window_bytes

    @property
    def l2_bytes_with_code(self) -> int:
        """About what the whole firmware needs of L2 where it is verified, with windows at once and sample by sample."""
        return self.l2_bytes + self.intake_bytes + CODE_BYTES

    def address(self, view: View) -> int:
        """Byte offset of ``view`` in the arena."""
        return self.blocks[view.buffer].offset + 2 * view.offset

    def table(self) -> str:
        """The arena as a printable map."""
        lines = [f"{'offset':>8} {'bytes':>8}  {'block':24} life"]
        blocks = (block for block in self.blocks.values() if block.bytes)
        for block in sorted(blocks, key=lambda block: (block.offset, block.first_step)):
            life = self.steps[block.first_step]
            if block.last_step != block.first_step:
                life += f" .. {self.steps[block.last_step]}"
            lines.append(f"{block.offset:8} {block.bytes:8}  {block.name:24} {life}")
        lines.append(f"{self.arena_bytes:17}  bytes of L1 arena")
        lines += [f"{size:17}  bytes of {what}" for size, what in (
            (self.weights_bytes, "weights (L2 or flash)"), (self.codebooks_bytes, "codebooks (L2 or flash)"),
            (self.window_bytes, "window, float32 (L2)"),
            (self.intake_bytes, "intake, in place of the window where samples are pushed"))]
        return "\n".join(lines) + "\n"


def plan_memory(codec: ExportedCodec, l1_bytes: int) -> MemoryPlan:
    """Place every buffer of ``codec`` in an arena of at most ``l1_bytes`` (stacks not counted).

    Raises:
        EdgeCodecError: it does not fit; the text names the first block that does not, and the bytes over.
    """
    limits = dict.fromkeys(_steps(codec), FETCH_BYTES[-1])
    plan = _plan(codec, limits)
    for block in sorted(plan.blocks.values(), key=lambda block: block.offset + block.bytes):
        over = block.offset + block.bytes - l1_bytes
        if over > 0:
            raise EdgeCodecError(f"codec {codec.codec}: {block.name} ({block.bytes} bytes, in use at "
                                 f"{plan.steps[block.first_step]}) ends {over} bytes over the {l1_bytes} bytes of L1; "
                                 f"raise firmware.l1_bytes, or take {narrowing(codec, block.name)}")
    for step in limits:
        for fetch_bytes in FETCH_BYTES:
            larger = _plan(codec, {**limits, step: fetch_bytes})
            if larger.arena_bytes <= l1_bytes:
                plan, limits = larger, {**limits, step: fetch_bytes}
                break
    return plan


def plan_for_one_worker(codec: ExportedCodec) -> MemoryPlan:
    """Place what a single worker needs, which reads weights, codebooks and window where they lie."""
    return _plan(codec, None)


def narrowing(codec: ExportedCodec, block: str) -> str:
    """Which settings make a block of the arena smaller."""
    advice = next((advice for prefix, advice in NARROWING.get(codec.codec, {}).items() if block.startswith(prefix)),
                  "fewer {section}.codewords")
    section = f"codecs.{codec.codec}"
    return f"{advice.format(section=section)}, or fewer channels (now {codec.channels})"


def _steps(codec: ExportedCodec) -> tuple[str, ...]:
    return (*(layer.name for layer in codec.layers), "quantizer")


def _plan(codec: ExportedCodec, limits: Mapping[str, int] | None) -> MemoryPlan:
    """The plan in which each step fetches blocks of at most so many bytes; without limits, the one of a single worker,
    where nothing is copied."""
    fetches = _uncopied(codec) if limits is None else _fetches(codec, limits)
    workers = 1 if limits is None else WORKERS_MAX
    blocks = _place(list(_lives(codec, fetches, workers)))
    return MemoryPlan(
        blocks=blocks,
        fetches=fetches,
        steps=_steps(codec),
        workers=workers,
        arena_bytes=_aligned(max(block.offset + block.bytes for block in blocks.values())),
        weights_bytes=BLOB_HEADER_BYTES + _monitor_bytes(codec) + sum(map(_parameter_bytes, codec.layers)),
        codebooks_bytes=BLOB_HEADER_BYTES + sum(_codebooks_bytes(quantizer) for quantizer in codec.quantizers.values()),
        window_bytes=4 * codec.samples * codec.channels,
        intake_bytes=intake_bytes(codec.layers[0], codec.arithmetic),
    )


def scratch_name(layer: Layer) -> str:
    """The block that ``layer`` fetches its weights, or its part of the window, into."""
    return f"{layer.name}_fetch"


def stage_name(stage: int) -> str:
    """The fetch of a stage of the quantizer for fixed-length packets."""
    return f"quantizer_stage{stage}"


def zeros_halfwords(codec: ExportedCodec) -> int:
    """Of the row that convolutions read outside their input."""
    return max((layer.input.channels for layer in codec.layers if isinstance(layer, Convolution)), default=0)


def history_samples(layer: Filter, fetch: Fetch, samples: int) -> int:
    """What a filter keeps of one channel: as many samples as it has taps, a block, and zeros after the window."""
    after = (layer.samples - 1) * layer.stride - layer.pad_left + layer.taps - samples
    whole = layer.taps + fetch.rows + after
    return whole + whole % 2


def intake_bytes(layer: Layer, arithmetic: Arithmetic) -> int:
    """Of what pushed samples become: what the first layer gives, and what its filters keep."""
    if isinstance(layer, Filter):
        return running_filter_bytes(layer, arithmetic) + 2 * len(layer.offset) * layer.samples
    assert isinstance(layer, Normalize), "a codec begins with one of the two"
    return 2 * layer.output.rows * layer.output.channels


def running_filter_bytes(layer: Filter, arithmetic: Arithmetic) -> int:
    """Of what filters keep of samples that come one by one: a sum for each output that has some, and a block."""
    outputs = -(-layer.taps // layer.stride)
    two_blocks = arithmetic == "dotpex" and layer.stride == 8 and layer.taps % 8 == 0
    samples = 16 if two_blocks else layer.stride + layer.stride % 2
    return len(layer.offset) * (RUNNING_SUM_BYTES[arithmetic] * outputs + 2 * samples)


def runs_abreast(quantizer: Quantizer) -> bool:
    """Whether stages of the chosen regime may have no coordinate in common: then none waits for another."""
    alone = quantizer.stages[quantizer.contested_stages :]
    return (quantizer.contested_stages > 0 and quantizer.tokens == 1 and len(alone) > 0
            and all(stage.coordinates is not None for stage in alone))


def coordinates_bytes(quantizer: Quantizer) -> int:
    """Of all stages."""
    return sum(int(stage.coordinates.nbytes) for stage in quantizer.stages if stage.coordinates is not None)


def _panels(columns: Half) -> tuple[int, int]:
    """How many panels ``columns`` [n, ...] make, and the bytes of each."""
    return panel_count(len(columns)), panel_bytes(math.prod(columns.shape[1:]))


def even_count(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """``values`` [n], with a zero at the end if they are odd in number: so that what follows is aligned."""
    return np.pad(values, (0, len(values) % 2))


def scalar_tables_bytes(quantizer: ScalarQuantizer) -> int:
    """Of what the quantizer of coded packets reads: steps, classes and costs."""
    scalars = quantizer.scalars
    arrays = (scalars.worth, scalars.steps, scalars.inverse_steps, scalars.zero, scalars.rounding, scalars.shifts,
              *4 * (scalars.reach,), scalars.classes, even_count(scalars.costs),
              even_count(scalars.regime_costs))  # four numbers of a class are as large as its reach
    return sum(array.nbytes for array in arrays)


def payload_bytes(quantizer: ScalarQuantizer) -> NDArray[np.uint16]:
    """That are enough for any window [rates]; they hang on a training's frequencies."""
    return np.array([*map(quantizer.scalars.payload_bytes, quantizer.stages_of_rate)], np.uint16)


def _codebooks_bytes(quantizer: AnyQuantizer) -> int:
    """All that the quantizer has in memory."""
    estimate = 0 if quantizer.estimate is None else sum(array.nbytes for array in quantizer.estimate.arrays().values())
    if isinstance(quantizer, ScalarQuantizer):
        sizes = even_count(payload_bytes(quantizer))
        return scalar_tables_bytes(quantizer) + quantizer.cumulative_frequencies.nbytes + sizes.nbytes + estimate
    panels = sum(math.prod(_panels(of_regime)) for stage in quantizer.stages for of_regime in stage.codewords)
    return coordinates_bytes(quantizer) + panels + estimate


def _parameter_bytes(layer: Layer) -> int:
    if isinstance(layer, Convolution):
        return math.prod(_panels(layer.weight)) + (0 if layer.slope is None else 4)
    if isinstance(layer, Normalize | Filter):
        return layer.offset.nbytes + layer.scale.nbytes + (layer.weight.nbytes if isinstance(layer, Filter) else 0)
    return 0


def _monitor_bytes(codec: ExportedCodec) -> int:
    return 0 if codec.monitor is None else sum(array.nbytes for array in codec.monitor.arrays().values())


def _fetches(codec: ExportedCodec, limits: Mapping[str, int]) -> dict[str, Fetch]:
    fetches = {}
    for layer in codec.layers:
        limit = limits[layer.name]
        if isinstance(layer, Normalize | Filter):  # whole tiles of outputs, whose pairs begin at even samples
            multiple = 4 * layer.stride if isinstance(layer, Filter) else 1
            fetches[layer.name] = fetch_in_blocks(codec.samples, 4 * codec.channels, limit, multiple)
        elif isinstance(layer, Convolution):
            fetches[layer.name] = fetch_in_blocks(*_panels(layer.weight), limit, CLUSTER_CORES)
    for number, stage in enumerate(codec.quantizer.stages):
        regimes = codec.quantizer.regimes if number < codec.quantizer.contested_stages else 1
        panels, row_bytes = _panels(stage.codewords[0])
        fetches[stage_name(number)] = fetch_in_blocks(regimes * panels, row_bytes, limits["quantizer"], CLUSTER_CORES)
    if runs_abreast(codec.quantizer):
        alone = codec.quantizer.stages[codec.quantizer.contested_stages :]
        largest = max(math.prod(_panels(stage.codewords[0])) for stage in alone)
        abreast = min(CLUSTER_CORES, len(alone), limits["quantizer"] // largest)
        fetches[ABREAST] = Fetch(abreast, largest, -(-len(alone) // max(1, abreast)))
    return fetches


def _uncopied(codec: ExportedCodec) -> dict[str, Fetch]:
    """All in one block."""
    whole = _fetches(codec, dict.fromkeys(_steps(codec), sys.maxsize))
    return {name: replace(fetch, copied=False) for name, fetch in whole.items()}


def fetch_in_blocks(rows: int, row_bytes: int, limit: int, multiple: int = 1) -> Fetch:
    """Equal blocks, as few as ``limit`` bytes allow; a row that is larger comes alone."""
    most = max(1, limit // row_bytes)
    if rows <= most:
        return Fetch(rows, row_bytes, 1)
    rows_of_block = -(-rows // -(-rows // most))
    rounded = -(-rows_of_block // multiple) * multiple
    if rounded > most:
        rounded = most - most % multiple or rows_of_block
    return Fetch(rounded, row_bytes, -(-rows // rounded))


def _lives(codec: ExportedCodec, fetches: Mapping[str, Fetch], workers: int) -> Iterator[Block]:
    """Every block with its life, not yet placed."""
    quantizer_step = len(codec.layers)
    copied = workers > 1
    used: dict[str, list[int]] = {codec.quantizer.latent.buffer: [quantizer_step]}
    if codec.monitor is not None:  # it looks at them once the layers are done
        looked_at = (codec.monitor.by_bin, codec.monitor.coefficients)
        used |= {view.buffer: [quantizer_step] for view in looked_at}
        yield Block("monitor_screened", 0, SCREENED_BYTES * codec.channels, 0, quantizer_step)
        energies = codec.monitor.bins.rows + codec.monitor.coefficients.channels
        yield Block("monitor_energies", 0, 4 * energies, quantizer_step, quantizer_step)
        yield Block("escape_distances", 0, 2 * codec.channels, quantizer_step, quantizer_step)
    for step, layer in enumerate(codec.layers):
        for view in layer.views:
            used.setdefault(view.buffer, []).append(step)
        if layer.name in fetches:
            yield Block(scratch_name(layer), 0, fetches[layer.name].bytes, step, step)
        if isinstance(layer, Normalize | Filter):
            yield Block(f"{layer.name}_weights", 0, _parameter_bytes(layer) if copied else 0, step, step)
        if isinstance(layer, Filter):
            samples = history_samples(layer, fetches[layer.name], codec.samples)
            kept = 2 * codec.channels * samples if copied else running_filter_bytes(layer, codec.arithmetic)
            yield Block(f"{layer.name}_history", 0, kept, step, step)
    for name, halfwords in codec.buffers.items():
        yield Block(name, 0, 2 * halfwords, min(used[name]), max(used[name]))
    yield Block("control", 0, VERDICT_BYTES * workers, 0, quantizer_step)
    yield Block("zeros", 0, 2 * zeros_halfwords(codec), 0, quantizer_step)
    abreast = fetches[ABREAST].rows if copied and ABREAST in fetches else 0
    scratch = _quantizer_scratch(codec.quantizer, workers, abreast) | {
        "quantizer_panels": 2 * panels_block_bytes(codec.quantizer, fetches) if copied else 0,
        "quantizer_coordinates": coordinates_bytes(codec.quantizer) if copied else 0}
    coded = {} if codec.coded is None else _scalars_scratch(codec.coded, workers, copied)
    for name, size in (scratch | coded).items():
        yield Block(name, 0, size, quantizer_step, quantizer_step)


def panels_block_bytes(quantizer: Quantizer, fetches: Mapping[str, Fetch]) -> int:
    """Room for one block of panels of any stage."""
    names = [*map(stage_name, range(len(quantizer.stages))), *([ABREAST] if runs_abreast(quantizer) else [])]
    blocks = (fetches[name] for name in names)
    return max(fetch.rows * fetch.row_bytes for fetch in blocks)


def _quantizer_scratch(quantizer: Quantizer, workers: int, abreast: int) -> dict[str, int]:
    """Bytes of what the stages, ``abreast`` of them at once, and the regimes if they compete, write down."""
    rows = quantizer.rows
    scratch = {"quantizer_nearest": 8 * rows * workers}
    if coordinates_bytes(quantizer):
        samples = max(stage.codewords.shape[2] for stage in quantizer.stages if stage.coordinates is not None)
        scratch["quantizer_queries"] = 2 * max(rows, abreast) * samples
    if quantizer.estimate is not None:
        scratch["quantizer_left"] = 4 * len(quantizer.stages_of_rate)
    if quantizer.contested_stages:
        scratch |= {"quantizer_candidates": 2 * rows * quantizer.contested_stages,
                    "quantizer_choice": CHOICE_BYTES}
    return scratch


def _scalars_scratch(quantizer: ScalarQuantizer, workers: int, copied: bool) -> dict[str, int]:
    """Bytes of what the quantizer of coded packets reads, and what its workers tell each other."""
    trials = max(quantizer.regimes, len(quantizer.stages_of_rate))
    return {"scalars_tables": scalar_tables_bytes(quantizer) if copied else 0,
            "scalars_missed": 4 * trials * quantizer.tokens,
            "scalars_found_costs": 4 * workers * quantizer.regimes,
            "scalars_choice": CHOICE_BYTES}


def _place(blocks: list[Block]) -> dict[str, Block]:
    placed: dict[str, Block] = {}
    # The control block is first in every arena: the C finds it there.
    for block in sorted(blocks, key=lambda block: (block.name != "control", -block.bytes, block.name)):
        neighbours = sorted(
            (other.offset, _aligned(other.offset + other.bytes)) for other in placed.values()
            if other.first_step <= block.last_step and block.first_step <= other.last_step)
        offset = 0
        for start, end in neighbours:
            if offset + block.bytes <= start:
                break
            offset = max(offset, end)
        placed[block.name] = replace(block, offset=offset)
    return {block.name: placed[block.name] for block in blocks}


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
