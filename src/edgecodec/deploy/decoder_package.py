"""Writes the decoder in C: sources that no model changes, and all of one model in one file.

::

    edgecodec_decoder.h                       the API
    decoder.c network.c coded.c series.c ...  and what they need of the node's kernels
    examples/decode.c  Makefile  README.md    a program, and how to build it
    receiver.ecd                              the model

``receiver.ecd`` is 32-bit words, little-endian: a header (``ec_model_header`` of model.h), then what it names by the
word where it begins. A float is float32; the network's constants, codewords and coordinates are arrays without gaps.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.deploy.receiver_steps import Network, Tensor, receiver_steps
from edgecodec.errors import EdgeCodecError
from edgecodec.packaged import packaged
from edgecodec.packets.entropy import cumulative_frequencies
from edgecodec.packets.monitor import error_edges
from edgecodec.packets.network import ExportedCodec, Quantizer, ScalarQuantizer
from edgecodec.storage import replacing_directory

MODEL = "receiver.ecd"
MAGIC, VERSION = b"ECDR", 3
_KERNELS = ("checksum.c", "checksum.h", "series_numbers.c", "series_numbers.h")
_CHECKED_FROM = 4  # words: magic, version, bytes and checksum are before
_HEADER_WORDS = 40
_IN_FILE, _IN_MEMORY = 0, 1


def write_decoder(codec: ExportedCodec, receiver: Path, folder: Path) -> None:
    """Write the decoder of ``codec``, whose network is in the folder ``receiver``, whole or not at all.

    Raises:
        EdgeCodecError: the network has what the decoder does not know, or ``folder`` has something else.
    """
    if folder.exists() and not (folder / MODEL).is_file():
        raise EdgeCodecError(f"{folder}: is there and no decoder; give another folder, or remove it")
    content = model_file(codec, receiver_steps(codec, receiver))
    with replacing_directory(folder) as temporary:
        shutil.copytree(packaged("decoder"), temporary, dirs_exist_ok=True)
        shutil.copy(packaged("firmware/include") / "edgecodec.h", temporary)
        for name in _KERNELS:
            shutil.copy(packaged("firmware/kernels") / name, temporary)
        (temporary / MODEL).write_bytes(content)


class _Words:
    """A file that grows word by word."""

    def __init__(self) -> None:
        self.parts: list[bytes] = [bytes(4 * _HEADER_WORDS)]
        self.count = _HEADER_WORDS

    def add(self, values: NDArray[Any] | Iterable[int]) -> int:
        """The word where ``values`` begin: float32, uint16, or integers of 32 bits."""
        array = values if isinstance(values, np.ndarray) else np.array(list(values), np.uint32)
        content = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        content += bytes(-len(content) % 4)
        start, self.count = self.count, self.count + len(content) // 4
        self.parts.append(content)
        return start


def model_file(codec: ExportedCodec, network: Network) -> bytes:
    """What ``receiver.ecd`` holds."""
    words = _Words()
    quantizer = codec.quantizer
    places, memory = _places(network)
    constants: dict[int, int] = {}  # words, by the array
    steps: list[int] = []
    for step in network.steps:
        steps += [step.operation, *step.extents]
        for operand in step.operands:
            root = operand.root
            if operand.is_constant:
                if id(root) not in constants:
                    constants[id(root)] = words.add(root)
                where = [_IN_FILE, constants[id(root)] + operand.start]
            else:
                where = [_IN_MEMORY, places[id(root)] + operand.start]
            steps += [*where, operand.regime_stride, *operand.strides]
    header = [codec.channels, codec.samples, quantizer.tokens, quantizer.latent.channels, quantizer.regimes,
              len(quantizer.stages_of_rate), words.add(error_edges()), len(network.steps), words.add(steps), memory,
              places[id(network.sums.root)], places[id(network.windows.root)] + network.windows.start,
              *_codebooks(words, quantizer), *_coded(words, codec.coded), codec.monitor is not None]
    body = b"".join([bytes.fromhex(codec.model_hash), np.array(header, "<u4").tobytes()])
    assert len(body) + 4 * _CHECKED_FROM <= 4 * _HEADER_WORDS
    checked = body.ljust(4 * (_HEADER_WORDS - _CHECKED_FROM), b"\0") + b"".join(words.parts[1:])
    return MAGIC + np.array([VERSION, 4 * words.count, zlib.crc32(checked)], "<u4").tobytes() + checked


def _codebooks(words: _Words, quantizer: Quantizer) -> list[int]:
    """``ec_codebooks``."""
    stages: list[int] = []
    for stage in quantizer.stages:
        regimes, codewords, samples = stage.codewords.shape
        whole = np.broadcast_to(np.arange(samples), (regimes, samples))
        coordinates = whole if stage.coordinates is None else stage.coordinates
        stages += [codewords, samples, words.add(coordinates.astype(np.uint32)),
                   words.add(stage.codewords.astype(np.float32))]
    return [len(quantizer.stages), words.add(quantizer.stages_of_rate), words.add(stages)]


def _coded(words: _Words, quantizer: ScalarQuantizer | None) -> list[int]:
    """``ec_coded``: zeros if the model has no such packets."""
    if quantizer is None:
        return [0] * 4
    scalars = quantizer.scalars
    classes: list[int] = []
    for reach, bits, shifts, table in zip(scalars.reach.tolist(), scalars.fine_bits.tolist(), scalars.shifts,
                                          scalars.tables, strict=True):
        classes += [reach, bits, *shifts.view(np.uint32).tolist(), words.add(cumulative_frequencies(table))]
    return [words.add(classes), words.add(scalars.classes), words.add(scalars.steps),
            words.add(cumulative_frequencies(scalars.regime_frequencies))]


def _places(network: Network) -> tuple[dict[int, int], int]:
    """Where in memory every array is that is no constant, by its identity, and how much memory that takes, in floats.

    Each is at the lowest place that is free from the first step that touches it to the last.
    """
    lives: dict[int, list[int]] = {id(network.sums.root): [-1, -1]}
    sizes = {id(network.sums.root): network.sums.root.size}
    for number, step in enumerate(network.steps):
        for operand in _in_memory(step.operands):
            sizes[id(operand.root)] = operand.root.size
            lives.setdefault(id(operand.root), [number, number])[1] = number
    lives[id(network.windows.root)][1] = len(network.steps)
    places: dict[int, int] = {}
    for array, (first, last) in lives.items():
        taken = sorted((places[other], places[other] + sizes[other]) for other in places
                       if lives[other][0] <= last and lives[other][1] >= first)
        place = 0
        for start, end in taken:
            if place + sizes[array] <= start:
                break
            place = max(place, end)
        places[array] = place
    return places, max(places[array] + sizes[array] for array in places)


def _in_memory(operands: Iterable[Tensor]) -> Iterable[Tensor]:
    return (operand for operand in operands if not operand.is_constant)
