"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _json_name(path: Path | None) -> Path | None:
    """Refuses another ending, before anything is measured."""
    from edgecodec.storage import kind_by_name

    if path is not None:
        kind_by_name(path, {".json": "JSON"}, "figures")
    return path


ARTIFACTS = Path("artifacts")
Artifacts = Annotated[Path, typer.Option(metavar="FOLDER", help="Results of the pipeline.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
JsonFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures as JSON, too.",
                                               callback=_json_name)]
Who = Annotated[str | None, typer.Option("--by", help="Who; user@host if not given.")]
Key = Annotated[Path | None, typer.Option(
    "--key", envvar="EDGECODEC_SIGNING_KEY", metavar="FILE", help="Sign with this private key.")]
