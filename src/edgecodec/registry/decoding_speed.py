"""How fast packets are decoded, by ONNX Runtime as registered models do it, and by torch for comparison."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from edgecodec.packets.decoder import PacketDecoder
from edgecodec.packets.indices import Indices
from edgecodec.packets.network import load_codec
from edgecodec.packets.packet import PacketFormat, pack, unpack

Engine = Literal["onnxruntime", "torch"]
Decode = Callable[[Sequence[bytes]], object]
BATCHES = tuple(2**power for power in range(11))  # 1 to 1024
SECONDS = 1.0  # per figure, on average
LEAST_ROUNDS = 3
TURN_SECONDS = 0.01  # small batches are called again and again in their turn


@dataclass(frozen=True)
class Speed:
    """From packets in memory to windows in memory."""

    engine: Engine
    cores: int
    batch: int  # packets per call
    milliseconds_per_window: float
    windows_per_second: float


def measure(artifacts: Path, cores: Sequence[int], batches: Sequence[int] = BATCHES,
            seconds: float = SECONDS) -> Iterator[Speed]:
    """The speed of both engines on so many cores, for packets of the highest rate.

    Raises:
        EdgeCodecError: an output of the pipeline is absent or damaged.
    """
    form = PacketFormat.of(load_codec(artifacts / "float16"))
    packets = random_packets(form, max(batches))
    for engine in (onnxruntime_engine, torch_engine):
        for count in cores:
            name, decode = engine(artifacts, count)
            for batch, took in _fastest_seconds(decode, packets, batches, seconds).items():
                yield Speed(name, count, batch, 1e3 * took / batch, batch / took)


def random_packets(form: PacketFormat, count: int) -> list[bytes]:
    """Sound packets of the highest rate, of no window in particular."""
    generator, payloads = np.random.default_rng(0), form.fixed_length
    regime = generator.integers(payloads.regimes, size=count, dtype=np.uint16)
    words = generator.integers(np.array(payloads.codewords)[:, np.newaxis],
                               size=(count, len(payloads.codewords), payloads.tokens), dtype=np.uint16)
    return [pack(form, form.rates[-1], number % 0x10000, each)
            for number, each in enumerate(Indices(regime, words))]


def onnxruntime_engine(artifacts: Path, cores: int) -> tuple[Engine, Decode]:
    """As the registered model decodes."""
    return "onnxruntime", PacketDecoder.open(artifacts / "receiver", artifacts / "float16", cores).decode


def torch_engine(artifacts: Path, cores: int) -> tuple[Engine, Decode]:
    """With the networks as they were trained. Sets torch's threads, for the whole process."""
    import torch

    from edgecodec.model.codec import load_model

    torch.set_num_threads(cores)
    codec, form = load_model(artifacts / "model"), PacketFormat.of(load_codec(artifacts / "float16"))

    def decode(packets: Sequence[bytes]) -> object:
        indices = Indices.joined([unpack(form, packet).indices[None] for packet in packets])
        return codec.decode(indices, form.rates[-1])

    return "torch", decode


def _fastest_seconds(decode: Decode, packets: Sequence[bytes], batches: Sequence[int],
                     seconds: float) -> dict[int, float]:
    """Of the calls with so many packets. Slower ones tell what else the machine was doing; the sizes take turns, so
    that each has its chance at a quiet moment."""
    fastest = dict.fromkeys(batches, math.inf)
    end, rounds = time.perf_counter() + seconds * len(batches), 0
    while rounds < LEAST_ROUNDS or time.perf_counter() < end:
        for batch in batches:
            fastest[batch] = min(fastest[batch], _fastest_of_turn(decode, packets[:batch]))
        rounds += 1
    return fastest


def _fastest_of_turn(decode: Decode, packets: Sequence[bytes]) -> float:
    fastest, end = math.inf, time.perf_counter() + TURN_SECONDS
    while (start := time.perf_counter()) < end:
        decode(packets)
        fastest = min(fastest, time.perf_counter() - start)
    return fastest
