"""What nodes sent goes beside the recordings of another source: as windows, with a share of its own in trainings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from field_recordings import write_field

from edgecodec.data.acquisition import acquire
from edgecodec.data.recordings import is_beside, lists_in
from edgecodec.data.validation import validate
from edgecodec.data.windows import WindowSet, write_windows
from edgecodec.errors import EdgeCodecError
from edgecodec.params import DataParams, Params


def beside(params: Params, folder: Path, share: float = 0.25) -> DataParams:
    return params.data.model_copy(update={
        "field": params.data.field.model_copy(update={"path": folder, "share": share})})


def test_windows_of_the_field_stay_as_they_are_and_have_their_share(
        small_params: Params, train: WindowSet, validation: WindowSet, tmp_path: Path) -> None:
    sent = validation.inputs()[:24:2][:, ::-1] + np.float32(0.1)  # no preset's order of channels
    folder = write_field(tmp_path / "sent", sent, validation.channel_names[::-1], per_hour=3)
    acquire(beside(small_params, folder, share=0.4), small_params.seed, tmp_path / "raw")
    lists = lists_in(tmp_path / "raw")
    excluded = {name for raw, listed in lists.items()
                for name in validate(raw, listed, small_params.validate_, small_params.window).excluded}
    assert excluded == set()
    write_windows(lists, frozenset(), small_params.window, tmp_path / "windows")

    training, validating = (WindowSet.open(tmp_path / "windows" / split) for split in ("train", "validation"))
    new = np.array([is_beside(name) for name in validating.recording])
    np.testing.assert_array_equal(validating.inputs()[~new], validation.inputs())
    np.testing.assert_array_equal(validating.inputs()[new], sent[9:, ::-1])
    hours = [{segment.labels["hour"] for segment in windows.description.segments if is_beside(segment.recording)}
             for windows in (training, validating)]
    assert hours[0].isdisjoint(hours[1])
    drawn = training.draw(np.random.default_rng(0), 4000).starts
    assert np.mean(drawn >= len(train.input_rows)) == pytest.approx(0.4, abs=0.03)


def test_without_them_nothing_is_written_that_was_not_before(small_windows: Path) -> None:
    assert "field" not in (small_windows / "train" / "set.json").read_text()


def test_other_channels_and_empty_folders_are_refused_in_one_line(small_params: Params, validation: WindowSet,
                                                                  tmp_path: Path) -> None:
    other = write_field(tmp_path / "other", validation.inputs()[:16:2, :3], ("left", "right", "top"))
    acquire(beside(small_params, other), small_params.seed, tmp_path / "raw")
    with pytest.raises(EdgeCodecError, match=r"raw/field: .* 3 channels \(left, right, top\), but windows have 36"):
        write_windows(lists_in(tmp_path / "raw"), frozenset(), small_params.window, tmp_path / "windows")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EdgeCodecError, match="empty: holds no recordings from the field; fill it by"):
        acquire(beside(small_params, tmp_path / "empty"), small_params.seed, tmp_path / "raw")
