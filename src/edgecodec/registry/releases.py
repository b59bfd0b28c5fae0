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

Where two people have to stand behind a release, ``approve`` appends an entry that moves nothing, and ``promote`` wants
one by another person, of the same bytes.

A champion that was deleted in MLflow cannot be put back. ``repair`` takes it out of the line of champions, by an entry
that says so; until someone does, nothing is released.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edgecodec import chosen
from edgecodec.errors import EdgeCodecError
from edgecodec.params import Params
from edgecodec.registry.examination import Examination, SealedBundle, examine, open_sealed
from edgecodec.registry.gates import Champion
from edgecodec.registry.registered import RegisteredVersion, fetch_model, find_version, list_versions
from edgecodec.registry.release_log import (
    Action,
    Aliases,
    Entry,
    EntryTakenError,
    Figures,
    History,
    ReleaseLog,
    without,
)
from edgecodec.registry.remeasurement import LocalWindows, measured_errors
from edgecodec.registry.signatures import SigningKey, TrustedKeys
from edgecodec.registry.store import Store, locked, open_store, reporting_failure
from edgecodec.registry.versions import BUNDLE, CHAMPION, PREVIOUS_CHAMPION, aliases_of

LONGEST_REASON = 1000  # characters; an entry must fit into a parameter of MLflow


@dataclass(frozen=True)
class Request:
    """Who asks for a release, and why."""

    who: str
    reason: str
    accept_estimated: str | None = None
    key: SigningKey | None = None

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
    lost: tuple[str, ...]  # of the line of champions: MLflow has deleted them, or has another model by their number

    @property
    def champion(self) -> str | None:
        return self.history.decisions[-1].after.champion if self.history.decisions else self.aliases.champion

    @property
    def champions(self) -> list[str]:
        """The line of champions: see :attr:`History.champions`."""
        if self.history.decisions:
            return self.history.champions
        return [version for version in (self.aliases.previous_champion, self.aliases.champion) if version is not None]

    @property
    def earlier(self) -> list[str]:
        """Those that ``rollback`` goes back to, the nearest last."""
        return self.champions if self.champion is None else self.champions[:-1]

    @property
    def astray(self) -> str | None:
        """What to say of versions and aliases that are not as the last release left them."""
        if self.lost:
            return (f"the line of champions has {' and '.join(map(_shown, self.lost))}, which MLflow has no more: "
                    "deleted there, or another model has the number; take out what is lost with `edgecodec releases "
                    "repair --reason ...`, then promote or roll back")
        if not self.history.decisions or self.aliases == self.history.decisions[-1].after:
            return None
        found, wanted = self.aliases, self.history.decisions[-1].after
        moved = [f"{alias} points to {_shown(here)}, the release log says {_shown(there)}" for alias, here, there in (
            (CHAMPION, found.champion, wanted.champion),
            (PREVIOUS_CHAMPION, found.previous_champion, wanted.previous_champion),
        ) if here != there]
        mend = "promote a version or roll back" if wanted.champion is None else (
            f"put it back with `edgecodec releases promote {wanted.champion} --reason ...`")
        return f"alias {', and '.join(moved)}: moved by other means than `edgecodec releases`; {mend}"

    def must_be_whole(self) -> None:
        """Raise an :class:`EdgeCodecError` where a version of the line of champions is lost."""
        if self.lost:
            raise EdgeCodecError(self.astray)


@dataclass(frozen=True)
class Release:
    """What a command has brought about."""

    version: str
    entry: Entry | None  # None: the version was champion already
    examination: Examination | None  # None: an interrupted release was completed


