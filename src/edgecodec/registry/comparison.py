"""A retrained codec beside the champion: on the windows that were there before, and on those that nodes sent since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient

from edgecodec.data.recordings import is_beside
from edgecodec.data.selection import of_segments
from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import Measure
from edgecodec.registry.remeasurement import measured_errors
from edgecodec.registry.versions import Version
from edgecodec.storage import rounded

FILE_NAME = "comparison.json"  # among the artifacts of a run
TAG = "comparison"  # of a version, and the kind of windows


@dataclass(frozen=True)
class Errors:
    """Of both codecs on the same validation windows, by rate."""

    windows: int
    champion: Mapping[int, float]
    candidate: Mapping[int, float]


@dataclass(frozen=True)
class Comparison:
    champion: str  # version
    measure: Measure
    errors: Mapping[str, Errors]  # on old and new windows

    def to_json(self) -> dict[str, Any]:
        return {"champion": self.champion, "metric": self.measure.metric.field,
                "windows": {kind: asdict(errors) for kind, errors in self.errors.items()}}

    def told(self, kind: str) -> str:
        """One line on a kind of windows, for people who look at a version."""
        errors, shown = self.errors[kind], self.measure.metric.shown
        candidate, champion = (", ".join(map(shown, each.values())) for each in (errors.candidate, errors.champion))
        return f"{candidate}; champion {self.champion}: {champion} ({errors.windows} windows)"


def compare(number: str, champion: Path, candidate: Path, validation: WindowSet, measure: Measure) -> Comparison:
    """Measure two bundles, the ``champion`` of the version ``number`` and the ``candidate``.

    Args:
        validation: windows of a source, and of the field beside it.

    Raises:
        EdgeCodecError: there are none of a kind, or a codec takes other windows.
    """
    new = np.array([is_beside(segment.recording) for segment in validation.description.segments])
    if new.all() or not new.any():
        missing = "of the source" if new.all() else "from nodes"
        raise EdgeCodecError(f"artifacts/windows/validation: no window {missing} is left to compare codecs on; "
                             "artifacts/validation has the reasons")
    return Comparison(number, measure, {
        kind: Errors(len(windows), *({rate: rounded(error) for rate, error in
                                      measured_errors(bundle, windows, measure).items()}
                                     for bundle in (champion, candidate)))
        for kind, windows in (("old", of_segments(validation, ~new)), ("new", of_segments(validation, new)))})


def record(client: MlflowClient, comparison: Comparison, run_id: str, version: Version | None) -> None:
    """Keep ``comparison`` with the run, and with its version if there is one."""
    client.log_dict(run_id, comparison.to_json(), FILE_NAME)
    if version is not None:
        for kind in comparison.errors:
            client.set_model_version_tag(version.name, version.number, f"{TAG}.{kind}", comparison.told(kind))
