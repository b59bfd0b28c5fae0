"""Where two versions differ, by what is in their bundles."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecodec.registry.examination import SealedBundle, open_sealed
from edgecodec.registry.manifest import MANIFEST
from edgecodec.registry.registered import RegisteredVersion, fetch_model, find_version
from edgecodec.registry.releases import Releases
from edgecodec.registry.store import reporting_failure
from edgecodec.registry.tracking import dotted
from edgecodec.storage import read_json


@dataclass(frozen=True)
class Difference:
    """What differs, each as (old, new); None where a side lacks it."""

    old: RegisteredVersion
    new: RegisteredVersion
    figures: Mapping[str, tuple[float | None, float | None]]  # all that both versions are compared by, equal or not
    params: Mapping[str, tuple[Any, Any]]
    files: Mapping[str, str]  # path in the bundle: "changed", "added" or "removed"


def compare_versions(releases: Releases, old: str, new: str) -> Difference:
    """Compare two versions, by number or alias.

    Raises:
        EdgeCodecError: there is no such version, or its bytes are not those that were registered.
    """
    with reporting_failure(), tempfile.TemporaryDirectory() as work:
        before, after = (_open(releases, wanted, Path(work) / side) for side, wanted in (("old", old), ("new", new)))
        figures = [each.measured.summary(each.rates) for each in (before, after)]
        params = [dotted(each.params) for each in (before, after)]
        files = [read_json(each.bundle.folder / MANIFEST)["files"] for each in (before, after)]
    return Difference(
        before.version, after.version,
        {name: (figures[0].get(name), figures[1].get(name)) for name in figures[0] | figures[1]},
        {name: (params[0].get(name), params[1].get(name)) for name in params[0] | params[1]
         if params[0].get(name) != params[1].get(name)},
        {name: _change(files[0].get(name), files[1].get(name)) for name in sorted(files[0] | files[1])
         if files[0].get(name) != files[1].get(name)},
    )


def _open(releases: Releases, wanted: str, work: Path) -> SealedBundle:
    version = find_version(releases.store, releases.name, wanted)
    return open_sealed(version, fetch_model(releases.store, version, work))


def _change(old: str | None, new: str | None) -> str:
    return "added" if old is None else "removed" if new is None else "changed"
