"""Reading recordings: whatever a file holds, it is read as far as it goes, and never taken for something else."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecodec.data.readers.kinds import KINDS
from edgecodec.data.readers.text import PACKED
from edgecodec.data.recordings import Recording, RecordingList, read_samples
from edgecodec.errors import EdgeCodecError

PACKED_BYTES = tuple(start for start, _ in PACKED)
FIRST_BYTES = (*PACKED_BYTES, *(start for kind in KINDS for start in kind.begins))
ANY_BYTES = st.binary(max_size=200).filter(lambda content: not content.startswith(PACKED_BYTES))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(FIRST_BYTES), st.binary(max_size=200), st.sampled_from(["csv", "dat", "bin"]))
def test_a_damaged_file_of_any_kind_is_refused_in_one_line(tmp_path: Path, start: bytes, rest: bytes,
                                                           ending: str) -> None:
    path = tmp_path / f"recording.{ending}"
    path.write_bytes(start + rest)
    try:
        samples = read_samples(path)
    except EdgeCodecError as error:
        said = str(error)
    else:
        said = str(path)
        assert samples.values.shape == (max(samples.columns - 1, 0), samples.rows)
    assert str(path) in said
    assert "\n" not in said


@pytest.mark.parametrize("opening", [gzip.open, bz2.open, lzma.open])
def test_packed_text_that_breaks_off_is_refused(tmp_path: Path, opening: Callable[[Path, str], TextIO]) -> None:
    path = tmp_path / "recording.csv"
    with opening(path, "wt") as file:
        file.writelines(f"{row / 100:.2f},{row * 7919 % 10007},{row * 104729 % 10007}\n" for row in range(20_000))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(EdgeCodecError, match=r"recording\.csv: damaged .*; pack it anew, or give it unpacked"):
        read_samples(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_BYTES | st.text("0123456789.,-e\n\"anif", max_size=200).map(str.encode))
def test_any_bytes_are_read_without_surprise(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recording.csv"
    path.write_bytes(content)
    samples = read_samples(path)
    assert samples.values.shape == (max(samples.columns - 1, 0), samples.rows)


@given(st.lists(st.tuples(st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1)), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_are_read_exactly(tmp_path: Path, rows: list[tuple[int, int]]) -> None:
    path = tmp_path / "recording.csv"
    path.write_text("".join(f"{1656000000 + index / 100:.2f},{low},{high}\n"
                            for index, (low, high) in enumerate(rows)))
    samples = read_samples(path)
    assert samples.values.T.tolist() == [list(row) for row in rows]
    np.testing.assert_allclose(samples.time_seconds, 1656000000 + np.arange(len(rows)) / 100, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "content", "message"), [
    ("absent.csv", None, "recording not found"),
    ("broken.parquet", b"PAR1", "not a readable Parquet file"),
])
def test_unreadable_file_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EdgeCodecError, match=message) as raised:
        read_samples(tmp_path / name)
    assert name in str(raised.value)


def test_zeroing_reference_is_the_nearest_on_either_side_at_the_same_angle() -> None:
    def recording(number: int, kind: str, series: str = "0deg") -> Recording:
        return Recording(name=f"{series} {number}", path="", kind=kind, series=series, number=number, wind=10,
                         condition="", split="train", divisor=90.0)

    listed = RecordingList(
        sample_rate_hz=100, channels=(), presets={}, scale=1, integers=True, plausible=None, validation_fraction=0,
        recordings=(recording(1, "zeroing"), recording(2, "zeroing"), recording(3, "wind"), recording(6, "zeroing"),
                    recording(7, "zeroing"), recording(4, "zeroing", "8deg")),
    )
    wind = listed.recordings[2]

    def numbers(*excluded: str) -> list[int]:
        return [each.number for each in listed.zeroing_references(wind, frozenset(excluded))]

    assert numbers() == [2, 6]
    assert numbers("0deg 2") == [1, 6]
    assert numbers("0deg 1", "0deg 2") == [6]
    assert numbers("0deg 1", "0deg 2", "0deg 6", "0deg 7") == []
