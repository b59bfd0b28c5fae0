"""Promote a version to champion, or go back to the one before, so that nothing is left half-way.

A release is decided by one entry of the release log (:mod:`edgecodec.registry.release_log`), and the aliases follow it:

1. The state is read: log, aliases. Where the last entry is not settled, its writer was interrupted: the aliases are
   moved to where it says, and it is settled.
2. The version is examined (:mod:`edgecodec.registry.examination`). This takes a while and changes nothing.
3. State and aliases must still be as they were read. The entry is appended; of two people, the database takes one.
4. Aliases and tags follow the entry, the entry is settled, and the log is read once more: had someone released
   meanwhile, the aliases would follow their entry.

Killed before 3, nothing has happened. Killed after it, the release is decided, and the next command, anyone's,
completes it at 1. MLflow cannot move an alias on condition: one that is moved by other means in the milliseconds
between 3 and 4 is overwritten. On one machine a file lock keeps 3 and 4 of two processes apart.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edgecodec.errors import EdgeCodecError
from edgecodec.params import Params
from edgecodec.registry.examination import Examination, SealedBundle, examine, open_sealed
from edgecodec.registry.gates import Champion
from edgecodec.registry.registered import RegisteredVersion, fetch_model, find_version
from edgecodec.registry.release_log import Action, Aliases, Entry, EntryTakenError, Figures, History, ReleaseLog
from edgecodec.registry.remeasurement import LocalWindows, measured_error_percent
from edgecodec.registry.store import Store, locked, open_store, reporting_failure
from edgecodec.registry.versions import CHAMPION, PREVIOUS_CHAMPION, aliases_of

LONGEST_REASON = 1000  # characters; an entry must fit into a parameter of MLflow


@dataclass(frozen=True)
class Request:
    """Who asks for a release, and why."""

    who: str
    reason: str
    accept_estimated: str | None = None

    def __post_init__(self) -> None:
        for name, text in (("--reason", self.reason), ("--accept-estimated", self.accept_estimated)):
            if text is not None and not 0 < len(text.strip()) <= LONGEST_REASON:
                raise EdgeCodecError(f"{name}: {len(text)} characters; say why in 1 to {LONGEST_REASON}")


@dataclass(frozen=True)
class State:
    """What is released."""

    history: History
    aliases: Aliases
    completed: Entry | None  # an interrupted release that reading the state has completed

    @property
    def champions(self) -> list[str]:
        """The champion, last, and before it those that ``rollback`` goes back to, the nearest last but one."""
        if self.history.entries:
            return self.history.champions
        return [version for version in (self.aliases.previous_champion, self.aliases.champion) if version is not None]

    @property
    def astray(self) -> str | None:
        """What to say of aliases that are not where the last release put them."""
        if not self.history.entries or self.aliases == self.history.entries[-1].after:
            return None
        found, wanted = self.aliases, self.history.entries[-1].after
        moved = [f"{alias} points to {_shown(here)}, the release log says {_shown(there)}" for alias, here, there in (
            (CHAMPION, found.champion, wanted.champion),
            (PREVIOUS_CHAMPION, found.previous_champion, wanted.previous_champion),
        ) if here != there]
        return (f"alias {', and '.join(moved)}: moved by other means than `edgecodec releases`; put it back with "
                f"`edgecodec releases promote {wanted.champion} --reason ...`")


@dataclass(frozen=True)
class Release:
    """What a command has brought about."""

    version: str
    entry: Entry | None  # None: the version was champion already
    examination: Examination | None  # None: an interrupted release was completed


class RefusedError(EdgeCodecError):
    """A version did not pass; with everything that was found."""

    def __init__(self, text: str, examination: Examination) -> None:
        super().__init__(text)
        self.examination = examination


@dataclass(frozen=True)
class Releases:
    """The releases of one registered model."""

    store: Store
    params: Params  # today's: their gates judge
    repository: Path
    notify: Callable[[str], None]  # told when an interrupted release was completed

    @classmethod
    def open(cls, params: Params, repository: Path, notify: Callable[[str], None] = lambda told: None) -> Releases:
        """Open the store that the environment names.

        Raises:
            EdgeCodecError: see :func:`edgecodec.registry.store.open_store`.
        """
        return cls(open_store(), params, repository, notify)

    @property
    def name(self) -> str:
        return self.params.registry.model_name

    def state(self) -> State:
        """The present state, after completing a release that was interrupted.

        Raises:
            EdgeCodecError: the log was tampered with, or the store cannot be reached.
        """
        with reporting_failure():
            log = ReleaseLog.open(self.store, self.name)
            history = log.read()
            interrupted = history.unsettled
            if interrupted is not None:
                with locked():
                    history = self._follow(log)
                self.notify(f"completed entry {interrupted.number} of the release log, which was interrupted: "
                            f"{interrupted.action} of version {interrupted.version}")
            return State(history, self._aliases(), interrupted)

    def examine(self, wanted: str, accept_estimated: str | None = None) -> tuple[SealedBundle, Examination]:
        """Check a version by its bytes, compared with nobody. Changes nothing.

        Raises:
            EdgeCodecError: there is no such version, or its bytes are not those that were registered.
        """
        with reporting_failure(), tempfile.TemporaryDirectory() as work:
            return self._examine(find_version(self.store, self.name, wanted), None, accept_estimated, Path(work))

    def promote(self, wanted: str, request: Request) -> Release:
        """Make the version with the number or alias ``wanted`` the champion, if it passes.

        Raises:
            RefusedError: the version did not pass.
            EdgeCodecError: nothing could be examined, or someone else released meanwhile.
        """
        state = self.state()
        with reporting_failure(), tempfile.TemporaryDirectory() as work:
            version = find_version(self.store, self.name, wanted)
            champion = state.champions[-1] if state.champions else None
            if state.astray and version.number != champion:
                raise EdgeCodecError(state.astray)
            rival = None if champion in (None, version.number) else self._rival(state, champion)
            sealed, examination = self._examine(version, rival, request.accept_estimated, Path(work))
            if examination.failures:
                raise RefusedError(f"{version} is not promoted: {'; '.join(examination.failures)}", examination)
            if version.number == champion and state.history.entries and not state.astray:
                return Release(version.number, None, examination)
            chain = [*state.champions, *([] if version.number == champion else [version.number])]
            action: Action = "restore" if state.astray else "promote"
            return Release(version.number, self._decide(action, state, chain, sealed, request), examination)

    def rollback(self, request: Request, withdrawn: str | None = None) -> Release:
        """Make the champion before the present one the champion again, if it passes today.

        Args:
            withdrawn: the version to go back from. Where this has happened already, nothing does; so the command may
                be repeated. None: whatever is champion.

        Raises:
            RefusedError: the version did not pass.
            EdgeCodecError: there is none, or someone else released meanwhile.
        """
        state = self.state()
        if state.completed is not None and state.completed.action == "rollback":
            return Release(state.completed.version, state.completed, None)
        if state.astray:
            raise EdgeCodecError(state.astray)
        champions = state.champions
        if withdrawn is not None and (not champions or withdrawn != champions[-1]):
            last = state.history.entries[-1] if state.history.entries else None
            if last is not None and last.action == "rollback" and last.before.champion == withdrawn:
                return Release(last.version, None, None)
            raise EdgeCodecError(f"{self.name} version {withdrawn} is not the champion, which is "
                                 f"{_shown(champions[-1] if champions else None)}; nothing was rolled back")
        if len(champions) < 2:
            raise EdgeCodecError(f"{self.name}: no earlier champion to go back to; see `edgecodec releases history`")
        with reporting_failure(), tempfile.TemporaryDirectory() as work:
            version = find_version(self.store, self.name, champions[-2])
            sealed, examination = self._examine(version, None, request.accept_estimated, Path(work))
            if examination.failures:
                raise RefusedError(f"no rollback to {version}: {'; '.join(examination.failures)}", examination)
            entry = self._decide("rollback", state, champions[:-1], sealed, request)
            return Release(version.number, entry, examination)

    def _examine(self, version: RegisteredVersion, champion: Champion | None, accept_estimated: str | None,
                 work: Path) -> tuple[SealedBundle, Examination]:
        sealed = open_sealed(version, fetch_model(self.store, version, work / "model"))
        local = LocalWindows.find(self.repository)
        if champion is not None and local is not None and sealed.was_measured_on(local):
            champion = self._on_windows(local, champion)
        return sealed, examine(sealed, self.params, self.repository, champion, accept_estimated, work / "build", local)

    def _on_windows(self, local: LocalWindows, champion: Champion) -> Champion:
        """The champion with its errors on the windows of ``local``, measured now if they never were.

        These are the candidate's validation windows. It has not learned from them; the champion may have, which can
        only make the comparison stricter.
        """
        if champion.validation_digest == local.digest:
            return champion
        with tempfile.TemporaryDirectory() as work:
            version = find_version(self.store, self.name, champion.version)
            sealed = open_sealed(version, fetch_model(self.store, version, Path(work)))
            try:
                found = measured_error_percent(sealed.bundle.folder, local.windows)
            except EdgeCodecError as error:
                raise EdgeCodecError(f"{version} is champion and cannot be compared with: {error}") from None
        return replace(champion, validation_digest=local.digest, error_percent=found)

    def _rival(self, state: State, champion: str) -> Champion:
        """The champion's figures: from the log, which shows tampering; where it has none, from the sealed bundle."""
        entries = [entry for entry in state.history.entries if entry.version == champion]
        figures = entries[-1].figures if entries else self._figures(champion)
        errors = {int(rate): error for rate, error in figures.error_percent.items()}
        return Champion(champion, figures.validation_digest, errors)

    def _figures(self, number: str) -> Figures:
        with tempfile.TemporaryDirectory() as work:
            version = find_version(self.store, self.name, number)
            return open_sealed(version, fetch_model(self.store, version, Path(work))).figures

    def _decide(self, action: Action, state: State, chain: Sequence[str], sealed: SealedBundle,
                request: Request) -> Entry:
        """Append the entry that makes the last of ``chain`` the champion, and let the aliases follow."""
        with locked():
            log = ReleaseLog.create(self.store, self.name)
            self._must_be_unchanged(state, log.read())
            entry = Entry(
                number=len(state.history.entries) + 1, action=action, version=chain[-1],
                bundle_sha256=sealed.bundle.sha256, figures=sealed.figures, evidence=sealed.evidence,
                accepted_estimate=request.accept_estimated if sealed.evidence == "estimated" else None,
                before=state.aliases, after=Aliases(chain[-1], chain[-2] if len(chain) > 1 else None),
                who=request.who, when=datetime.now(UTC).isoformat(timespec="seconds"), reason=request.reason.strip(),
                nonce=uuid.uuid4().hex, previous=state.history.head)
            try:
                log.append(entry)
            except EntryTakenError:
                self._must_be_unchanged(state, log.read())
                raise
            try:
                with reporting_failure():
                    self._follow(log)
            except EdgeCodecError as error:
                raise EdgeCodecError(f"entry {entry.number} is in the release log, but aliases could not follow "
                                     f"({error}); the next `edgecodec releases` command moves them") from None
            return entry

    def _must_be_unchanged(self, state: State, history: History) -> None:
        """What was examined was examined against this state."""
        if history.head != state.history.head:
            last = history.entries[-1]
            raise EdgeCodecError(f"{last.who} made version {last.version} the champion meanwhile (entry "
                                 f"{last.number}); nothing was changed, look at it and try again")
        aliases = self._aliases()
        if aliases != state.aliases:
            raise EdgeCodecError(f"alias {CHAMPION} was moved to {_shown(aliases.champion)} meanwhile, from "
                                 f"{_shown(state.aliases.champion)}; nothing was changed, look at it and try again")

    def _follow(self, log: ReleaseLog) -> History:
        """Move aliases and tags to where the last entry says, until it is the last one still."""
        while True:
            history = log.read()
            entry = history.entries[-1]
            self._move(CHAMPION, entry.after.champion)
            self._move(PREVIOUS_CHAMPION, entry.after.previous_champion)
            self._tag("released", entry.version, entry)
            if entry.action == "rollback" and entry.before.champion is not None:
                self._tag("withdrawn", entry.before.champion, entry)
            log.settle(history)
            if log.read().head == history.head:
                return replace(history, unsettled=None)

    def _move(self, alias: str, number: str | None) -> None:
        found = aliases_of(self.store.client, self.name).get(alias)
        if number is None and found is not None:
            self.store.client.delete_registered_model_alias(self.name, alias)
        elif number is not None and found != number:
            self.store.client.set_registered_model_alias(self.name, alias, number)

    def _tag(self, event: str, number: str, entry: Entry) -> None:
        known = self.store.client.get_model_version(self.name, number).tags
        told = {"by": entry.who, "at": entry.when, "why": entry.reason, "entry": str(entry.number)}
        for name, value in told.items():
            if known.get(f"{event}.{name}") != value:
                self.store.client.set_model_version_tag(self.name, number, f"{event}.{name}", value)

    def _aliases(self) -> Aliases:
        found = aliases_of(self.store.client, self.name)
        return Aliases(found.get(CHAMPION), found.get(PREVIOUS_CHAMPION))


def _shown(number: str | None) -> str:
    return "no version" if number is None else f"version {number}"
