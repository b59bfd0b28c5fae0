"""Entropy coding: there and back, at hardly more than its bits rounded up to bytes; what is damaged never passes for
what no sender writes."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from packets.entropy_tables import ideal_bits, likely_windows, payload_by_definition, random_tables

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.entropy import SLOTS, EntropyTables, quantize_frequencies

SMALL = EntropyTables(
    np.array([3000, 1096], np.uint16),
    ((np.array([2048, 1024, 1024], np.uint16), np.array([1, 4095], np.uint16), np.array([4096], np.uint16)),
     (np.array([4094, 1, 1], np.uint16), np.array([100, 200, 300, 3496], np.uint16), np.array([1, 4095], np.uint16))))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), regimes=st.integers(1, 16),
       alphabets=st.lists(st.sampled_from([1, 2, 3, 16, 64, 500, 4096]), max_size=30))
def test_every_window_comes_back_from_no_more_than_its_bits(
        data: st.DataObject, seed: int, regimes: int, alphabets: list[int]) -> None:
    tables = random_tables(seed, regimes, alphabets)
    regime = data.draw(st.integers(0, regimes - 1))
    window = [regime, *(data.draw(st.integers(0, words - 1)) for words in alphabets)]
    for stages in range(len(alphabets) + 1):
        sent = np.array([window[: 1 + stages]])
        (payload,) = tables.encode(sent)
        assert payload == payload_by_definition(tables, window[: 1 + stages])
        assert len(payload) <= math.ceil((ideal_bits(tables, window[: 1 + stages]) + (1 + stages) / 2800) / 8)
        assert len(payload) <= tables.size(stages)
        np.testing.assert_array_equal(tables.decode([payload], stages), sent)


def test_the_rounding_to_bytes_is_all_that_is_lost() -> None:
    tables = random_tables(1, regimes=8, alphabets=[64] * 60)
    windows = likely_windows(tables, 2000)
    entropy = [sum(-(table / SLOTS) @ np.log2(table / SLOTS) for table in of_regime)
               for of_regime in tables.word_frequencies] - np.log2(tables.regime_frequencies / SLOTS)
    bits = np.array([ideal_bits(tables, window) for window in windows.tolist()])
    np.testing.assert_allclose(bits.mean(), entropy[windows[:, 0]].mean(), rtol=0.02)
    sent = np.array([8 * len(payload) for payload in tables.encode(windows)])
    assert (sent < bits + 8 + 61 / 2800).all()
    assert 0 < (sent - bits).mean() < 3.5  # a byte that is sometimes saved, too


def test_golden_payloads() -> None:
    """The bytes on air are a promise to nodes in the field: they may change with the format version only."""
    payloads = {(0, 0, 0, 0): "", (0, 0, 1, 0): "01", (0, 2, 0, 0): "8ca0", (1, 0, 3, 1): "c6",
                (1, 2, 1, 0): "fffbb70b"}
    assert [payload.hex() for payload in SMALL.encode(np.array(list(payloads)))] == list(payloads.values())


@pytest.mark.parametrize("alphabets", [[4096] * 300, [2] * 300, [1] * 5, []], ids=len)
@pytest.mark.parametrize("regimes", [1, 5])
def test_extreme_windows(alphabets: list[int], regimes: int) -> None:
    """All first words, all last ones, and the rarest ones; from no bits to the most that are possible."""
    tables = random_tables(2, regimes, alphabets, concentration=0.01)
    for regime, of_regime in enumerate(tables.word_frequencies):
        rarest = [int(np.argmin(table)) for table in of_regime]
        windows = np.array([[regime, *words] for words in (
            [0] * len(alphabets), [words - 1 for words in alphabets], rarest)])
        payloads = tables.encode(windows)
        assert payloads == [payload_by_definition(tables, window) for window in windows.tolist()]
        np.testing.assert_array_equal(tables.decode(payloads, len(alphabets)), windows)
    assert tables.encode(np.zeros((1, 1 + len(alphabets)), int)) == [b""]


def test_many_windows_are_as_one_by_one() -> None:
    tables = random_tables(3, regimes=4, alphabets=[64, 1, 7, 300] * 5)
    windows = likely_windows(tables, 10_000)  # more than a block
    for stages in (20, 19, 6, 0):
        sent = windows[:, : 1 + stages]
        payloads = tables.encode(sent)
        for number in range(0, 10_000, 37):
            assert payloads[number] == payload_by_definition(tables, sent[number].tolist())
        np.testing.assert_array_equal(tables.decode(payloads, stages), sent)
    assert tables.decode([], 20).shape == (0, 21)


@settings(max_examples=300, deadline=None)
@given(payload=st.binary(max_size=12), stages=st.integers(0, 3))
def test_bytes_are_a_window_or_they_are_refused(payload: bytes, stages: int) -> None:
    try:
        decoded = SMALL.decode([b"", payload], stages)
    except EdgeCodecError as error:
        message = f"payload 1: no window of {stages} stages has these {len(payload)} bytes; they are damaged"
        assert str(error).startswith(message)  # noqa: PT017
    else:
        assert decoded.shape == (2, 1 + stages)
        assert SMALL.encode(decoded.astype(int)) == [b"", payload]


def test_flipped_bits_are_refused_or_another_window() -> None:
    """Spare bits reveal about two thirds of the damage; the packet's checksum is there for the rest."""
    tables = random_tables(4, regimes=4, alphabets=[64] * 24)
    flips = refused = 0
    windows = likely_windows(tables, 5)
    for window, payload in zip(windows, tables.encode(windows), strict=True):
        for bit in range(8 * len(payload)):
            damaged = (int.from_bytes(payload, "big") ^ 1 << bit).to_bytes(len(payload), "big")
            flips += 1
            try:
                (decoded,) = tables.decode([damaged], tables.stages)
            except EdgeCodecError:
                refused += 1
            else:
                assert (decoded != window).any()
    assert 0.5 < refused / flips < 0.9


