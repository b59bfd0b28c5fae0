"""Where things are: the repository, and the real windows if this machine has them."""

import os
from pathlib import Path

import pytest

from edgecodec.data.acquisition import acquire
from edgecodec.data.windows import write_windows
from edgecodec.params import Params, load_params

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


@pytest.fixture(scope="session")
def small_params() -> Params:
    """The pipeline in small."""
    return load_params(REPOSITORY / "tests" / "small_params.yaml")


@pytest.fixture(scope="session")
def small_windows(small_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Windows of a small twin: a folder with ``train`` and ``validation``."""
    folder = tmp_path_factory.mktemp("small")
    listed = acquire(small_params.data, small_params.seed, folder / "raw")
    write_windows(folder / "raw", listed, frozenset(), small_params.window, folder / "windows")
    return folder / "windows"
