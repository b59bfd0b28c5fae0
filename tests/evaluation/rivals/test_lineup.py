"""Rivals go to disk and come back the same, without any code in the file."""

from pathlib import Path

import numpy as np
import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.rivals.lineup import FILE_NAME, NAMES, fit_rivals, load_rivals, save_rivals
from edgecodec.evaluation.rivals.rival import Rival


def test_rivals_come_back_as_they_were(rivals: list[Rival], validation: WindowSet, tmp_path: Path) -> None:
    save_rivals(rivals, tmp_path)
    again = load_rivals(tmp_path)
    targets = validation.targets(slice(0, 8))
    assert [rival.name for rival in again] == list(NAMES)
    for before, after in zip(rivals, again, strict=True):
        assert after.budgets == before.budgets
        for one, other in zip(before.compress(targets), after.compress(targets), strict=True):
            assert one.bits_per_window == other.bits_per_window
            np.testing.assert_array_equal(one.reconstruction, other.reconstruction)


def test_only_those_asked_for_take_part(train: WindowSet, band: int, tmp_path: Path) -> None:
    save_rivals(fit_rivals(["zfp", "means"], train.targets(slice(0, 64)), band, (90,)), tmp_path)
    assert [rival.name for rival in load_rivals(tmp_path)] == ["means", "zfp"]


def test_no_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match="not found; run the stage analyze_codebooks"):
        load_rivals(tmp_path)


@pytest.mark.parametrize("keep", [4, 5000])
def test_a_damaged_file_is_one_clear_line(rivals: list[Rival], tmp_path: Path, keep: int) -> None:
    save_rivals(rivals, tmp_path)
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(EdgeCodecError, match="damaged"):
        load_rivals(tmp_path)
