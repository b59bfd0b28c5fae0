"""``edgecodec releases``: from registered candidates to a champion, and back, with a log of who did what and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edgecodec.commands.options import AsJson, Key, Who

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgecodec.registry.examination import Examination
    from edgecodec.registry.releases import Release, Releases, State
    from edgecodec.registry.signatures import SigningKey, TrustedKeys

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown",
    help="Promote registered versions, go back, and prove what is released.\n\n"
         "They read params.yaml and the MLflow store: the local one, or the server in `MLFLOW_TRACKING_URI`. "
         "VERSION is a number or an alias (`3`, `candidate`, `champion`). Where the project has a file "
         "`release_keys.pub`, every release must be signed by a key that it lists.",
)

Version = Annotated[str, typer.Argument(metavar="VERSION", help="A number or an alias.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; goes into the release log.")]
AcceptEstimated = Annotated[str | None, typer.Option(
    metavar="REASON", help="Release although time on the target was only estimated; goes into the release log.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """All registered versions, newest first."""
    from edgecodec.commands import release_tables
    from edgecodec.registry.registered import list_versions

    releases = open_releases()
    state = releases.state()
    versions = list_versions(releases.store, releases.name)
    _print(release_tables.versions_json(versions) if as_json else release_tables.versions_table(versions))
    _warn(state)


@app.command()
def show(version: Version) -> None:
    """What a version is and reaches, and how it was released."""
    from edgecodec.commands import release_tables
    from edgecodec.registry.registered import find_version

    releases = open_releases()
    state = releases.state()
    found = find_version(releases.store, releases.name, version)
    for table in release_tables.version_tables(found, state.history, releases.signers):
        _print(table)
    _warn(state)


@app.command()
def approve(version: Version, reason: Reason, by: Who = None, key: Key = None) -> None:
    """Stand behind a version that someone else is to promote, where `registry.approvals` in params.yaml is 2.

    It counts for these very bytes, until a rollback withdraws them. Look at `releases report` before.
    """
    from edgecodec.registry.releases import Request

    releases = open_releases()
    release = releases.approve(version, Request(by or this_user(), reason, key=signing_key(key)))
    entry = release.entry
    typer.echo(f"{releases.name} version {release.version} is approved "
               f"{'by you already; nothing was changed' if entry is None else f'(release log, entry {entry.number})'}")


@app.command()
def promote(version: Version, reason: Reason, by: Who = None, accept_estimated: AcceptEstimated = None,
            key: Key = None) -> None:
    """Check a version from its bytes, and make it the champion if it passes."""
    from edgecodec.registry.releases import Request

    releases = open_releases()
    request = Request(by or this_user(), reason, accept_estimated, signing_key(key))
    release = _release(lambda: releases.promote(version, request))
    entry = release.entry
    typer.echo(f"{releases.name} version {release.version} is the champion "
               f"{'already; nothing was changed' if entry is None else f'(release log, entry {entry.number})'}")


@app.command()
def rollback(
    reason: Reason, by: Who = None, accept_estimated: AcceptEstimated = None,
    withdrawn: Annotated[str | None, typer.Option(
        "--from", metavar="VERSION", help="Only if it is the champion still; so the command may be repeated.")] = None,
    key: Key = None,
) -> None:
    """Check the champion before the present one, and make it the champion again if it passes."""
    from edgecodec.registry.releases import Request

    releases = open_releases()
    request = Request(by or this_user(), reason, accept_estimated, signing_key(key))
    release = _release(lambda: releases.rollback(request, withdrawn))
    entry = release.entry
    typer.echo(f"{releases.name} version {release.version} is the champion again "
               f"{'already; nothing was changed' if entry is None else f'(release log, entry {entry.number})'}")


@app.command()
def repair(reason: Reason, by: Who = None, key: Key = None) -> None:
    """Take versions that were deleted in MLflow out of the line of champions; the log says so.

    Where the champion itself was deleted, there is none until the next promote or rollback.
    """
    from edgecodec.registry.releases import Request

    entries = open_releases().repair(Request(by or this_user(), reason, key=signing_key(key)))
    for entry in entries:
        typer.echo(f"version {entry.version} is out of the line of champions (release log, entry {entry.number}); "
                   f"champion: {entry.after.champion or 'none, promote a version or roll back'}")
    if not entries:
        typer.echo("MLflow has every champion that the release log names; nothing was changed")


@app.command()
def diff(old: Version, new: Version) -> None:
    """Where two versions differ: figures, parameters, files."""
    from edgecodec.commands import release_tables
    from edgecodec.registry.difference import compare_versions

    releases = open_releases()
    for table in release_tables.difference_tables(compare_versions(releases, old, new)):
        _print(table)


@app.command()
def verify(
    version: Annotated[str, typer.Argument(metavar="[VERSION]", help="A number or an alias.")] = "champion",
    accept_estimated: AcceptEstimated = None,
) -> None:
    """Check a version from its bytes, the release log with its signatures, and that nothing was released past it."""
    from edgecodec.errors import EdgeCodecError
    from edgecodec.registry.registered import made_by_hand

    releases = open_releases()
    state = releases.state()
    trusted = releases.trusted
    failures = [*([state.astray] if state.astray else []), *made_by_hand(releases.store, releases.name)]
    try:
        sealed, examination = releases.examine(version, accept_estimated)
    except EdgeCodecError as error:
        raise EdgeCodecError("; ".join([str(error), *failures])) from None
    _show(examination)
    failures = [*examination.failures, *failures]
    if sealed.version.number == state.champion and (
            lacking := releases.lacking(sealed.version, releases.people_behind(state, sealed.version))):
        failures.append(lacking)
    if trusted and state.champion and not state.history.decisions:
        failures.append(f"version {state.champion} is champion, but no signed release made it so: the release log has "
                        "none; restore the MLflow database from a backup, or promote the version")
    if failures:
        raise EdgeCodecError(f"{sealed.version} does not pass: {'; '.join(failures)}")
    for entry in state.history.entries:
        if entry.action == "repair":
            typer.echo(f"entry {entry.number} is a repair by {entry.who}: version {entry.version}, which MLflow had "
                       f"lost, was taken out of the line of champions ({entry.reason})")
    if trusted is None:
        typer.echo("no release_keys.pub in this folder: signatures are neither demanded nor checked")
    typer.echo(f"{sealed.version} passes; release log unbroken, {len(state.history.entries)} entries"
               f"{_vouched(trusted) if trusted else ''}")


@app.command()
def report(
    version: Version,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The HTML page to write.")],
) -> None:
    """Write one self-contained page about a version: gates, errors, cycles, memory, energy, lineage."""
    from edgecodec.registry.report.of_version import write_version_report
    from edgecodec.storage import kind_by_name

    kind_by_name(output, {".html": "HTML", ".htm": "HTML"}, "reports")
    written = write_version_report(open_releases(), version, output)
    typer.echo(f"{output}: release report of {written}")


@app.command()
def history(as_json: AsJson = False) -> None:
    """The release log, checked: who released what, when and why."""
    from edgecodec.commands import release_tables
    from edgecodec.errors import EdgeCodecError

    releases = open_releases()
    state = releases.state()
    _print(release_tables.history_json(state.history) if as_json
           else release_tables.history_table(state.history, releases.signers))
    if state.astray:
        raise EdgeCodecError(state.astray)


@app.command()
def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The private key to make; FILE.pub is its public key.")],
    by: Who = None,
) -> None:
    """Make a key to sign releases with, and print its public key: the line to add to `release_keys.pub`."""
    from edgecodec.registry.signatures import create_key

    typer.echo(create_key(file, by or this_user()))


@app.command()
def export(
    version: Version,
    use: Annotated[Literal["firmware", "gateway", "ota"], typer.Option(
        "--for", help="firmware: the C package; gateway: all that decoding takes; ota: the model alone, for nodes that "
                       "have the code.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="A new folder.")],
    by: Who = None, key: Key = None,
) -> None:
    """Write what others take of a version into a folder, with a manifest of its origin and of every file's sha256."""
    from edgecodec.registry.export import export_version

    written = export_version(open_releases(), version, use, output, by or this_user(), signing_key(key))
    typer.echo(f"{output}: {written}, {'not signed' if key is None else 'signed'}")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="That `edgecodec releases export` wrote.")],
    keys: Annotated[Path | None, typer.Option(metavar="FILE", help="Trusted keys. [default: release_keys.pub]",
                                              show_default=False)] = None,
) -> None:
    """Check the signature of an exported folder and every byte in it. Asks no MLflow store."""
    from edgecodec.registry.exported import check_export, signer_of
    from edgecodec.registry.signatures import TrustedKeys

    trusted = TrustedKeys.read(keys) if keys else TrustedKeys.find(Path())
    signer = None if trusted is None else signer_of(folder, trusted)
    typer.echo(f"{folder}: {check_export(folder)}, every file as listed; "
               f"{f'signed by {signer}' if signer else 'no release_keys.pub here, so its signature was not checked'}")


