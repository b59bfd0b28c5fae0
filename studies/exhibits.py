"""The recordings of the gallery: real, public, and of kinds that have nothing to do with a wind turbine."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import replacing_directory

Writer = Callable[[Any, Path], None]


@dataclass(frozen=True)
class Shipped:
    """Recordings that a package of the registry brings in its wheel."""

    package: str
    version: str
    sha256: str  # of the wheel
    member: str
    write: Writer  # what the member holds, as files in a folder


@dataclass(frozen=True)
class Exhibit:
    """One set of recordings."""

    name: str
    shipped: Shipped | None = None  # None: the user brings the folder
    settings: Mapping[str, Any] = field(default_factory=dict)  # of data.array, that the files do not tell

    def folder(self, given: Path | None, cache: Path) -> Path:
        """Where its recordings lie: ``given``, or those of the registry, fetched into ``cache`` once.

        Raises:
            EdgeCodecError: there is neither, or the registry's file is another one.
        """
        if given is not None:
            given = given.expanduser().resolve()
            if not given.is_dir():
                raise EdgeCodecError(f"{given}: no folder; docs/gallery.md says where {self.name} lies")
            return given
        if self.shipped is None:
            raise EdgeCodecError(f"{self.name}: no registry brings it; give its folder: python -m studies.gallery "
                                 f"{self.name} FOLDER (docs/gallery.md says where it lies)")
        folder = cache / self.name
        if not folder.is_dir():
            with replacing_directory(folder) as temporary:
                self.shipped.write(_content(self.shipped), temporary)
        return folder.resolve()


def _content(shipped: Shipped) -> Any:
    """What the wheel's member holds. A wheel with another checksum is not opened: the members are pickles."""
    requirement = f"{shipped.package}=={shipped.version}"
    with tempfile.TemporaryDirectory() as folder:
        fetched = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:",
                                  "--dest", folder, requirement], capture_output=True, text=True, check=False)
        if fetched.returncode:
            raise EdgeCodecError(f"{requirement}: {fetched.stderr.strip().splitlines()[-1]}; the registry has to be in "
                                 "reach")
        wheel, = Path(folder).glob("*.whl")
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != shipped.sha256:
            raise EdgeCodecError(f"{requirement}: the registry's wheel is not the known one; nothing of it was read")
        with zipfile.ZipFile(wheel) as archive, archive.open(shipped.member) as member:
            return _loaded(member)  # type: ignore[arg-type]


def _loaded(member: BinaryIO) -> Any:
    if member.name.endswith(".npy"):
        return np.load(member, allow_pickle=True).item()
    return pickle.load(member)


def _write_fibre(content: Any, folder: Path) -> None:
    """A channel every metre; strain rate."""
    values = np.asarray(content["data"], np.float32)  # [channels, samples]
    first = int(content["start_channel"])
    table = pd.DataFrame(values.T, columns=[f"channel {first + number}" for number in range(len(values))])
    table.insert(0, "time (s)", np.arange(values.shape[1]) / content["fs"])
    table.to_parquet(folder / "fibre.parquet")


def _write_watch(content: Any, folder: Path) -> None:
    """A file per set of an exercise; named by subject and exercise."""
    names = [name.strip() for name in content["X_labels"]]
    recordings = zip(content["X"], content["subject"], content["y"], strict=True)
    for number, (values, subject, exercise) in enumerate(recordings):
        table = pd.DataFrame(values, columns=names)
        table.insert(0, "time (s)", np.arange(len(values)) / 50)
        table.to_csv(folder / f"subject{int(subject)}_{content['y_labels'][int(exercise)]}_{number}.csv", index=False)


EXHIBITS = {exhibit.name: exhibit for exhibit in (
    Exhibit("fibre", Shipped(
        "daspy-toolbox", "1.2.7", "5b391e8acd063c28323193ae12fac5c5b358d889b90f90e3966b19df96c1cd76",
        "daspy/core/example.pkl", _write_fibre)),
    Exhibit("watch", Shipped(
        "seglearn", "1.2.5", "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
        "seglearn/data/watch_dataset.npy", _write_watch),
        settings={"labels.pattern": r"(?P<subject>subject\d+)_(?P<exercise>[A-Z]+)_", "split_by": "subject"}),
    Exhibit("circuit"),
    Exhibit("bearings", settings={"sample_rate_hz": 12000}),
)}