@settings(max_examples=100, deadline=None)
@given(regime=st.integers(0, 1), data=st.data())
def test_a_payload_of_more_bytes_than_needed_is_refused(regime: int, data: st.DataObject) -> None:
    indices = [data.draw(st.integers(0, len(table) - 1)) for table in SMALL.word_frequencies[regime]]
    (payload,) = SMALL.encode(np.array([[regime, *indices]]))
    for more in (b"\0", b"\0\0", bytes(100), b"\1" * 9):
        with pytest.raises(EdgeCodecError, match=f"no window of 3 stages has these {len(payload + more)} bytes"):
            SMALL.decode([payload + more], 3)


@pytest.mark.parametrize(("regime", "indices", "message"), [
    (2, [0, 0, 0], "regime 2: the entropy tables are for 0 to 1"),
    (-1, [0, 0, 0], "regime -1: the entropy tables are for 0 to 1"),
    (0, [0, 2, 0], "stage 1: index 2, but regime 0 has 2 words there"),
    (1, [0, 0, -1], "stage 2: index -1, but regime 1 has 2 words there"),
    (0, [0, 0, 0, 0], "payload of 4 stages: the entropy tables are for at most 3"),
])
def test_what_cannot_be_encoded_is_refused(regime: int, indices: list[int], message: str) -> None:
    with pytest.raises(EdgeCodecError, match=message):
        SMALL.encode(np.array([[0] * (1 + len(indices)), [regime, *indices]]))


def test_more_stages_than_tables_cannot_be_decoded() -> None:
    with pytest.raises(EdgeCodecError, match="payload of 4 stages: the entropy tables are for at most 3"):
        SMALL.decode([b""], 4)


GOOD = quantize_frequencies([3, 1])


@pytest.mark.parametrize(("regimes", "words", "message"), [
    (GOOD - 1, ((GOOD,), (GOOD,)), "the regimes: frequencies must be at least 1 and sum to 4096"),
    (GOOD, ((GOOD,), (np.array([0, 4096], np.uint16),)), "regime 1, stage 0: frequencies must be at least 1"),
    (GOOD, ((GOOD,), (np.array([], np.uint16),)), "regime 1, stage 0: frequencies must be at least 1"),
    (GOOD, ((GOOD,),), "of 1 regimes, but the regimes' own table has 2"),
    (GOOD, ((GOOD,), (GOOD, GOOD)), "regime 1 has 2 stages, regime 0 has 1"),
])
def test_faulty_tables_are_refused(
        regimes: NDArray[np.uint16], words: tuple[tuple[NDArray[np.uint16], ...], ...], message: str) -> None:
    with pytest.raises(EdgeCodecError, match=message):
        EntropyTables(regimes, words)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=64).filter(any))
def test_frequencies_are_optimal(counts: list[int]) -> None:
    """As good as giving slot after slot to the word that it saves most bits: slow, and known to be optimal."""
    expected = np.ones(len(counts), int)
    queue = [(-count * math.log2(2), word) for word, count in enumerate(counts)]
    heapq.heapify(queue)
    for _ in range(SLOTS - len(counts)):
        word = queue[0][1]
        expected[word] += 1
        heapq.heapreplace(queue, (-counts[word] * math.log2((expected[word] + 1) / expected[word]), word))
    frequencies = quantize_frequencies(counts)
    assert frequencies.dtype == np.uint16
    assert frequencies.min() >= 1
    assert frequencies.sum(dtype=int) == SLOTS
    assert counts @ np.log2(frequencies.astype(float)) == pytest.approx(counts @ np.log2(expected), rel=1e-12)


@pytest.mark.parametrize("counts", [[], [0, 0], [1, -1], [1, math.nan], [1, math.inf], [1] * 4097, [[1, 2]]])
def test_counts_that_make_no_table_are_refused(counts: list[float]) -> None:
    with pytest.raises(EdgeCodecError, match="counts: "):
        quantize_frequencies(counts)
