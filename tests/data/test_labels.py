"""Labels of recordings: from a table, from names, and what they split; every fault in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edgecodec.data.arrays import acquire_array
from edgecodec.data.inspection import inspect
from edgecodec.data.labels import LabelSource, pattern_in
from edgecodec.data.recordings import RecordingList
from edgecodec.data.splits import splits_of
from edgecodec.data.windows import NO_GROUP, WindowSet, write_windows
from edgecodec.errors import EdgeCodecError
from edgecodec.params import ArrayParams, LabelParams, Params

PATTERN = r"^(?P<subject>[^/]+)/(?P<exercise>[A-Z]+)_"
NAMES = [f"{subject}/{exercise}_{run}" for subject in ("Jörg", "subject2", "subject10") for exercise in ("RUN", "SIT")
         for run in (1, 2)]
TABLE = "labels.csv"
Labelled = Callable[..., RecordingList]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for number, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", np.random.default_rng(number).normal(size=(200, 3)).astype(np.float32))
    return folder


@pytest.fixture
def acquire(small_params: Params, source: Path, tmp_path: Path) -> Labelled:
    """Take the recordings in, with the settings of ``data.array`` changed."""
    def acquire(file: str | None = None, pattern: str | None = None, **changes: object) -> RecordingList:
        (tmp_path / "raw").mkdir()
        return acquire_array(source, array(small_params, file, pattern, **changes), tmp_path / "raw")
    return acquire


def array(params: Params, file: str | None = None, pattern: str | None = None, **changes: object) -> ArrayParams:
    return params.data.array.model_copy(update={
        "channels": 3, "labels": LabelParams(file=file, pattern=pattern), **changes})


def write_table(folder: Path, *rows: str, heading: str = "recording,Last") -> None:
    (folder / TABLE).write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")


def labels_by_name(listed: RecordingList) -> dict[str, dict[str, str]]:
    return {recording.name: recording.labels for recording in listed.recordings}


def test_named_groups_of_a_pattern_are_labels(acquire: Labelled) -> None:
    listed = acquire(pattern=PATTERN)
    assert labels_by_name(listed) == {
        name: dict(zip(("subject", "exercise"), (name.split("/")[0], name.split("/")[1][:3]), strict=True))
        for name in NAMES}
    assert "label subject: Jörg, subject2, subject10" in listed.remarks


@pytest.mark.parametrize(("separator", "ending", "mark"), [(",", "", ""), (";", ".npy", "\ufeff"), ("\t", "", "")])
def test_columns_of_a_table_are_labels_and_the_table_is_no_recording(
        acquire: Labelled, source: Path, separator: str, ending: str, mark: str) -> None:
    rows = [f"{name}{ending}{separator}{'größte' if number % 2 else ''}" for number, name in enumerate(NAMES)]
    write_table(source, *rows, "", heading=f"{mark}recording{separator}Last")
    listed = acquire(file=TABLE)
    assert labels_by_name(listed) == {name: {"Last": "größte"} if number % 2 else {}
                                      for number, name in enumerate(NAMES)}


def test_table_and_pattern_add_up_and_accents_are_the_same_however_they_are_written(tmp_path: Path) -> None:
    write_table(tmp_path, normalize("NFD", "Jörg/RUN_1,süß"))
    source = LabelSource.open(tmp_path, LabelParams(file=TABLE, pattern=PATTERN))
    assert source.of(normalize("NFD", "Jörg/RUN_1")) == {"Last": "süß", "subject": "Jörg", "exercise": "RUN"}


def test_leading_zeros_stay(tmp_path: Path) -> None:
    write_table(tmp_path, "01,007", "1,7")
    source = LabelSource.open(tmp_path, LabelParams(file=TABLE, pattern=None))
    assert (source.of("01"), source.of("1")) == ({"Last": "007"}, {"Last": "7"})


@pytest.mark.parametrize(("content", "pattern", "message"), [
    ("recording,Last\nA_1,3\n", None, r"labels\.csv: no row for recording B_1; add one \(column recording\)"),
    ("recording,Last\nA_1,3\nA_1.npy,4\n", None, r"labels\.csv: two rows for recording A_1; keep one"),
    ("name,Last\nA_1,3\n", None, r"labels\.csv: its first line is name, Last; it must name a column recording"),
    ("recording\nA_1\n", None, r"labels\.csv: its first line is recording; it must name"),
    ("recording,Last\nA_1\n", None, r"labels\.csv: row 2 has 1 cells, its heading 2"),
    ("", None, r"labels\.csv: its first line is ; it must name"),
    (b"recording,Last\nA_1,gr\xf6\xdfte\n", None, r"labels\.csv: no readable CSV table .*save it as CSV in UTF-8"),
    (None, r"(?P<letter>A)_", r"data\.array\.labels\.pattern: is nowhere in the name of recording B_1; correct it"),
    ("recording,letter\nA_1,3\nB_1,4\n", r"(?P<letter>.)_", r"labels: letter is a column of .*labels\.csv and a group"),
])
def test_what_gives_no_labels_is_refused_in_one_line(
        content: str | bytes | None, pattern: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / TABLE).write_bytes(content if isinstance(content, bytes) else content.encode())
    params = LabelParams(file=None if content is None else TABLE, pattern=pattern)
    with pytest.raises(EdgeCodecError, match=message) as raised:
        [LabelSource.open(tmp_path, params).of(name) for name in ("A_1", "B_1")]
    assert len(str(raised.value).splitlines()) == 1


def test_a_table_that_is_absent_is_refused(acquire: Labelled) -> None:
    with pytest.raises(EdgeCodecError, match=r"labels\.csv: not found; correct data\.array\.labels\.file"):
        acquire(file=TABLE)


@pytest.mark.parametrize(("pattern", "message"), [
    ("(?P<a>", "is no regular expression"), ("A_.", "has no named group")])
def test_a_pattern_that_names_no_label_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LabelParams(file=None, pattern=pattern)


@pytest.mark.parametrize(("names", "pattern"), [
    (NAMES, "^(?P<part1>[^/_]+)[/_](?P<part2>[^/_]+)[/_](?P<part3>[^/_]+)$"),
    ([f"run_{number}" for number in range(40)], None),
    (["a_1", "a_2", "b"], None),
    (["a_1", "b_1"], None),
])
def test_parts_of_names_with_few_values_are_proposed_as_labels(names: list[str], pattern: str | None) -> None:
    assert pattern_in(names) == pattern
    if pattern:
        source = LabelSource(None, {}, re.compile(pattern))
        assert [list(source.of(name).values()) for name in names] == [re.split("[/_]", name) for name in names]


def test_inspect_tells_labels_or_proposes_them(source: Path, small_params: Params) -> None:
    def remarks(pattern: str | None) -> list[str]:
        found = inspect(source, array(small_params, pattern=pattern), small_params.validate_)
        return [remark for remark in found.remarks if "label" in remark]

    assert remarks(PATTERN) == ["label exercise: RUN, SIT", "label subject: Jörg, subject2, subject10"]
    (proposed,) = remarks(None)
    assert proposed.endswith(f"data.array.labels.pattern makes labels of them: '{pattern_in(NAMES)}'")


# -- splits ------------------------------------------------------------------------------------------------------------


@given(values=st.lists(st.sampled_from(["1", "2", "10", "ä", "B"]), min_size=2, max_size=30).filter(
           lambda values: len(set(values)) > 1), fraction=st.floats(0.01, 0.99))
def test_no_value_of_the_label_is_on_both_sides(values: list[str], fraction: float, small_params: Params) -> None:
    names = [str(number) for number in range(len(values))]
    params = array(small_params, split_by="subject", validation_fraction=fraction)
    splits = splits_of(names, [{"subject": value} for value in values], params)
    sides = {side: {value for value, split in zip(values, splits, strict=True) if split == side}
             for side in ("train", "validation")}
    assert sides["train"]
    assert sides["validation"]
    assert not sides["train"] & sides["validation"]


def test_the_last_values_in_natural_order_validate_unless_they_are_named(acquire: Labelled, source: Path) -> None:
    def validating(listed: RecordingList) -> set[str]:
        return {recording.labels["subject"] for recording in listed.recordings if recording.split == "validation"}

    listed = acquire(pattern=PATTERN, split_by="subject")
    assert validating(listed) == {"subject10"}
    assert {recording.labels["subject"] for recording in listed.recordings if recording.split == "train"} == {
        "Jörg", "subject2"}
    # By recording, subject10 would be on both sides: it has four, of which three validate.
    assert validating(listed) < {recording.labels["subject"] for recording in listed.recordings}


def test_named_values_validate(acquire: Labelled) -> None:
    listed = acquire(pattern=PATTERN, split_by="subject", validating=("Jörg", "subject2"))
    assert {recording.labels["subject"]: recording.split for recording in listed.recordings} == {
        "Jörg": "validation", "subject2": "validation", "subject10": "train"}


@pytest.mark.parametrize(("changes", "message"), [
    ({"split_by": "machine"}, r"split_by: recording Jörg/RUN_1 has no label machine \(it has subject, exercise\)"),
    ({"pattern": r"(?P<kind>[A-Z]+_)", "split_by": "kind", "source": "one"}, "every recording has kind SIT_, so"),
    ({"split_by": "subject", "validating": ("subject3",)}, "no recording has subject subject3; there are Jörg, sub"),
    ({"split_by": "exercise", "validating": ("RUN", "SIT")}, "validating: names every exercise, so that none is left"),
])
def test_a_split_that_leaves_a_side_empty_is_refused(
        changes: dict[str, object], message: str, acquire: Labelled, source: Path) -> None:
    if changes.pop("source", None):
        for path in source.rglob("RUN*"):
            path.unlink()
    with pytest.raises(EdgeCodecError, match=message) as raised:
        acquire(**{"pattern": PATTERN, **changes})
    assert len(str(raised.value).splitlines()) == 1


# -- windows -----------------------------------------------------------------------------------------------------------


def test_windows_carry_their_recordings_labels(acquire: Labelled, small_params: Params, tmp_path: Path) -> None:
    listed = acquire(pattern=PATTERN.replace("_", "_(?P<second>2)?"), split_by="exercise")
    window = small_params.window.model_copy(update={
        "samples": 64, "skip_first_rows": 0, "skip_last_rows": 0, "train_stride": 32, "validation_stride": 64})
    summaries = write_windows({tmp_path / "raw": listed}, frozenset(), window, tmp_path / "windows", "second")
    train = WindowSet.open(tmp_path / "windows" / "train")
    by_name = labels_by_name(listed)
    assert train.values("subject").tolist() == [by_name[name]["subject"] for name in train.recording]
    groups = train.groups("second")
    assert groups is not None
    assert groups.tolist() == ["second 2" if name.endswith("2") else "" for name in train.recording]
    assert train.groups(None) is train.groups("machine") is None
    drawn = train.draw(np.random.default_rng(0), 50)
    assert drawn.starts.tolist() != sorted(drawn.starts)
    for start, value in zip(drawn.starts, train.values("subject", drawn.starts), strict=True):
        segment = next(each for each in train.description.segments
                       if each.first_row <= start < each.first_row + each.rows)
        assert segment.labels["subject"] == value
    assert summaries["train"].by_group.keys() == {"second 2", NO_GROUP}
    assert sum(group.windows for group in summaries["train"].by_group.values()) == len(train)


def test_sets_from_before_there_were_labels_have_those_of_their_conditions(small_windows: Path, tmp_path: Path) -> None:
    for path in (small_windows / "train").iterdir():
        (tmp_path / path.name).symlink_to(path)
    described = json.loads((tmp_path / "set.json").read_text())
    for segment in described["segments"]:
        del segment["labels"]
    (tmp_path / "set.json").unlink()
    (tmp_path / "set.json").write_text(json.dumps(described))
    older, present = WindowSet.open(tmp_path), WindowSet.open(small_windows / "train")
    assert older.description == present.description
    assert {*present.values("damage")} > {"healthy", "crack_5mm"}
    assert {*present.values("wind")} == {"10m/s", "20m/s"}
