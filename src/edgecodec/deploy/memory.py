"""Where everything lies: activations and scratch in L1 (the caller's arena), weights, codebooks and the window in L2.

Every block of the arena has a life: from the step that writes it first to the step that reads it last. Blocks whose
lives overlap get separate places; the others share. Largest blocks first, each at the lowest place that is free
(first fit by decreasing size, the common heuristic of TinyML planners). What a layer overwrites in place (a residual)
is one buffer already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgecodec.deploy.network import Convolution, ExportedCodec, Layer, Normalize, Quantizer, View
from edgecodec.errors import EdgeCodecError

ALIGNMENT = 16
WORKERS_MAX = 16  # EC_WORKERS_MAX
CONTROL_BYTES = 4 * WORKERS_MAX  # ec_control
REGIMES_MAX = 16  # EC_REGIMES_MAX
CHOICE_BYTES = 4 * (1 + REGIMES_MAX)  # ec_choice
BLOB_HEADER_BYTES = 40  # ec_blob
# Weights and codebooks are fetched in blocks of about this size: the paper's encoder leaves this much of 128 kB.
FETCH_BYTES = 6144
QUANTIZERS = ("quantizer", "coded_quantizer")  # names of ExportedCodec.quantizers


@dataclass(frozen=True)
class Fetch:
    """A layer's scratch: its weights arrive in blocks of whole rows."""

    rows: int  # per block: window rows, output channels or codewords
    row_bytes: int
    blocks: int

    @property
    def bytes(self) -> int:
        return self.rows * self.row_bytes


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
    fetches: Mapping[str, Fetch]  # by name of the layer or quantizer
    steps: tuple[str, ...]
    arena_bytes: int  # L1
    weights_bytes: int  # L2, header included
    codebooks_bytes: int
    window_bytes: int

    @property
    def l2_bytes(self) -> int:
        """What the codec needs besides code."""
        return self.weights_bytes + self.codebooks_bytes + self.window_bytes

    def address(self, view: View) -> int:
        """Byte offset of ``view`` in the arena."""
        return self.blocks[view.buffer].offset + 2 * view.offset

    def table(self) -> str:
        """The arena as a printable map."""
        lines = [f"{'offset':>8} {'bytes':>8}  {'block':24} life"]
        for block in sorted(self.blocks.values(), key=lambda block: (block.offset, block.first_step)):
            life = self.steps[block.first_step]
            if block.last_step != block.first_step:
                life += f" .. {self.steps[block.last_step]}"
            lines.append(f"{block.offset:8} {block.bytes:8}  {block.name:24} {life}")
        lines.append(f"{self.arena_bytes:17}  bytes of L1 arena")
        lines += [f"{size:17}  bytes of {what}" for size, what in (
            (self.weights_bytes, "weights (L2 or flash)"), (self.codebooks_bytes, "codebooks (L2 or flash)"),
            (self.window_bytes, "window, float32 (L2)"))]
        return "\n".join(lines) + "\n"


def plan_memory(codec: ExportedCodec, l1_bytes: int) -> MemoryPlan:
    """Place every buffer of ``codec`` in an arena of at most ``l1_bytes`` (stacks not counted).

    Raises:
        EdgeCodecError: it does not fit; the text names the first block that does not, and the bytes over.
    """
    fetches = _fetches(codec)
    steps = (*(layer.name for layer in codec.layers), "quantizer")
    blocks = _place(list(_lives(codec, fetches)))
    for block in sorted(blocks.values(), key=lambda block: block.offset + block.bytes):
        over = block.offset + block.bytes - l1_bytes
        if over > 0:
            raise EdgeCodecError(f"codec {codec.codec}: {block.name} ({block.bytes} bytes, in use at "
                                 f"{steps[block.first_step]}) ends {over} bytes over the {l1_bytes} bytes of L1; "
                                 "raise firmware.l1_bytes or make the network narrower")
    return MemoryPlan(
        blocks=blocks,
        fetches=fetches,
        steps=steps,
        arena_bytes=_aligned(max(block.offset + block.bytes for block in blocks.values())),
        weights_bytes=BLOB_HEADER_BYTES + sum(_parameter_bytes(layer) for layer in codec.layers),
        codebooks_bytes=BLOB_HEADER_BYTES + sum(_codebook_bytes(quantizer) for quantizer in codec.quantizers)
        + (0 if codec.coded is None else codec.coded.cumulative_frequencies.nbytes),
        window_bytes=4 * codec.samples * codec.channels,
    )


