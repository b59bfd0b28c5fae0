"""What DVC recorded about the outputs of every stage: the md5 of all they were made from, and their own."""

from __future__ import annotations

from pathlib import Path

from edgecodec.dvc_files import stages_of
from edgecodec.errors import EdgeCodecError
from edgecodec.sources.fingerprint import STAGE as FINGERPRINTS

Lineage = dict[str, dict[str, dict[str, str]]]  # stage > "deps" or "outs" > path > md5


def read_lineage(folder: Path) -> Lineage:
    """The md5 of the dependencies and outputs of every stage that has outputs, from ``folder``/dvc.lock.

    DVC leaves stages in dvc.lock that dvc.yaml no longer has: they made nothing of the present results. The stage that
    fingerprints code does so for studies, too; what results were made from is among the dependencies of their stages.

    Raises:
        EdgeCodecError: dvc.lock or dvc.yaml is absent or damaged.
    """
    present, locked = stages_of(folder / "dvc.yaml"), stages_of(folder / "dvc.lock")
    try:
        return {
            name: {kind: {entry["path"]: entry["md5"] for entry in stage.get(kind, [])} for kind in ("deps", "outs")}
            for name, stage in locked.items() if name in present and name != FINGERPRINTS and "outs" in stage
        }
    except (TypeError, KeyError, AttributeError) as error:
        raise EdgeCodecError(f"{folder / 'dvc.lock'}: not a lock file of DVC ({error}); restore it (git checkout "
                             "dvc.lock)") from None
