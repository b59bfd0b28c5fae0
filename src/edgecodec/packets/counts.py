"""The payload of a window without loss: a sensor's integer counts, as the window is wanted for retraining.

A count is predicted from the four before it on its channel, and the differences go to :mod:`.integers`, sample by
sample. Of four predictions the node takes the one with the least differences: the last count, the mean of two or of
four (where noise is most of what there is), or the line through two (where it is little). The first byte is its
number, or 0 for counts as they are, int32 sample by sample, where differences would take as much.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.integers import decode_integers, encode_integers

COUNT_MAX = (1 << 24) - 1  # in magnitude
_AS_THEY_ARE = 0
_QUARTERS = np.array([[4, 0, 0, 0], [2, 2, 0, 0], [1, 1, 1, 1], [8, -4, 0, 0]])  # of the last count, and so back


def encode_exact(counts: NDArray[np.int32]) -> bytes:
    """The payload of ``counts`` [channels, samples].

    Raises:
        EdgeCodecError: a count has more than 24 bits.
    """
    if np.abs(counts.astype(np.int64)).max() > COUNT_MAX:
        raise EdgeCodecError(f"counts: beyond {COUNT_MAX}; exact payloads are for converters of up to 24 bits")
    samples = counts.T.astype(np.int64)
    differences = [samples - _predicted(samples, quarters) for quarters in _QUARTERS]
    best = int(np.argmin([np.abs(each).sum() for each in differences]))
    coded = encode_integers(1 + best, differences[best].astype(np.int32))
    as_they_are = bytes([_AS_THEY_ARE]) + samples.astype("<i4").tobytes()
    return coded if len(coded) < len(as_they_are) else as_they_are


def decode_exact(payload: bytes, channels: int, samples: int) -> NDArray[np.int32]:
    """The counts [channels, samples] of a payload.

    Raises:
        EdgeCodecError: no window of that shape has such a payload.
    """
    longest = 1 + 4 * channels * samples
    counts = None
    if payload and payload[0] == _AS_THEY_ARE and len(payload) == longest:
        counts = np.frombuffer(payload, "<i4", offset=1).reshape(samples, channels).astype(np.int64)
    elif payload and 1 <= payload[0] <= len(_QUARTERS) and len(payload) < longest:
        differences = decode_integers(payload, samples, channels)
        counts = None if differences is None else _summed(differences.astype(np.int64), _QUARTERS[payload[0] - 1])
    if counts is None or np.abs(counts).max() > COUNT_MAX:
        raise EdgeCodecError(f"exact payload: no window of {channels} channels and {samples} samples has these "
                             f"{len(payload)} bytes; they are damaged, or the sender is faulty; leave them out")
    return counts.T.astype(np.int32)


def _predicted(counts: NDArray[np.int64], quarters: NDArray[np.int64]) -> NDArray[np.int64]:
    """Before the first count it was as the first one; that itself is predicted as 0."""
    moments = np.arange(len(counts))
    predicted = sum(quarter * counts[np.maximum(moments - lag, 0)] for lag, quarter in enumerate(quarters, 1)) >> 2
    predicted[0] = 0
    return np.asarray(predicted)


def _summed(differences: NDArray[np.int64], quarters: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """None where the counts leave their range."""
    counts = differences.copy()
    for moment in range(1, len(counts)):
        before = np.maximum(moment - np.arange(1, 5), 0)
        counts[moment] += quarters @ counts[before] >> 2
        if np.abs(counts[moment]).max() > COUNT_MAX:
            return None
    return counts
