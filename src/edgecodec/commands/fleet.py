"""``edgecodec fleet``: what nodes in the field do, and what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown",
                  help="Nodes in the field: what they do, and what comes of it.")


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


@app.command()
def windows(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False,
                                           help="Of a gateway.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", file_okay=False,
                                         help="Where the recordings go; what it holds is replaced.")],
    node: Annotated[list[str] | None, typer.Option(
        metavar="NAME", help="Take the windows of this node; may be given several times. [default: of all]",
        show_default=False)] = None,
) -> None:
    """Make recordings of the windows that nodes sent whole, to train with: `data: {source: field, path: field}`.

    Windows that follow each other are one recording. Their labels tell node, hour, start, version of the model, and the
    hash of the packets. No hour both trains and validates. Windows with faulty channels are left out.
    """
    from edgecodec.gateway.field import write_recordings

    done = write_recordings(folder, output, node or ())
    left_out = f"; {done.with_faulty_channels} left out, with faulty channels" if done.with_faulty_channels else ""
    typer.echo(f"{output}: {done.recordings} recordings, {done.windows} windows of {done.nodes} nodes{left_out}")
