"""What ``edgecodec releases`` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from edgecodec.registry.difference import Difference
from edgecodec.registry.examination import Examination
from edgecodec.registry.registered import RegisteredVersion
from edgecodec.registry.release_log import History

ERROR = "error_percent.rate"  # tags of a version


def versions_table(versions: Sequence[RegisteredVersion]) -> Table:
    """One row per version, newest first."""
    rates = sorted({int(tag.removeprefix(ERROR)) for version in versions for tag in version.tags
                    if tag.startswith(ERROR)})
    table = Table("version", "alias", "registered", "codec", "profile", "evidence", "model", title="Versions",
                  title_justify="left")
    for rate in rates:
        table.add_column(f"error %, rate {rate}", justify="right")
    table.add_column("released")
    for version in versions:
        tags = version.tags
        table.add_row(
            version.number, ", ".join(version.aliases), f"{version.created:%Y-%m-%d %H:%M}", tags.get("codec", "?"),
            tags.get("profile", "?"), tags.get("evidence", "?"), tags.get("model_hash", "?")[:8],
            *(tags.get(f"{ERROR}{rate}", "") for rate in rates), _released(version),
            style="bold" if "champion" in version.aliases else None)
    return table


def versions_json(versions: Sequence[RegisteredVersion]) -> str:
    """The versions for programs."""
    return json.dumps([{"version": version.number, "aliases": version.aliases, "run": version.run_id,
                        "registered": version.created.isoformat(), "tags": dict(version.tags)}
                       for version in versions], indent=2)


def version_tables(version: RegisteredVersion, history: History) -> Iterator[Table]:
    """What MLflow knows of one version, and its entries in the release log."""
    facts = Table.grid(padding=(0, 2))
    known = {"version": f"{version.number} of {version.name}", "aliases": ", ".join(version.aliases) or "none",
             "registered": f"{version.created:%Y-%m-%d %H:%M} UTC", "MLflow run": version.run_id,
             **dict(sorted(version.tags.items()))}
    for name, fact in known.items():
        facts.add_row(Text(name, style="bold"), Text(fact))
    yield facts
    entries = tuple(entry for entry in history.entries
                    if version.number in (entry.version, entry.before.champion, entry.after.champion))
    yield history_table(History(entries, history.head, history.unsettled))


def history_table(history: History) -> Table:
    """The release log, oldest first, and the hash that stands for all of it: note it down to be sure later."""
    table = Table("entry", "when (UTC)", "who", "action", "champion", "before", "evidence", "why", title="Release log",
                  title_justify="left", caption=f"unbroken; sha256 of the last entry: {history.head}",
                  caption_justify="left")
    for entry in history.entries:
        estimate = f" (accepted: {entry.accepted_estimate})" if entry.accepted_estimate else ""
        table.add_row(str(entry.number), entry.when.removesuffix("+00:00"), Text(entry.who),
                      f"{entry.action} {entry.version}", entry.after.champion or "none",
                      entry.before.champion or "none", Text(f"{entry.evidence}{estimate}"),
                      Text(entry.reason))
    return table


def history_json(history: History) -> str:
    """The release log for programs."""
    return json.dumps({"head": history.head, "entries": [asdict(entry) for entry in history.entries]}, indent=2)


def findings_table(examination: Examination) -> Table:
    """What was checked, one row each."""
    table = Table("check", "verdict", "found", title="Examination", title_justify="left")
    for finding in examination.findings:
        table.add_row(finding.subject, "passed" if finding.passed else "FAILED", Text(finding.text),
                      style=None if finding.passed else "bold red")
    return table


def difference_tables(difference: Difference) -> Iterator[Table]:
    """Figures side by side; parameters and files that differ."""
    old, new = f"version {difference.old.number}", f"version {difference.new.number}"
    figures = Table("figure", title="Figures", title_justify="left")
    for heading in (old, new, "change"):
        figures.add_column(heading, justify="right")
    for name, (before, after) in difference.figures.items():
        figures.add_row(name, _number(before), _number(after), _relative(before, after))
    yield figures
    params = Table("parameter", old, new, title="Parameters that differ", title_justify="left")
    for name, values in difference.params.items():
        params.add_row(name, *(Text("absent" if value is None else str(value)) for value in values))
    yield params
    files = Table("file", "change", title="Files that differ", title_justify="left")
    for name, change in difference.files.items():
        files.add_row(name, change)
    yield files


def _released(version: RegisteredVersion) -> str:
    tags = version.tags
    if "champion" in version.aliases and "released.at" in tags:
        return f"{tags['released.at'][:10]} by {tags['released.by']}"
    if "withdrawn.at" in tags and tags["withdrawn.at"] >= tags.get("released.at", ""):
        return f"withdrawn {tags['withdrawn.at'][:10]}"
    return f"until replaced, {tags['released.at'][:10]}" if "released.at" in tags else ""


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.6g}"


def _relative(old: float | None, new: float | None) -> str:
    if old is None or new is None or old == 0:
        return ""
    return "=" if old == new else f"{100 * (new / old - 1):+.2f} %"
