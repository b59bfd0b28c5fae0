"""Whatever the window, the error of what comes back is within the bound; what is damaged never raises anything but
EdgeCodecError."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from packets.escape_windows import WINDOWS, correlated_window

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.escape import decode, encode
from edgecodec.packets.integers import decode_integers, encode_integers

GOLDEN = {0.5: "8fff53d8d7", 0.01: "7cffffffa1057313ec3c72"}
GOLDEN_WINDOW = np.array([[3, -1.25, 0.5, 0], [2.75, -1.5, 0.25, 0], [2.5, -0.75, 0, 6e-8]], np.float16)


def squared_error(bins: NDArray[np.float16], decoded: NDArray[np.float32]) -> float:
    return float(np.square(decoded.astype(np.float64) - bins).sum())


@settings(max_examples=60, deadline=None)
@given(bins=WINDOWS, allowed=st.sampled_from([0, 1e-12, 1e-3, 0.3, 100, 1e6, 1e12, 3e38]))
@example(np.zeros((36, 88), np.float16), 0)
@example(np.full((1, 1), 65504, np.float16), 1)
@example(np.full((3, 5), 6e-8, np.float16), 0)
def test_the_bound_is_kept(bins: NDArray[np.float16], allowed: float) -> None:
    payload = encode(bins, allowed)
    assert len(payload) <= 1 + bins.nbytes
    assert squared_error(bins, decode(payload, *bins.shape)) <= allowed * (1 + 1e-5)


@pytest.mark.parametrize("allowed", [-1.0, float("nan")])
def test_a_bound_that_nothing_keeps_brings_the_bins_themselves(allowed: float) -> None:
    bins = correlated_window(1)
    assert encode(bins, allowed) == b"\0" + bins.tobytes()
    np.testing.assert_array_equal(decode(encode(bins, allowed), *bins.shape), bins)


def test_a_bound_is_used_up() -> None:
    """A step that is a 9th coarser or a rounding by a 32nd less would break it."""
    bins = correlated_window(2)
    for allowed in (0.1, 1, 10):
        assert squared_error(bins, decode(encode(bins, allowed), *bins.shape)) > 0.85 * allowed


def test_a_window_costs_what_it_holds() -> None:
    bins = correlated_window(3)
    noise = np.random.default_rng(3).normal(size=bins.shape).astype(np.float16)
    sizes = [len(encode(each, 0.01 * float(np.square(each.astype(np.float64)).sum())))
             for each in (np.zeros_like(bins), bins, noise)]
    assert sizes[0] <= 4  # thousands of zeros
    assert sizes[1] < 0.1 * sizes[2]
    white = (0.5 * np.log2(100) + 0.25) * noise.size / 8  # bytes for noise in steps, at best, where they are small
    assert 0.95 * white < sizes[2] < 1.1 * white


def test_golden_payloads() -> None:
    """The bytes on air are a promise to nodes in the field: they may change with the format version only."""
    assert {allowed: encode(GOLDEN_WINDOW, allowed).hex() for allowed in GOLDEN} == GOLDEN


def test_damage_is_refused_or_another_window() -> None:
    payload = bytes.fromhex(GOLDEN[0.01])
    intact = decode(payload, 3, 4)
    flipped = [(int.from_bytes(payload, "big") ^ 1 << bit).to_bytes(len(payload), "big")
               for bit in range(8 * len(payload))]
    cut = [payload[:size] for size in range(len(payload))]
    for damaged in (*flipped, *cut):
        with suppress(EdgeCodecError):
            assert not np.array_equal(decode(damaged, 3, 4), intact)


def test_what_no_encoder_writes_is_refused() -> None:
    bins = correlated_window(4)
    for payload in (encode(bins, 1), encode(bins, -1)):
        for faulty in (b"", payload + b"\0", payload + b"\1", b"\xf8" + payload[1:]):
            with pytest.raises(EdgeCodecError, match=f"these {len(faulty)} bytes"):
                decode(faulty, *bins.shape)
    with pytest.raises(EdgeCodecError):
        decode(encode(bins, -1)[:-1], *bins.shape)
    with pytest.raises(EdgeCodecError):
        decode(b"\0" + np.array([np.inf], np.float16).tobytes(), 1, 1)


@settings(max_examples=60, deadline=None)
@given(payload=st.binary(max_size=60))
def test_any_bytes_are_a_window_or_refused(payload: bytes) -> None:
    with suppress(EdgeCodecError):
        assert np.isfinite(decode(payload, 5, 7)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_window_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(EdgeCodecError, match="NaN or infinite"):
        encode(np.array([[1, value]], np.float16), 1)


@settings(max_examples=40, deadline=None)
@given(values=arrays.arrays(np.int32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.one_of(
    st.integers(-3, 3), st.integers(1 - 2**26, 2**26 - 1), st.sampled_from([1 - 2**26, 2**26 - 1]))))
def test_integers_of_any_size_come_back(values: NDArray[np.int32]) -> None:
    decoded = decode_integers(encode_integers(7, values), *values.shape)
    assert decoded is not None
    np.testing.assert_array_equal(decoded, values)
