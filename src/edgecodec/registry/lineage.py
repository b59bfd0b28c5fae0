"""What DVC recorded about the outputs of every stage: the md5 of all they were made from, and their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from edgecodec.errors import EdgeCodecError

Lineage = dict[str, dict[str, dict[str, str]]]  # stage > "deps" or "outs" > path > md5


def read_lineage(folder: Path) -> Lineage:
    """The md5 of the dependencies and outputs of every stage that has outputs, from ``folder``/dvc.lock.

    Raises:
        EdgeCodecError: dvc.lock is absent or damaged.
    """
    path = folder / "dvc.lock"
    try:
        stages: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]
        return {
            name: {kind: {entry["path"]: entry["md5"] for entry in stage.get(kind, [])} for kind in ("deps", "outs")}
            for name, stage in stages.items() if "outs" in stage
        }
    except FileNotFoundError:
        raise EdgeCodecError(f"{path}: not found; run the pipeline (make repro)") from None
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise EdgeCodecError(f"{path}: not a lock file of DVC ({error}); restore it (git checkout dvc.lock)") from None
