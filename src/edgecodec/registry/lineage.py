"""What DVC recorded about the outputs of every stage: the md5 of all they were made from, and their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from edgecodec.errors import EdgeCodecError

Lineage = dict[str, dict[str, dict[str, str]]]  # stage > "deps" or "outs" > path > md5


def read_lineage(folder: Path) -> Lineage:
    """The md5 of the dependencies and outputs of every stage that has outputs, from ``folder``/dvc.lock.

    DVC leaves stages in dvc.lock that dvc.yaml no longer has: they made nothing of the present results.

    Raises:
        EdgeCodecError: dvc.lock or dvc.yaml is absent or damaged.
    """
    present, locked = _stages(folder / "dvc.yaml"), _stages(folder / "dvc.lock")
    try:
        return {
            name: {kind: {entry["path"]: entry["md5"] for entry in stage.get(kind, [])} for kind in ("deps", "outs")}
            for name, stage in locked.items() if name in present and "outs" in stage
        }
    except (TypeError, KeyError, AttributeError) as error:
        raise EdgeCodecError(f"{folder / 'dvc.lock'}: not a lock file of DVC ({error}); restore it (git checkout "
                             "dvc.lock)") from None


def _stages(path: Path) -> dict[str, Any]:
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["stages"])
    except FileNotFoundError:
        raise EdgeCodecError(f"{path}: not found; run the pipeline (make repro)") from None
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise EdgeCodecError(f"{path}: not a file of DVC ({error}); restore it (git checkout {path.name})") from None
