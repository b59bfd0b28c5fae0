"""The payload of a window that the learned bases do not span: all its cosine bins, with a bound on their error.

The bins are divided by one step and rounded to integers, which :mod:`.integers` codes. The node takes the coarsest
step that keeps the bound, then rounds towards zero as much as the bound still allows: that makes no difference to the
receiver, and fewer bits. It measures the error of what it sends, so that **no payload is beyond its bound**, whatever
the window. Where no step will do, or the integers would take as much as the float16 themselves, it sends those.

The first byte says which: 0 for the bins as they are, else the step. There are six steps to an octave, from 2**-24, the
least float16, to 2**17, to which every bin is 0. All arithmetic is float32 in a fixed order. Integers are below 2**18
and steps have 6 bits, so that what the receiver gets, and each bin's error, is exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.integers import decode_integers, encode_integers

AS_THEY_ARE = 0  # codes of steps begin at 1
_MANTISSAS = np.array([32, 36, 40, 45, 51, 57], np.float32) / np.float32(32)
_FINEST_EXPONENT = -24
_STEPS = 247
_INTEGER_MAX = np.float32(1 << 18)  # times a mantissa's 6 bits: exact in float32
_ROUNDING_UNIT = np.float32(1 / 32)
_ROUNDING_MOST, _ROUNDING_LEAST = 14, 8  # 1/2 would round to nearest


def encode(bins: NDArray[np.float16], allowed: float) -> bytes:
    """The payload of a window.

    Args:
        bins: [channels, bins].
        allowed: the most that the squares of all bins' errors may add up to, in the bins' unit squared. (The sum is of
            float32, and so right to a part in 10**5.)

    Raises:
        EdgeCodecError: a bin is not finite.
    """
    if not np.isfinite(bins).all():
        raise EdgeCodecError("bins: NaN or infinite; a window with such a sample cannot be sent")
    as_they_are = bytes([AS_THEY_ARE]) + bins.astype("<f2").tobytes()
    magnitudes = np.abs(bins.astype(np.float32))
    code = _coarsest_step(magnitudes, np.float32(allowed))
    if code == AS_THEY_ARE:
        return as_they_are
    rounding = _least_rounding(magnitudes, code, np.float32(allowed))
    integers = _quantize(magnitudes, code, rounding).astype(np.int32)
    coded = encode_integers(code, np.where(np.signbit(bins), -integers, integers).T)
    return coded if len(coded) < len(as_they_are) else as_they_are


def decode(payload: bytes, channels: int, bins: int) -> NDArray[np.float32]:
    """The bins [channels, bins] of a payload.

    Raises:
        EdgeCodecError: no window of that shape has such a payload.
    """
    most = longest(channels, bins)
    if payload and payload[0] == AS_THEY_ARE and len(payload) == most:
        values = np.frombuffer(payload, "<f2", offset=1).reshape(channels, bins).astype(np.float32)
        if np.isfinite(values).all():
            return values
    elif payload and 1 <= payload[0] <= _STEPS and len(payload) < most:
        integers = decode_integers(payload, bins, channels)
        if integers is not None and np.abs(integers).max() < _INTEGER_MAX:
            return integers.T.astype(np.float32) * _step(payload[0])
    raise EdgeCodecError(f"escape payload: no window of {channels} channels and {bins} bins has these {len(payload)} "
                         "bytes; they are damaged, or the sender is faulty; leave them out")


def longest(channels: int, bins: int) -> int:
    """Bytes that are enough for the payload of any window."""
    return 1 + 2 * channels * bins


def _step(code: int) -> np.float32:
    octave, place = divmod(code - 1, len(_MANTISSAS))
    return np.float32(_MANTISSAS[place] * np.float32(2.0 ** (_FINEST_EXPONENT + octave)))


def _inverse(code: int) -> np.float32:
    return np.float32(1) / _step(code)


def _quantize(magnitudes: NDArray[np.float32], code: int, rounding: int) -> NDArray[np.float32]:
    steps: NDArray[np.float32] = np.floor(magnitudes * _inverse(code) + np.float32(rounding) * _ROUNDING_UNIT)
    return steps


def _error(magnitudes: NDArray[np.float32], code: int, rounding: int) -> np.float32:
    """Squared, of all bins: added up channel by channel, then the channels' sums; each in order."""
    errors = magnitudes - _quantize(magnitudes, code, rounding) * _step(code)
    of_channels = np.add.accumulate(errors * errors, axis=1, dtype=np.float32)[:, -1]
    return np.float32(np.add.accumulate(of_channels, dtype=np.float32)[-1])


def _coarsest_step(magnitudes: NDArray[np.float32], allowed: np.float32) -> int:
    """By bisection: one whose error is allowed, while that of the next coarser one is not. 0 if there is none."""
    peak = magnitudes.max()
    kept = next(code for code in range(1, _STEPS + 1) if peak * _inverse(code) < _INTEGER_MAX - 1)
    if not _error(magnitudes, kept, _ROUNDING_MOST) <= allowed:
        return AS_THEY_ARE
    broken = _STEPS + 1
    while broken - kept > 1:
        middle = (kept + broken) // 2
        if _error(magnitudes, middle, _ROUNDING_MOST) <= allowed:
            kept = middle
        else:
            broken = middle
    return kept


def _least_rounding(magnitudes: NDArray[np.float32], code: int, allowed: np.float32) -> int:
    """By bisection, too, in 32nds of a step."""
    kept, broken = _ROUNDING_MOST, _ROUNDING_LEAST - 1
    while kept - broken > 1:
        middle = (kept + broken) // 2
        if _error(magnitudes, code, middle) <= allowed:
            kept = middle
        else:
            broken = middle
    return kept
