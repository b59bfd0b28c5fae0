"""The ``edgecodec`` command."""

from __future__ import annotations

from edgecodec.same_bits import run_program  # first: before numpy and torch

import typer

from edgecodec.commands import benchmark, decoder, fleet, gateway, inspection, releases, results, windows

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False,
    help="Compress windows of a sensor array to a few bytes, and rebuild them.\n\n"
         "The commands take codec and figures from the folder `artifacts/`, which `make repro` fills. "
         "Run them in the project's folder. What goes wrong is told in one line; `--debug`, anywhere in the command, "
         "shows the traceback, too.",
)
app.command()(inspection.inspect)
app.add_typer(benchmark.app, name="benchmark")
app.command()(gateway.gateway)
app.add_typer(fleet.app, name="fleet")
app.add_typer(releases.app, name="releases")
for command in (windows.evaluate, windows.encode, windows.decode, decoder.decoder_c, results.check_gates,
                results.info):
    app.command()(command)


def main() -> None:
    """Run the command; bad input is one line on stderr and exit status 1."""
    run_program(app)
