"""Where things are: the repository, and the real windows if this machine has them."""

from edgecodec.same_bits import settle_torch  # first: before numpy and torch

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from fuzzing import fuzzing_compiler

from edgecodec.data.acquisition import acquire
from edgecodec.data.windows import WindowSet, write_windows
from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import Codec
from edgecodec.params import Params, load_params
from edgecodec.simulators.toolchain import DEFAULT, Toolchain, choose_toolchain
from edgecodec.training.loop import Trainer

REPOSITORY = Path(__file__).resolve().parents[1]

settle_torch()
hypothesis.settings.register_profile("no deadlines", deadline=None)  # a loaded machine is no fault of the code
hypothesis.settings.load_profile("no deadlines")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest come first, lest one process runs them alone at the end."""
    longest = ("test_end_to_end.py", "test_story.py", "test_releases.py", "test_same_bits.py", "test_loop.py")
    items.sort(key=lambda item: item.path.name not in longest)


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """The default compiler, or what EDGECODEC_COMPILER names."""
    return replace(choose_toolchain(DEFAULT), warnings_are_errors=True)


@pytest.fixture(scope="session")
def fuzzing(tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    """A compiler that comes with libFuzzer."""
    try:
        return fuzzing_compiler(tmp_path_factory.mktemp("fuzzing"))
    except EdgeCodecError as absence:
        pytest.skip(str(absence))


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
    write_windows({folder / "raw": listed}, frozenset(), small_params.window, folder / "windows")
    return folder / "windows"


@pytest.fixture(scope="session")
def train(small_windows: Path) -> WindowSet:
    return WindowSet.open(small_windows / "train")


@pytest.fixture(scope="session")
def validation(small_windows: Path) -> WindowSet:
    return WindowSet.open(small_windows / "validation")


@pytest.fixture(scope="session")
def codec(small_params: Params, train: WindowSet, validation: WindowSet,
          tmp_path_factory: pytest.TempPathFactory) -> Codec:
    return Trainer(small_params, train, validation, tmp_path_factory.mktemp("checkpoints")).run().codec


class Clone:
    """A clone of this repository's HEAD that runs the pipeline in small."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PYTHONPATH": str(folder / "src")}
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(repository), str(folder)], check=True)
        small = (repository / "tests" / "small_params.yaml").read_text()
        (folder / "params.yaml").write_text(small)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.folder, env=self._environment(), capture_output=True, text=True,
                              check=False)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=self.folder, env=self._environment(), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def _environment(self) -> dict[str, str]:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_WAIT_POLICY": "PASSIVE",
            "DVC_NO_ANALYTICS": "1",
            **self.environment,
        }
        environment.pop("MLFLOW_TRACKING_URI", None)
        return environment

    def metrics(self, name: str) -> Any:
        return json.loads((self.folder / "artifacts" / "metrics" / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def make_clone() -> Callable[[Path], Clone]:
    """Clone the repository into a folder, with the small parameters."""
    return lambda folder: Clone(REPOSITORY, folder)