def open_releases() -> Releases:
    from edgecodec.params import load_params
    from edgecodec.registry.releases import Releases

    return Releases.open(load_params(), Path(), lambda told: typer.echo(told, err=True))


def _release(command: Callable[[], Release]) -> Release:
    """Run ``command`` and show what was found, whether it ends well or not."""
    from edgecodec.registry.releases import RefusedError

    try:
        release = command()
    except RefusedError as refusal:
        _show(refusal.examination)
        raise
    if release.examination is not None:
        _show(release.examination)
    return release


def _show(examination: Examination) -> None:
    from edgecodec.commands.release_tables import findings_table

    _print(findings_table(examination))


def _print(shown: RenderableType) -> None:
    from edgecodec.console import standard_output

    standard_output().print(shown, highlight=False, soft_wrap=isinstance(shown, str))


def _warn(state: State) -> None:
    if state.astray:
        typer.echo(f"warning: {state.astray}", err=True)


def _vouched(trusted: TrustedKeys) -> str:
    since = f" after {trusted.known_until}" if trusted.known_until else ""
    return f", each{since} signed by a key in {trusted.path}"


def signing_key(key: Path | None) -> SigningKey | None:
    from edgecodec.registry.signatures import SigningKey

    return None if key is None else SigningKey.read(key)


def this_user() -> str:
    """Whoever runs the command, as the machine knows them."""
    import getpass
    import socket

    from edgecodec.errors import EdgeCodecError

    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        raise EdgeCodecError("this machine has no name for its user; say who releases with --by NAME") from None
