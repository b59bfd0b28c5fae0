"""Some of the windows of a set: evenly spread, or without some conditions."""

import numpy as np
import pytest

from edgecodec.data.selection import leave_out, spread
from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError


@pytest.mark.parametrize("words", [("20m/s",), ("1.90Hz",), ("crack_15mm", "crack_20mm"), ("healthy", "10m/s")])
def test_every_window_is_either_left_out_or_not_by_its_condition(words: tuple[str, ...], train: WindowSet) -> None:
    rest, left_out = leave_out(train, words)
    for part, is_left_out in ((rest, False), (left_out, True)):
        conditions = {*part.condition, *(segment.condition for segment in part.description.segments)}
        assert conditions
        assert all(bool(set(words) & set(condition.split())) == is_left_out for condition in conditions)
    assert sorted(np.concatenate([rest.starts, left_out.starts])) == train.starts.tolist()
    assert {*rest.description.segments, *left_out.description.segments} == {*train.description.segments}


def test_what_is_left_has_the_windows_that_it_had(train: WindowSet) -> None:
    rest, _ = leave_out(train, ["20m/s"])
    which = np.flatnonzero(train.wind == 10)
    np.testing.assert_array_equal(rest.inputs(), train.inputs(which))
    np.testing.assert_array_equal(rest.targets(), train.targets(which))
    np.testing.assert_array_equal(rest.recording, train.recording[which])


def test_no_window_of_a_condition_that_was_left_out_is_drawn(train: WindowSet) -> None:
    rest, left_out = leave_out(train, ["added_mass"])
    allowed = {tuple(window[:, 0]) for segment in rest.description.segments
               for window in train.input_rows[segment.first_row:segment.first_row + segment.rows, :, None]}
    drawn = rest.draw(np.random.default_rng(0), 200).inputs
    assert all(tuple(window[:, 0]) in allowed for window in drawn)
    assert any(tuple(window[:, 0]) not in allowed for window in left_out.draw(np.random.default_rng(0), 20).inputs)


@pytest.mark.parametrize(("words", "message"), [
    (["10m/s", "crack_7mm"], r"params\.yaml: leave_out: crack_7mm is in no condition's name; they are like '0deg a"),
    (["10m/s", "20m/s"], r"params\.yaml: leave_out: every condition has one of 10m/s, 20m/s; leave out fewer"),
])
def test_words_that_leave_out_nothing_or_all_are_refused(words: list[str], message: str, train: WindowSet) -> None:
    with pytest.raises(EdgeCodecError, match=message):
        leave_out(train, words)


def test_windows_are_spread_from_the_first_to_the_last(train: WindowSet) -> None:
    which = spread(train, 10)
    assert (len(which), which[0], which[-1]) == (10, 0, len(train) - 1)
    assert np.ptp(np.diff(which)) <= 1
    assert spread(train, 10**6).tolist() == list(range(len(train)))
