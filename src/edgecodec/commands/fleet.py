"""``edgecodec fleet``: what the windows that came from the field say of the codec and of the nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edgecodec.commands.options import AsJson, Key, Who

if TYPE_CHECKING:
    from edgecodec.fleet.drift import Watched
    from edgecodec.fleet.received import FieldWindows
    from edgecodec.fleet.rollout import Answer
    from edgecodec.params import Params

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown",
    help="Watch the nodes in the field, and use what they sent: by the windows that `edgecodec gateway` has written.",
)

# Exit statuses; 1 is an error in the input, 2 an unknown option.
GOES_ON = 3  # a drift
STATUS: dict[Answer, int] = {"go on": 0, "wait": 3, "stop": 4}

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where gateways write; folders in it count, too.")]
Nodes = Annotated[Path, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="The table of nodes, in YAML.")]


@app.command()
def alarms(
    folder: Folder,
    record: Annotated[bool, typer.Option(
        "--record", help="Write them to FOLDER/alarms.parquet, too: gateways show these in /metrics.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the drifts of nodes and fleet, the newest first; exit with 3 if one goes on.

    Windows are held against what nodes say of validation windows, as the registered version recorded it. params.yaml
    says how many false alarms there may be (`fleet`).
    """
    from dataclasses import asdict

    from edgecodec.commands import fleet_tables
    from edgecodec.console import standard_output
    from edgecodec.gateway.alarms import write_alarms

    _, received, watched = _watched(folder)
    if record:
        write_alarms(folder, map(asdict, watched.alarms))
    if as_json:
        typer.echo(fleet_tables.as_json(watched.alarms))
    else:
        standard_output().print(fleet_tables.alarms_table(watched))
    for left_out in fleet_tables.left_out(received, watched):
        typer.echo(left_out, err=True)
    if watched.going_on:
        raise typer.Exit(GOES_ON)


@app.command()
def report(
    folder: Folder,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The HTML page to write.")],
) -> None:
    """Write one self-contained page: errors over time, alarms, nodes, unlike windows, versions, faulty channels."""
    from edgecodec.fleet.report import write_fleet_report
    from edgecodec.storage import kind_by_name

    kind_by_name(output, {".html": "HTML", ".htm": "HTML"}, "reports")
    params, received, watched = _watched(folder)
    write_fleet_report(folder.resolve().name, received, watched, params.fleet, output)
    typer.echo(f"{output}: fleet report of {received.windows['node'].nunique()} nodes")


@app.command()
def versions(folder: Folder, nodes: Nodes, as_json: AsJson = False) -> None:
    """List which node runs what by its packets, since when, and what the table of nodes says."""
    from edgecodec.commands import fleet_tables
    from edgecodec.console import standard_output
    from edgecodec.fleet.received import read_folder
    from edgecodec.fleet.versions import running
    from edgecodec.gateway.nodes import load_nodes

    found = running(read_folder(folder).windows, load_nodes(nodes))
    if as_json:
        typer.echo(fleet_tables.as_json(found))
    else:
        standard_output().print(fleet_tables.versions_table(found))


