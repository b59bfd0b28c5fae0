"""How many damaged frames pass for sound ones, and how short frames are: ``edgecodec benchmark frames``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.packets.airtime import lora_seconds
from edgecodec.packets.frame import POLYNOMIAL, frame_bytes
from edgecodec.packets.link import CHECKSUM_BYTES, Link
from edgecodec.packets.packet import PacketFormat
from edgecodec.progress import progress
from edgecodec.storage import rounded

BATCH = 50_000
FLIPPED = (1, 2, 3, 4, 5, 6, 8)  # bits of a frame
BURSTS = (16, 32)  # bits from the first flipped one to the last
BIT_ERROR_RATES = (1e-5, 1e-4, 1e-3)  # of a radio, independent ones
SPREADING_FACTORS = (7, 8, 9, 10)
Bytes = NDArray[np.uint8]


def frames_json(form: PacketFormat, window_bits: int, window_seconds: float, count: int, seed: int) -> dict[str, Any]:
    """Sizes of packets and frames, and what passes of ``count`` damaged frames in each way.

    Args:
        window_bits: of a window of float32.
        window_seconds: from one window to the next.
    """
    size = frame_bytes(form, 1, Link.RADIO)
    passed = {name: _passed(name, form, size, count, seed) for name in progress(_damages(), "Damaging frames")}
    return {
        "rates": {str(rate): _sizes(form, rate, window_bits, window_seconds) for rate in form.rates},
        "damaged": {"frame_bytes": size, "of_each": count, "passed": passed},
        "wrong_windows_per_billion": {
            f"{rate:g}": rounded(_wrong_per_billion(rate, 8 * size, passed, count)) for rate in BIT_ERROR_RATES},
    }


def _sizes(form: PacketFormat, rate: int, window_bits: int, window_seconds: float) -> dict[str, Any]:
    sizes = {"packet": form.packet_bytes(rate), **{link.value: frame_bytes(form, rate, link) for link in Link}}
    return {name: {
        "bytes": size, "ratio_on_air": rounded(window_bits / (8 * size)),
        "lora_milliseconds": {str(factor): rounded(1000 * lora_seconds(size, factor)) for factor in SPREADING_FACTORS},
        "lora_duty_cycle": {str(factor): rounded(lora_seconds(size, factor) / window_seconds)
                            for factor in SPREADING_FACTORS},
    } for name, size in sizes.items()}


def _damages() -> list[str]:
    return [*(f"{count} bits flipped" for count in FLIPPED), *(f"burst of {length} bits" for length in BURSTS),
            "any bytes", "of another model"]


def _passed(damage: str, form: PacketFormat, size: int, count: int, seed: int) -> int:
    """How many of ``count`` frames of ``size`` bytes pass."""
    generator = np.random.default_rng([seed, _damages().index(damage)])
    return sum(_passed_at_once(damage, form, size, min(BATCH, count - first), generator)
               for first in range(0, count, BATCH))


def _passed_at_once(damage: str, form: PacketFormat, size: int, count: int, generator: np.random.Generator) -> int:
    start = np.full(count, int.from_bytes(form.model_id[:CHECKSUM_BYTES], "little"), np.uint16)
    frames = generator.integers(0, 256, (count, size), np.uint8)
    if damage == "any bytes":
        return int((checksums(frames, start) == 0).sum())
    # Behind its own checksum the register is zero.
    frames[:, -CHECKSUM_BYTES:] = checksums(frames[:, :-CHECKSUM_BYTES], start).view(np.uint8).reshape(count, -1)
    if damage == "of another model":
        start = generator.integers(0, 1 << 16, count, np.uint16)
        return int((checksums(frames, start) == 0).sum())
    return int((checksums(frames ^ _flips(damage, size, count, generator), start) == 0).sum())


def _flips(damage: str, size: int, count: int, generator: np.random.Generator) -> Bytes:
    number = int("".join(filter(str.isdigit, damage)))
    bits = np.zeros((count, 8 * size), np.uint8)
    rows = np.arange(count)
    if damage.startswith("burst"):
        first = generator.integers(0, 8 * size - number, count)
        inside = generator.integers(0, 2, (count, number), np.uint8)
        inside[:, [0, -1]] = 1
        bits[rows[:, None], first[:, None] + np.arange(number)] = inside
    else:
        places = generator.random((count, 8 * size), np.float32).argpartition(number, axis=1)[:, :number]
        bits[rows[:, None], places] = 1
    return np.packbits(bits, axis=1, bitorder="little")


def checksums(data: Bytes, start: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Of n frames at once, [n, bytes], whose registers begin with ``start`` [n]."""
    register = start.copy()
    for column in data.T:
        register = register >> np.uint16(8) ^ _TABLE[(register ^ column) & 0xFF]
    return register


def _table() -> Iterator[int]:
    for register in range(256):
        for _ in range(8):
            register = register >> 1 ^ (POLYNOMIAL if register & 1 else 0)
        yield register


_TABLE = np.fromiter(_table(), np.uint16, 256)


def _wrong_per_billion(bit_error_rate: float, bits: int, passed: Mapping[str, int], count: int) -> float:
    """Frames that pass with flipped bits. What was not tried, of many bits, passes as any bytes do."""
    share = passed["any bytes"] / count
    tried = {number: passed[f"{number} bits flipped"] / count for number in FLIPPED}
    return 1e9 * sum(math.comb(bits, number) * bit_error_rate**number * (1 - bit_error_rate)**(bits - number)
                     * tried.get(number, share) for number in range(1, 33))
