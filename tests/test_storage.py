"""Files are wholly there or not there at all, also when the disk fills up half-way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import read_json, replacing_directory, replacing_file, rounded, write_json

FULL_DISK = """
import resource, sys
from pathlib import Path
from edgecodec.errors import exit_with_one_line
from edgecodec.storage import write_json
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # the kernel refuses to write more, as a full disk does
exit_with_one_line(lambda: write_json(Path(sys.argv[1]), list(range(10_000))))
"""


def test_a_full_disk_leaves_the_old_file_and_one_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"old": 1})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True,
                          env=environment, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert read_json(path) == {"old": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.json"]


class PowerCutError(Exception):
    pass


def test_an_interrupted_folder_leaves_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with replacing_directory(folder) as temporary:
        (temporary / "a").write_text("old")

    def interrupted() -> None:
        with replacing_directory(folder) as temporary:
            (temporary / "a").write_text("new")
            raise PowerCutError

    with pytest.raises(PowerCutError):
        interrupted()
    assert (folder / "a").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with replacing_directory(tmp_path / "out") as temporary:
            (temporary / name).touch()
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["second"]


def test_an_interrupted_file_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with replacing_file(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise PowerCutError

    with pytest.raises(PowerCutError):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_json_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match="not found"):
        read_json(tmp_path / "absent.json")
    (tmp_path / "damaged.json").write_text("{")
    with pytest.raises(EdgeCodecError, match="not valid JSON"):
        read_json(tmp_path / "damaged.json")
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "nan.json", {"error": float("nan")})
    assert not (tmp_path / "nan.json").exists()


def test_equal_results_are_equal_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"x": 1, "y": [rounded(2 / 3)]})
    write_json(tmp_path / "b", json.loads('{"y": [0.666667], "x": 1}'))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(("value", "shown"), [(0.0, 0.0), (1234.5678, 1234.57), (-0.000123456789, -0.000123457)])
def test_rounding_keeps_significant_digits(value: float, shown: float) -> None:
    assert rounded(value) == shown
