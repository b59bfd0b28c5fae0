"""Some of the windows of a set: evenly spread, or without some conditions."""

from dataclasses import replace

import numpy as np
import pytest

from edgecodec.data.selection import folds, leave_out, spread
from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError


@pytest.mark.parametrize("words", [("20m/s",), ("1.90Hz",), ("crack_15mm", "crack_20mm"), ("healthy", "10m/s")])
def test_every_window_is_either_left_out_or_not_by_its_labels(words: tuple[str, ...], train: WindowSet) -> None:
    rest, left_out = leave_out(train, words)
    for part, is_left_out in ((rest, False), (left_out, True)):
        conditions = {*part.condition, *(segment.condition for segment in part.description.segments)}
        assert conditions
        assert all(bool(set(words) & set(condition.split())) == is_left_out for condition in conditions)
    assert sorted(np.concatenate([rest.starts, left_out.starts])) == train.starts.tolist()
    assert sorted([*rest.description.segments, *left_out.description.segments],
                  key=lambda segment: segment.first_row) == [*train.description.segments]


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


def of_labels(windows: WindowSet, labels: dict[str, dict[str, str]]) -> WindowSet:
    """``windows`` whose recordings of wind speed 10 and 20 have such ``labels``."""
    segments = tuple(segment.model_copy(update={"labels": labels[f"{segment.wind}"]})
                     for segment in windows.description.segments)
    return replace(windows, description=windows.description.model_copy(update={"segments": segments}))


def test_values_of_any_label_are_left_out_and_one_of_several_labels_must_say_of_which(train: WindowSet) -> None:
    people = of_labels(train, {"10": {"subject": "1", "session": "2"}, "20": {"subject": "2", "session": "2ä"}})
    for word, left in (("1", 10), ("2ä", 20), ("subject=2", 20), ("session=2", 10)):
        _, out = leave_out(people, [word])
        assert set(out.wind) == {left}
    with pytest.raises(EdgeCodecError, match="leave_out: 2 is a value of session and subject; write session=2"):
        leave_out(people, ["2"])


def test_recordings_without_labels_cannot_be_left_out(train: WindowSet) -> None:
    with pytest.raises(EdgeCodecError, match=r"20m/s is no value of a label; there are none: set data\.array\.labels"):
        leave_out(of_labels(train, {"10": {}, "20": {}}), ["20m/s"])


@pytest.mark.parametrize(("words", "message"), [
    (["10m/s", "crack_7mm"], r"params\.yaml: leave_out: crack_7mm is no value of a label; there are 0deg, 1.00Hz, "),
    (["10m/s", "20m/s"], r"params\.yaml: leave_out: every recording has one of 10m/s, 20m/s; leave out fewer"),
])
def test_words_that_leave_out_nothing_or_all_are_refused(words: list[str], message: str, train: WindowSet) -> None:
    with pytest.raises(EdgeCodecError, match=message):
        leave_out(train, words)


@pytest.mark.parametrize("label", [None, "damage"])
def test_every_recording_is_held_out_of_one_fold_and_no_value_of_the_label_is_on_both_sides(
        label: str | None, train: WindowSet) -> None:
    held_out = []
    for fitted, held in folds(train, 4, label, seed=0):
        held_out += [segment.recording for segment in held.description.segments]
        assert not set(fitted.recording) & set(held.recording)
        assert set(fitted.recording) | set(held.recording) == set(train.recording)
        assert label is None or not set(fitted.values(label)) & set(held.values(label))
    assert sorted(held_out) == sorted(segment.recording for segment in train.description.segments)


def test_more_folds_than_values_are_refused(train: WindowSet) -> None:
    with pytest.raises(EdgeCodecError, match=r"repeat\.folds: 7 folds take so many damages, and 6 train; lower it"):
        list(folds(train, 7, "damage", seed=0))


def test_windows_are_spread_from_the_first_to_the_last(train: WindowSet) -> None:
    which = spread(train, 10)
    assert (len(which), which[0], which[-1]) == (10, 0, len(train) - 1)
    assert np.ptp(np.diff(which)) <= 1
    assert spread(train, 10**6).tolist() == list(range(len(train)))