@dataclass(frozen=True)
class Facts:
    """What an entry of the log says of its version, by the names it has there."""

    bundle_sha256: str
    figures: Figures
    evidence: str
    accepted_estimate: str | None


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

    @property
    def trusted(self) -> TrustedKeys | None:
        """Whose signatures releases must have; None: they need none."""
        return TrustedKeys.find(self.repository)

    @property
    def signers(self) -> Mapping[str, str]:
        """Owners of the trusted keys, by fingerprint."""
        return {} if self.trusted is None else self.trusted.owners

    def state(self) -> State:
        """The present state, after completing a release that was interrupted.

        Raises:
            EdgeCodecError: the log was tampered with, or the store cannot be reached.
        """
        with reporting_failure():
            log = ReleaseLog.open(self.store, self.name, self.trusted)
            history = log.read()
            interrupted = history.unsettled
            if interrupted is not None:
                with locked():
                    history = self._follow(log)
                self.notify(f"completed entry {interrupted.number} of the release log, which was interrupted: "
                            f"{interrupted.action} of version {interrupted.version}")
            return State(history, self._aliases(), interrupted, self._lost(history))

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
            EdgeCodecError: nothing could be examined, someone else released meanwhile, or a trusted key is missing.
        """
        self._demand_key(request)
        state = self.state()
        state.must_be_whole()
        with reporting_failure(), tempfile.TemporaryDirectory() as work:
            version = find_version(self.store, self.name, wanted)
            champion = state.champion
            if state.astray and champion not in (None, version.number):
                raise EdgeCodecError(state.astray)
            if version.number != champion:
                self._demand_people(state, version, self._person(request))
            rival = None if champion in (None, version.number) else self._rival(state, champion)
            sealed, examination = self._examine(version, rival, request.accept_estimated, Path(work))
            if examination.failures:
                raise RefusedError(f"{version} is not promoted: {'; '.join(examination.failures)}", examination)
            if version.number == champion and state.history.decisions and not state.astray:
                return Release(version.number, None, examination)
            before = state.earlier if version.number == champion else state.champions
            before = before[:-1] if before[-1:] == [version.number] else before
            action: Action = "restore" if state.astray and version.number == champion else "promote"
            after = Aliases(version.number, before[-1] if before else None)
            entry = self._decide(action, state, after, version.number, _facts(sealed, request), request)
            return Release(version.number, entry, examination)

    def approve(self, wanted: str, request: Request) -> Release:
        """Stand behind the version with the number or alias ``wanted``; it is for someone else to promote it.

        Raises:
            EdgeCodecError: its bytes are not those that were registered, someone else released meanwhile, or a trusted
                key is missing.
        """
        self._demand_key(request)
        state = self.state()
        if state.astray:
            raise EdgeCodecError(state.astray)
        with reporting_failure(), tempfile.TemporaryDirectory() as work:
            version = find_version(self.store, self.name, wanted)
            sealed = open_sealed(version, fetch_model(self.store, version, Path(work)))
            if self._person(request) in self.people_behind(state, version):
                return Release(version.number, None, None)
            entry = self._decide("approve", state, state.aliases, version.number, _facts(sealed, request), request)
            return Release(version.number, entry, None)

    def people_behind(self, state: State, version: RegisteredVersion) -> set[str]:
        """Who approved or promoted what ``version`` is now; see :meth:`History.people_behind`."""
        return state.history.people_behind(version.number, version.tags.get(BUNDLE, ""), self.signers)

    def lacking(self, version: RegisteredVersion, people: Collection[str]) -> str | None:
        """What to say where ``people`` are too few for ``version`` to be released."""
        asked = self.params.registry.approvals
        if len(people) >= asked:
            return None
        return (f"{version} has {' and '.join(sorted(people)) or 'nobody'} behind it, and registry.approvals in "
                f"params.yaml asks for {asked} people; another one has to look at it: `edgecodec releases approve "
                f"{version.number} --reason ...`")

    def rollback(self, request: Request, withdrawn: str | None = None) -> Release:
        """Make the champion before the present one the champion again, if it passes today.

        Args:
            withdrawn: the version to go back from. Where this has happened already, nothing does; so the command may
                be repeated. None: whatever is champion.

        Raises:
            RefusedError: the version did not pass.
            EdgeCodecError: there is none, someone else released meanwhile, or a trusted key is missing.
        """
        self._demand_key(request)
        state = self.state()
        state.must_be_whole()
        if state.completed is not None and state.completed.action == "rollback":
            return Release(state.completed.version, state.completed, None)
        if state.astray and state.champion is not None:
            raise EdgeCodecError(state.astray)
        if withdrawn is not None and withdrawn != state.champion:
            last = state.history.decisions[-1] if state.history.decisions else None
            if last is not None and last.action == "rollback" and last.before.champion == withdrawn:
                return Release(last.version, None, None)
            raise EdgeCodecError(f"{self.name} version {withdrawn} is not the champion, which is "
                                 f"{_shown(state.champion)}; nothing was rolled back")
        if not state.earlier:
            raise EdgeCodecError(f"{self.name}: no earlier champion to go back to; see `edgecodec releases history`")
        with reporting_failure(), tempfile.TemporaryDirectory() as work:
            *before, back = state.earlier
            version = find_version(self.store, self.name, back)
            sealed, examination = self._examine(version, None, request.accept_estimated, Path(work))
            if examination.failures:
                raise RefusedError(f"no rollback to {version}: {'; '.join(examination.failures)}", examination)
            after = Aliases(back, before[-1] if before else None)
            entry = self._decide("rollback", state, after, version.number, _facts(sealed, request), request)
            return Release(version.number, entry, examination)

    def repair(self, request: Request) -> list[Entry]:
        """Take the champions that MLflow has lost out of the line of champions; the entries that say so.

        Where the present champion is lost, there is none afterwards, until someone promotes or rolls back.

        Raises:
            EdgeCodecError: MLflow has no version at all, someone else released meanwhile, or a trusted key is missing.
        """
        self._demand_key(request)
        entries: list[Entry] = []
        with reporting_failure():
            list_versions(self.store, self.name)
            while (state := self.state()).lost:
                left = state.champions
                for version in state.lost:
                    left = without(version, left)
                champion = None if state.champion in state.lost else state.champion
                earlier = left if champion is None else left[:-1]
                after = Aliases(champion, earlier[-1] if earlier else None)
                lost = state.lost[0]
                entries.append(self._decide("repair", state, after, lost, _facts_of(state.history, lost), request))
        return entries

    def _demand_key(self, request: Request) -> None:
        if self.trusted is not None:
            self.trusted.demand(request.key)

    def _person(self, request: Request) -> str:
        return request.who if request.key is None else self.signers.get(request.key.fingerprint, request.who)

    def _demand_people(self, state: State, version: RegisteredVersion, promoter: str) -> None:
        lacking = self.lacking(version, self.people_behind(state, version) | {promoter})
        if lacking:
            raise EdgeCodecError(lacking)

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
        metric = self.params.error.metric
        if champion.validation_digest == local.digest and champion.metric == metric:
            return champion
        with tempfile.TemporaryDirectory() as work:
            version = find_version(self.store, self.name, champion.version)
            sealed = open_sealed(version, fetch_model(self.store, version, Path(work)))
            try:
                found = measured_errors(sealed.bundle.folder, local.windows, chosen.measure(self.params))
            except EdgeCodecError as error:
                raise EdgeCodecError(f"{version} is champion and cannot be compared with: {error}") from None
        return replace(champion, validation_digest=local.digest, errors=found, metric=metric)

    def _rival(self, state: State, champion: str) -> Champion:
        """The champion's figures: from the log, which shows tampering; where it has none, from the sealed bundle."""
        entry = state.history.release_of(champion)
        figures = entry.figures if entry else self._figures(champion)
        errors = {int(rate): error for rate, error in figures.error_percent.items()}
        return Champion(champion, figures.validation_digest, errors, metric=figures.metric)

    def _figures(self, number: str) -> Figures:
        with tempfile.TemporaryDirectory() as work:
            version = find_version(self.store, self.name, number)
            return open_sealed(version, fetch_model(self.store, version, Path(work))).figures

    def _decide(self, action: Action, state: State, after: Aliases, version: str, facts: Facts,
                request: Request) -> Entry:
        """Append the next entry, and let the aliases follow."""
        with locked():
            log = ReleaseLog.create(self.store, self.name, self.trusted)
            self._must_be_unchanged(state, log.read())
            entry = log.signed(Entry(
                number=len(state.history.entries) + 1, action=action, version=version, **vars(facts),
                before=state.aliases, after=after, who=request.who,
                when=datetime.now(UTC).isoformat(timespec="seconds"), reason=request.reason.strip(),
                nonce=uuid.uuid4().hex, previous=state.history.head), request.key)
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
            did = f"approved version {last.version}" if last.action == "approve" else \
                f"made version {last.version} the champion"
            raise EdgeCodecError(f"{last.who} {did} meanwhile (entry {last.number}); nothing was changed, look at it "
                                 "and try again")
        aliases = self._aliases()
        if aliases != state.aliases:
            raise EdgeCodecError(f"alias {CHAMPION} was moved to {_shown(aliases.champion)} meanwhile, from "
                                 f"{_shown(state.aliases.champion)}; nothing was changed, look at it and try again")

    def _follow(self, log: ReleaseLog) -> History:
        """Move aliases and tags to where the last entry says, until it is the last one still."""
        while True:
            history = log.read()
            entry, there = history.entries[-1], self._bundles()
            for alias, number in ((CHAMPION, entry.after.champion), (PREVIOUS_CHAMPION, entry.after.previous_champion)):
                if number is None or number in there:
                    self._move(alias, number)
            if entry.action not in ("repair", "approve") and entry.version in there:
                self._tag("released", entry.version, entry)
            if entry.action == "rollback" and entry.before.champion in there:
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

    def _bundles(self) -> dict[str, str | None]:
        """sha256 of the bundle of every version that MLflow has, by number."""
        found = self.store.client.search_model_versions(f"name = '{self.name}'")
        return {str(version.version): version.tags.get(BUNDLE) for version in found}

    def _lost(self, history: History) -> tuple[str, ...]:
        there = self._bundles()
        released = {version: history.release_of(version) for version in history.champions}
        return tuple(version for version, entry in released.items() if version not in there
                     or (entry is not None and entry.bundle_sha256 != there[version]))

    def _aliases(self) -> Aliases:
        found = aliases_of(self.store.client, self.name)
        return Aliases(found.get(CHAMPION), found.get(PREVIOUS_CHAMPION))


def _facts(sealed: SealedBundle, request: Request) -> Facts:
    """What an examined version is logged with."""
    return Facts(sealed.bundle.sha256, sealed.figures, sealed.evidence,
                 request.accept_estimated if sealed.evidence == "estimated" else None)


def _facts_of(history: History, lost: str) -> Facts:
    """What the log knows of a version that MLflow has lost."""
    entry = history.release_of(lost)
    if entry is None:  # champion from before the log
        return Facts("unknown", Figures("unknown", {}), "unknown", None)
    return Facts(entry.bundle_sha256, entry.figures, entry.evidence, entry.accepted_estimate)


def _shown(number: str | None) -> str:
    return "no version" if number is None else f"version {number}"
