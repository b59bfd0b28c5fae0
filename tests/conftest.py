"""Where things are: the repository, and the real windows if this machine has them."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def real_windows() -> Path:
    """Folder of the real AeroSense windows: $EDGECODEC_REAL_DATA, or ../shared/data/aerosense_windows."""
    default = REPOSITORY.parent / "shared" / "data" / "aerosense_windows"
    folder = Path(os.environ.get("EDGECODEC_REAL_DATA", default))
    if not (folder / "dev.npz").is_file():
        pytest.skip(f"real windows are not at {folder}; set EDGECODEC_REAL_DATA")
    return folder
