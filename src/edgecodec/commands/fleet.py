"""``edgecodec fleet``: what the nodes in the field sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="What the nodes in the field sent.")


@app.command()
def compact(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False,
                                           help="Of a gateway, which may run meanwhile.")],
) -> None:
    """Make one file of each node's windows of a day, for the days that are over in UTC.

    A compaction that is interrupted loses and doubles nothing: the next one goes on. Of a Delta table the replaced
    files stay for a week, as its readers may be amid them.
    """
    from datetime import UTC, datetime

    from edgecodec.gateway.compaction import compact as compact_windows

    done = compact_windows(folder, datetime.now(UTC).date())
    typer.echo(f"{folder}: {done.removed} files became {done.added}" if done.removed else
               f"{folder}: nothing to compact")
