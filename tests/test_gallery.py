"""The gallery gets public recordings from a registry or from its user, and takes nothing else for them."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edgecodec.data.inspection import inspect
from edgecodec.errors import EdgeCodecError
from edgecodec.params import Params
from studies.exhibits import EXHIBITS, Exhibit, Shipped

CONTENTS: Mapping[str, Any] = {
    "fibre": {"data": np.random.default_rng(1).normal(size=(3, 400)), "fs": 100, "start_channel": 2500},
    "watch": {"X": [np.random.default_rng(2).normal(size=(400, 2))] * 2, "X_labels": ["ax", "ay "], "y": [1, 0],
              "y_labels": ["PEN", "ABD"], "subject": [7.0, 10.0]},
}


def registry(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Exhibit:
    """The exhibit ``name``, whose package ``folder`` holds in small; pip looks nowhere else."""
    shipped = EXHIBITS[name].shipped
    assert shipped
    package = shipped.package.replace("-", "_")
    wheel = folder / f"{package}-{shipped.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        with archive.open(shipped.member, "w") as member:
            if shipped.member.endswith(".npy"):
                np.save(member, np.array(CONTENTS[name], dtype=object))
            else:
                pickle.dump(CONTENTS[name], member)
        about = f"{package}-{shipped.version}.dist-info"
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {shipped.package}\n"
                                              f"Version: {shipped.version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return Exhibit(name, Shipped(shipped.package, shipped.version, hashlib.sha256(wheel.read_bytes()).hexdigest(),
                                 shipped.member, shipped.write))


@pytest.mark.parametrize(("name", "channels", "rate", "names"), [
    ("fibre", 3, 100, ["fibre"]), ("watch", 2, 50, ["subject7_ABD_0", "subject10_PEN_1"])])
def test_recordings_of_a_registry_are_those_that_inspect_reads(
        name: str, channels: int, rate: float, names: list[str], tmp_path: Path, small_params: Params,
        monkeypatch: pytest.MonkeyPatch) -> None:
    folder = registry(name, tmp_path, monkeypatch).folder(None, tmp_path / "cache")
    found = inspect(folder, small_params.data.array, small_params.validate_)
    assert [each.name for each in found.recordings] == names
    assert {each.channels for each in found.recordings} == {channels}
    assert found.sample_rate_hz == rate


def test_a_wheel_that_is_not_the_known_one_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry("watch", tmp_path, monkeypatch)
    with pytest.raises(EdgeCodecError, match=r"seglearn==1\.2\.5: the registry's wheel is not the known one"):
        EXHIBITS["watch"].folder(None, tmp_path / "cache")
    assert not (tmp_path / "cache" / "watch").exists()


def test_what_no_registry_brings_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"circuit: .*python -m studies\.gallery circuit FOLDER"):
        EXHIBITS["circuit"].folder(None, tmp_path)
    with pytest.raises(EdgeCodecError, match="absent: no folder"):
        EXHIBITS["circuit"].folder(tmp_path / "absent", tmp_path)
    pd.DataFrame({"time": [0, 1], "flow": [1, 2]}).to_csv(tmp_path / "one.csv")
    assert EXHIBITS["circuit"].folder(tmp_path, tmp_path / "cache") == tmp_path.resolve()
