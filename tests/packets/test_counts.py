"""Counts come back as they were; what no encoder writes is refused."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from packets.count_windows import COUNTS, noisy_counts

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.counts import COUNT_MAX, decode_exact, encode_exact

GOLDEN = "04ff7e22a568"
GOLDEN_COUNTS = np.array([[5, 6, 8, 7, 5], [4, 6, 9, 7, 4]], np.int32)


@settings(max_examples=60, deadline=None)
@given(counts=COUNTS)
def test_counts_come_back(counts: NDArray[np.int32]) -> None:
    payload = encode_exact(counts)
    assert len(payload) <= 1 + counts.nbytes
    np.testing.assert_array_equal(decode_exact(payload, *counts.shape), counts)


@pytest.mark.parametrize(("slope", "noise", "prediction"), [(0, 0, 1), (40, 100, 2), (0, 100, 3), (9000, 1, 4)])
def test_the_prediction_suits_the_course(slope: float, noise: float, prediction: int) -> None:
    counts = noisy_counts(1, slope, noise)
    payload = encode_exact(counts)
    assert payload[0] == prediction
    entropy = np.log2(max(noise, 1) * np.sqrt(2 * np.pi * np.e)) if noise else 0  # bits of a count, nothing predicted
    assert len(payload) < (entropy + 2.5) * counts.size / 8


def test_golden_payload() -> None:
    """The bytes on air are a promise to nodes in the field: they may change with the format version only."""
    assert encode_exact(GOLDEN_COUNTS).hex() == GOLDEN


def test_damage_is_refused_or_another_window() -> None:
    payload = bytes.fromhex(GOLDEN)
    for bit in range(8 * len(payload)):
        damaged = (int.from_bytes(payload, "big") ^ 1 << bit).to_bytes(len(payload), "big")
        with suppress(EdgeCodecError):
            assert not np.array_equal(decode_exact(damaged, 2, 5), GOLDEN_COUNTS)
    for faulty in (b"", payload + b"\0", payload + b"\1", b"\5" + payload[1:], b"\0" + bytes([255, 255, 255, 1] * 10)):
        with pytest.raises(EdgeCodecError, match=f"these {len(faulty)} bytes"):
            decode_exact(faulty, 2, 5)


@settings(max_examples=40, deadline=None)
@given(payload=st.binary(max_size=60))
def test_any_bytes_are_a_window_or_refused(payload: bytes) -> None:
    with suppress(EdgeCodecError):
        assert np.abs(decode_exact(payload, 3, 4)).max() <= COUNT_MAX


@pytest.mark.parametrize("count", [COUNT_MAX + 1, -COUNT_MAX - 1, -(2**31)])
def test_counts_of_more_bits_are_refused(count: int) -> None:
    with pytest.raises(EdgeCodecError, match="24 bits"):
        encode_exact(np.array([[1, count]], np.int32))