@app.command()
def rollout(
    folder: Folder,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="That the canaries run.")],
    nodes: Nodes,
    group: Annotated[str, typer.Option(metavar="NAME", help="Of the canaries in the table of nodes.")] = "canary",
    margin: Annotated[float, typer.Option(
        metavar="PERCENT", min=0.1, help="By less than this the error may grow: 5 is from 2 % to 2.1 %.")] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Say whether a version may go on from the canaries to the rest: go on (exit status 0), wait (3) or stop (4).

    By how much the estimated error of each canary has changed since the update is held against the other nodes, over
    the same hours. Errors in the input exit with 1, unknown options with 2.
    """
    from edgecodec.commands import fleet_tables
    from edgecodec.errors import EdgeCodecError
    from edgecodec.fleet.received import read_folder
    from edgecodec.fleet.rollout import judge
    from edgecodec.fleet.versions import running
    from edgecodec.gateway.nodes import load_nodes

    table = load_nodes(nodes)
    canaries = {name for name, node in table.nodes.items() if node.group == group}
    if not canaries:
        raise EdgeCodecError(f"{nodes}: no node has group: {group}; give the canaries this group, or say --group")
    windows = read_folder(folder).windows
    verdict = judge(windows, running(windows, table), canaries, version, margin)
    typer.echo(fleet_tables.as_json(verdict) if as_json else fleet_tables.told(verdict))
    raise typer.Exit(STATUS[verdict.answer])


@app.command()
def rollback(
    folder: Folder,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="That was stopped.")],
    nodes: Nodes,
    output: Annotated[Path | None, typer.Option(
        "--output", "-o", metavar="FOLDER", show_default=False,
        help="Write the versions before to this new folder, as `edgecodec releases export --for ota` does.")] = None,
    by: Who = None, key: Key = None, as_json: AsJson = False,
) -> None:
    """List the nodes that run a version, and what they ran before; export that, for an update over the air.

    Windows tell what a node ran before, or else the table of nodes. Exits with 1 if neither does for one of them.
    """
    from edgecodec.commands import fleet_tables
    from edgecodec.commands.releases import open_releases, signing_key, this_user
    from edgecodec.console import standard_output
    from edgecodec.errors import EdgeCodecError
    from edgecodec.fleet.received import read_folder
    from edgecodec.fleet.rollback import export_returns, returns
    from edgecodec.gateway.nodes import load_nodes

    if output is not None and output.exists():
        raise EdgeCodecError(f"{output}: is there already; name a new folder")
    found = returns(read_folder(folder).windows, load_nodes(nodes), version)
    if as_json:
        typer.echo(fleet_tables.as_json(found))
    else:
        standard_output().print(fleet_tables.returns_table(found, version))
    if output is not None:
        signer = signing_key(key)
        for number in export_returns(found, open_releases(), output, by or this_user(), signer):
            typer.echo(f"{output / number}: version {number}, {'not signed' if signer is None else 'signed'}", err=True)
    unknown = [each.node for each in found if each.before is None]
    if unknown:
        raise EdgeCodecError(f"{', '.join(unknown)}: nothing tells what ran before {version}; list it in {nodes}")


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


@app.command()
def retrain(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False,
                                           help="Recordings that `edgecodec fleet windows` made.")],
    refit: Annotated[Literal["all", "codebooks"], typer.Option(
        help="codebooks: the champion's codebooks alone, which takes minutes; networks stay as they are.")] = "all",
    as_json: AsJson = False,
) -> None:
    """Run the pipeline on what nodes sent beside the present recordings, and compare the outcome with the champion.

    It runs at the present commit, in a workspace of its own: your files stay as they are. What passes the gates is
    registered as candidate, with its errors and the champion's on old and on new windows. Promoting it is up to you:
    settings, data and results are on a branch, to be merged. Exits with 1 if a gate fails.
    """
    from edgecodec.commands import fleet_tables
    from edgecodec.console import standard_output
    from edgecodec.fleet.retraining import retrain as retrain_project
    from edgecodec.params import load_params

    done = retrain_project(folder, refit, load_params(), Path())
    if as_json:
        typer.echo(json.dumps(done.comparison.to_json(), indent=2))
    else:
        standard_output().print(fleet_tables.comparison_table(done.comparison))
    for line in fleet_tables.next_steps(done):
        typer.echo(line, err=True)
    if done.registration.version is None:
        raise typer.Exit(1)


def _watched(folder: Path) -> tuple[Params, FieldWindows, Watched]:
    """The fleet whose windows are in ``folder``, tested by params.yaml."""
    from edgecodec.fleet.drift import watch
    from edgecodec.fleet.received import read_folder
    from edgecodec.fleet.references import load_references
    from edgecodec.params import load_params

    params, received = load_params(), read_folder(folder)
    references = load_references(params.registry.model_name, received.windows["version"].unique())
    return params, received, watch(received.windows, references, params.fleet)
