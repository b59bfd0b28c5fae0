"""The numbers that the stages left in ``artifacts/metrics/``, read by dotted name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecodec.storage import read_json


@dataclass(frozen=True)
class Measurements:
    """The content of every metrics file under its stem: ``verification.total_milliseconds.4``."""

    files: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Measurements:
        """Read ``folder``/*.json.

        Raises:
            EdgeCodecError: a file is no JSON.
        """
        return cls({path.stem: read_json(path) for path in sorted(folder.glob("*.json"))})

    def entry(self, name: str) -> Any:
        """Whatever stands at ``name``; None if nothing does."""
        found: Any = self.files
        for part in name.split("."):
            if not isinstance(found, Mapping) or part not in found:
                return None
            found = found[part]
        return found

    def number(self, name: str) -> float:
        """The number at ``name``; NaN if there is none."""
        found = self.entry(name)
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else math.nan
