"""``edgecodec decoder-c``: the decoder for who has no Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgecodec.commands.options import ARTIFACTS, Artifacts


def decoder_c(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write it; a decoder there is replaced.")],
    artifacts: Artifacts = ARTIFACTS,
) -> None:
    """Write the decoder as C for gateways and hosts: sources, a program, and the present model as a file.

    It decodes fixed-length and coded packets, and frames that several windows share, to what `edgecodec decode` gives,
    but for the last bits of float32. Build it with `make` in the folder.
    """
    from edgecodec.deploy.decoder_package import MODEL, write_decoder
    from edgecodec.packets.receiver import Receiver

    receiver = artifacts / "receiver"
    write_decoder(Receiver.open(receiver, artifacts / "float16").codec, receiver, folder)
    typer.echo(f"{folder}: {MODEL} of {(folder / MODEL).stat().st_size:,} bytes and its decoder; next: make")
