"""Raw recordings of a small twin, and a few of them as a user would hold them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from raw_data import RawData

from edgecodec import aerosense
from edgecodec.data.recordings import RecordingList


@pytest.fixture(scope="session")
def twin_raw(small_windows: Path) -> Path:
    """Raw recordings of one session of the twin."""
    return small_windows.parent / "raw"


@pytest.fixture(scope="session")
def twin_list(twin_raw: Path) -> RecordingList:
    return RecordingList.open(twin_raw)


@pytest.fixture
def raw_data(twin_raw: Path, tmp_path: Path) -> RawData:
    data = RawData(tmp_path / "aerosense")
    (data.folder / aerosense.RAW_FOLDER).mkdir(parents=True)
    for experiment in range(2, 7):
        name = aerosense.raw_name(0, experiment)
        shutil.copyfile(twin_raw / aerosense.RAW_FOLDER / name, data.recording(experiment))
    shutil.copyfile(twin_raw / aerosense.LABBOOK_NAMES[0], data.labbook)
    return data