def scratch_name(layer: Layer) -> str:
    """The block that ``layer`` fetches its weights into."""
    return f"{layer.name}_fetch"


def _parameter_bytes(layer: Layer) -> int:
    if isinstance(layer, Normalize):
        return layer.offset.nbytes + layer.scale.nbytes
    return layer.weight.nbytes + layer.bias.nbytes if isinstance(layer, Convolution) else 0


def _fetches(codec: ExportedCodec) -> dict[str, Fetch]:
    fetches = {}
    for layer in codec.layers:
        if isinstance(layer, Normalize):
            fetches[layer.name] = _fetch(codec.samples, 4 * codec.channels)
        elif isinstance(layer, Convolution):
            fetches[layer.name] = _fetch(len(layer.weight), layer.weight[0].nbytes)
    for name, quantizer in zip(QUANTIZERS, codec.quantizers, strict=False):
        most = max(stage.norms.size for stage in quantizer.stages)
        fetches[name] = _fetch(most, 2 * _longest_codeword(quantizer) + 4)  # a codeword and its norm
    return fetches


def _codebook_bytes(quantizer: Quantizer) -> int:
    return sum(stage.codewords.nbytes + stage.norms.nbytes
               + (stage.coordinates.nbytes if stage.coordinates is not None else 0) for stage in quantizer.stages)


def _longest_codeword(quantizer: Quantizer) -> int:
    """Samples of the longest codeword of any stage."""
    return int(max(stage.codewords.shape[-1] for stage in quantizer.stages))


def _fetch(rows: int, row_bytes: int) -> Fetch:
    """Equal blocks, as few as :data:`FETCH_BYTES` allows; a row that is larger comes alone."""
    blocks = -(-rows // max(1, FETCH_BYTES // row_bytes))
    rows_of_block = -(-rows // blocks)
    return Fetch(rows_of_block, row_bytes, -(-rows // rows_of_block))


def _lives(codec: ExportedCodec, fetches: Mapping[str, Fetch]) -> Iterator[Block]:
    """Every block with its life, not yet placed."""
    quantizer_step = len(codec.layers)
    used: dict[str, list[int]] = {codec.quantizer.latent.buffer: [quantizer_step]}
    for step, layer in enumerate(codec.layers):
        for view in layer.views:
            used.setdefault(view.buffer, []).append(step)
        if layer.name in fetches:
            yield Block(scratch_name(layer), 0, fetches[layer.name].bytes, step, step)
    for name, halfwords in codec.buffers.items():
        yield Block(name, 0, 2 * halfwords, min(used[name]), max(used[name]))
    yield Block("control", 0, CONTROL_BYTES, 0, quantizer_step)
    scratch: dict[str, int] = {}
    for name, quantizer in zip(QUANTIZERS, codec.quantizers, strict=False):  # a window goes through one of them
        for block, size in _quantizer_scratch(quantizer, fetches[name]).items():
            scratch[block] = max(size, scratch.get(block, 0))
    for name, size in scratch.items():
        yield Block(name, 0, size, quantizer_step, quantizer_step)


def _quantizer_scratch(quantizer: Quantizer, fetch: Fetch) -> dict[str, int]:
    """Bytes of what the stages, and the regimes if they compete, fetch and write down."""
    rows = quantizer.rows
    scratch = {"quantizer_queries": 2 * rows * _longest_codeword(quantizer),
               "quantizer_nearest": 8 * rows * WORKERS_MAX, "quantizer_fetch": fetch.bytes}
    if quantizer.contested_stages:
        scratch |= {"quantizer_candidates": 2 * rows * quantizer.contested_stages,
                    "quantizer_choice": CHOICE_BYTES}
    return scratch


def _place(blocks: list[Block]) -> dict[str, Block]:
    placed: dict[str, Block] = {}
    # The control block is first in every arena: the C code finds it there.
    for block in sorted(blocks, key=lambda block: (block.name != "control", -block.bytes, block.name)):
        neighbours = sorted(
            (other.offset, _aligned(other.offset + other.bytes)) for other in placed.values()
            if other.first_step <= block.last_step and block.first_step <= other.last_step)
        offset = 0
        for start, end in neighbours:
            if offset + block.bytes <= start:
                break
            offset = max(offset, end)
        placed[block.name] = Block(block.name, offset, block.bytes, block.first_step, block.last_step)
    return {block.name: placed[block.name] for block in blocks}


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
