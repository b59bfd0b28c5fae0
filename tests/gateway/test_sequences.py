"""What sequence numbers tell, and when windows began by them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecodec.gateway.sequences import BEHIND, Sequence
from edgecodec.gateway.starts import PACED, Starts
from edgecodec.gateway.traffic import Traffic

INTERVAL = 8.0


def traffic(sequences: Iterable[int]) -> Traffic:
    followed, found = Sequence(), Traffic()
    found.follow([followed.follow(each) for each in sequences])
    return found


@pytest.mark.parametrize(("numbers", "missing", "late"), [
    ([1, 2, 3], 0, 0),
    ([1, 4, 5], 2, 0),
    ([1, 3, 2], 0, 1),
    ([65534, 65535, 1], 1, 0),
    ([65535, 1, 0], 0, 1),
    ([1, 2, 1], 0, 0),
])
def test_sequence_numbers_tell_what_is_missing_or_late(numbers: list[int], missing: int, late: int) -> None:
    assert traffic(numbers) == Traffic(missing=missing, late=late)


@pytest.mark.parametrize("newest", [5, 40000])
def test_a_node_that_starts_anew_misses_nothing(newest: int) -> None:
    assert traffic([newest - 1, newest, 0, 1]) == Traffic(restarts=1)


@given(st.integers(0, 65535), st.lists(st.integers(1, 30000), max_size=20))
def test_numbers_go_on_behind_65535(first: int, steps: list[int]) -> None:
    sent = np.cumsum([first, *steps]).tolist()
    sent = [each for each in sent if each % 65536 or each == first]  # a 0 behind lost ones tells of a restart
    followed = Sequence()
    assert [followed.follow(each % 65536).number for each in sent] == sent


@given(st.integers(BEHIND, 60000), st.integers(1 - BEHIND, 256 - BEHIND))
def test_eight_bits_give_the_number_of_a_frame_behind_or_ahead(newest: int, ahead: int) -> None:
    followed = Sequence()
    followed.follow(newest)
    least, sent = followed.least_of_frames, newest + ahead
    assert least + (sent - least) % 256 == sent


def starts(arrivals: Iterable[tuple[int, float]]) -> list[float]:
    followed = Starts()
    return [followed.follow(number, arrival, INTERVAL, INTERVAL) for number, arrival in arrivals]


def end_of(number: int) -> float:
    return 1e9 + (number + 1) * INTERVAL


def test_delays_do_not_move_the_starts() -> None:
    delays = np.random.default_rng(1).exponential(2, 300)
    delays[100:200] += end_of(200) - np.array([end_of(k) for k in range(100, 200)])  # the broker held these back
    delays[5] = 0.01
    began = starts((k, end_of(k) + delays[k]) for k in range(300))
    np.testing.assert_allclose(began[5:], [end_of(k) - INTERVAL for k in range(5, 300)], atol=1.5)


def test_the_starts_follow_a_clock_that_is_slow() -> None:
    slow = 1 + 50e-6  # four seconds a day
    began = starts((k, 1e9 + (k + 1) * INTERVAL * slow + 0.1) for k in range(10800))
    assert abs(began[-1] - (1e9 + 10799 * INTERVAL * slow)) < 0.2


def test_a_pause_that_numbers_do_not_show_is_believed_after_some_arrivals() -> None:
    pause = 3600
    arrivals = [(k, end_of(k) + pause * (k >= 20)) for k in range(20 + 2 * PACED)]
    wrong = [k for (k, arrival), began in zip(arrivals, starts(arrivals), strict=True)
             if abs(arrival - INTERVAL - began) > 1]
    assert 0 < len(wrong) < 2 * PACED
    assert max(wrong) < 20 + 2 * PACED - 1
