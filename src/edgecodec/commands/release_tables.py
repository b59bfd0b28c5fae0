"""What ``edgecodec releases`` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from edgecodec.console import facts, shown, table
from edgecodec.registry.difference import Difference
from edgecodec.registry.examination import Examination
from edgecodec.registry.registered import RegisteredVersion
from edgecodec.registry.release_log import Entry, History

ERROR = "error_percent.rate"  # tags of a version; those of another metric have its figures beside them


def versions_table(versions: Sequence[RegisteredVersion]) -> Table:
    """One row per version, newest first."""
    rates = sorted({int(tag.removeprefix(ERROR)) for version in versions for tag in version.tags
                    if tag.startswith(ERROR)})
    made = table("Versions", ("version", "alias", "registered", "codec", "profile", "evidence", "model",
                              *(f"error %, rate {rate}" for rate in rates)), text_columns=7)
    made.add_column("released")
    for version in versions:
        tags = version.tags
        made.add_row(
            version.number, ", ".join(version.aliases), f"{version.created:%Y-%m-%d %H:%M}", tags.get("codec", "?"),
            tags.get("profile", "?"), tags.get("evidence", "?"), tags.get("model_hash", "?")[:8],
            *(tags.get(f"{ERROR}{rate}", "") for rate in rates), _released(version),
            style="bold" if "champion" in version.aliases else None)
    return made


def versions_json(versions: Sequence[RegisteredVersion]) -> str:
    """The versions for programs."""
    return json.dumps([{"version": version.number, "aliases": version.aliases, "run": version.run_id,
                        "registered": version.created.isoformat(), "tags": dict(version.tags)}
                       for version in versions], indent=2)


def version_tables(version: RegisteredVersion, history: History, signers: Mapping[str, str]) -> Iterator[Table]:
    """What MLflow knows of one version, and its entries in the release log."""
    known = {"version": f"{version.number} of {version.name}", "aliases": ", ".join(version.aliases) or "none",
             "registered": f"{version.created:%Y-%m-%d %H:%M} UTC", "MLflow run": version.run_id,
             **dict(sorted(version.tags.items()))}
    yield facts(known)
    entries = tuple(entry for entry in history.entries
                    if version.number in (entry.version, entry.before.champion, entry.after.champion))
    yield history_table(History(entries, history.head, history.unsettled), signers)


def history_table(history: History, signers: Mapping[str, str]) -> Table:
    """The release log, oldest first, and the hash that stands for all of it: note it down to be sure later.

    Args:
        signers: owners of the trusted keys, by fingerprint.
    """
    headings = ("entry", "when (UTC)", "who", "signed by", "action", "champion", "before", "evidence", "why")
    return table("Release log", headings, [
        (str(entry.number), entry.when.removesuffix("+00:00"), Text(entry.who),
         Text(_signer(entry, signers)), f"{entry.action} {entry.version}",
         entry.after.champion or "none", entry.before.champion or "none",
         Text(f"{entry.evidence} (accepted: {entry.accepted_estimate})" if entry.accepted_estimate else entry.evidence),
         Text(entry.reason)) for entry in history.entries
    ], len(headings), caption=f"unbroken; sha256 of the last entry: {history.head}", caption_justify="left")


def history_json(history: History) -> str:
    """The release log for programs."""
    return json.dumps({"head": history.head, "entries": [asdict(entry) for entry in history.entries]}, indent=2)


def findings_table(examination: Examination) -> Table:
    """What was checked, one row each."""
    made = table("Examination", ("check", "verdict", "found"), text_columns=3)
    for finding in examination.findings:
        made.add_row(finding.subject, "passed" if finding.passed else "FAILED", Text(finding.text),
                     style=None if finding.passed else "bold red")
    return made


def difference_tables(difference: Difference) -> Iterator[Table]:
    """Figures side by side; parameters and files that differ."""
    old, new = f"version {difference.old.number}", f"version {difference.new.number}"
    yield table("Figures", ("figure", old, new, "change"), [
        (name, shown(before), shown(after), _relative(before, after))
        for name, (before, after) in difference.figures.items()])
    yield table("Parameters that differ", ("parameter", old, new), [
        (name, *(Text("absent" if value is None else str(value)) for value in values))
        for name, values in difference.params.items()], text_columns=3)
    yield table("Files that differ", ("file", "change"), list(difference.files.items()), text_columns=2)


def _signer(entry: Entry, signers: Mapping[str, str]) -> str:
    return "nobody" if entry.signature is None else signers.get(entry.signature.key, entry.signature.key)


def _released(version: RegisteredVersion) -> str:
    tags = version.tags
    if "champion" in version.aliases and "released.at" in tags:
        return f"{tags['released.at'][:10]} by {tags['released.by']}"
    if "withdrawn.at" in tags and tags["withdrawn.at"] >= tags.get("released.at", ""):
        return f"withdrawn {tags['withdrawn.at'][:10]}"
    return f"until replaced, {tags['released.at'][:10]}" if "released.at" in tags else ""


def _relative(old: float | None, new: float | None) -> str:
    if old is None or new is None or old == 0:
        return ""
    return "=" if old == new else f"{100 * (new / old - 1):+.2f} %"
