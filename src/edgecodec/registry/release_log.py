"""The release log: which version became champion, when, by whom and why. An edited or removed entry shows.

It is kept in MLflow beside the models, so that everyone who releases reads and writes the same log, on the local store
and on a server alike. Each entry is one parameter, ``entry.0001``, of one run:

- MLflow lets a parameter be written once and never changed. Two people who append entry 7 write different text, the
  database takes one of them, and the other is told: this is the compare-and-set that aliases do not have.
- Each entry holds the sha256 of the one before it; the registered model's tag ``release_log.head`` holds that of the
  last. Whoever edits or removes an entry in the database would have to rewrite all that follow, and the tag; whoever
  noted down the hash that ``edgecodec releases history`` prints would still see it.
- Entries are signed, and where the project lists the keys that count, every one must be
  (:mod:`edgecodec.registry.signatures`): who owns the database can rewrite the hashes, but not the signatures.
- Which run it is stands in a tag of the registered model ``<model>.release-log``, which is created together with that
  tag. MLflow creates a name once, so that two people who release first find one log.

An entry is a decision. It is appended before any alias moves, and ``settled.0007`` is written when all have moved;
whoever finds an entry that is not settled moves the aliases to where it says (see :mod:`edgecodec.registry.releases`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from pydantic import TypeAdapter, ValidationError

from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import MetricName
from edgecodec.registry.signatures import KNOWN_UNTIL, Signature, SigningKey, TrustedKeys
from edgecodec.registry.store import Store, create_registered_model, registered_model

Action = Literal["promote", "restore", "rollback", "repair", "approve"]
BEGINNING = "0" * 64  # what the first entry holds instead of a hash
RUN, HEAD = "release_log.run", "release_log.head"  # tags of registered models
ENTRY, SETTLED = "entry.", "settled."  # parameters of the run
DESCRIPTION = """\
The release log of the registered model `{name}`: the parameters of run `{run}` in experiment `{experiment}`.
Written by `edgecodec releases promote`, `rollback`, `repair` and `approve`, read by `history`. Do not delete it.
"""


@dataclass(frozen=True)
class Aliases:
    """The versions that the aliases of a release point to."""

    champion: str | None
    previous_champion: str | None


@dataclass(frozen=True)
class Figures:
    """What a later candidate is compared with."""

    validation_digest: str
    error_percent: dict[str, float]  # by rate; in the unit of the metric, whatever the log has always called it
    metric: MetricName = "relative"


@dataclass(frozen=True)
class Entry:
    """One release, or an approval of one."""

    number: int  # from 1
    action: Action  # restore: the champion stays, its alias had been moved; repair: MLflow has lost the version;
    # approve: nothing moves
    version: str
    bundle_sha256: str
    figures: Figures
    evidence: str
    accepted_estimate: str | None  # why an estimated latency was good enough
    before: Aliases
    after: Aliases
    who: str
    when: str  # ISO 8601, UTC
    reason: str
    nonce: str  # no two attempts write the same text
    previous: str  # sha256 of the entry before
    signature: Signature | None = None  # of all else

    @property
    def line(self) -> str:
        """The text that is stored."""
        content = asdict(self)
        return _text(content) if self.signature else _unsigned(content)


@dataclass(frozen=True)
class History:
    """What the log held when it was read."""

    entries: tuple[Entry, ...]  # oldest first
    head: str  # sha256 of the last entry
    unsettled: Entry | None  # the last entry, if aliases may not be where it says

    @property
    def decisions(self) -> list[Entry]:
        """The entries that say what is released, so no approvals."""
        return [entry for entry in self.entries if entry.action != "approve"]

    @property
    def champions(self) -> list[str]:
        """The line of champions: the present one, last, and those that ``rollback`` goes back to, nearest last.

        After a repair the present one may be none; then all are such that ``rollback`` goes back to.
        """
        if not self.decisions:
            return []
        found = self.decisions[0].before
        chain = [version for version in (found.previous_champion, found.champion) if version is not None]
        for entry in self.decisions:
            if entry.action == "promote" and entry.version not in chain[-1:]:
                chain.append(entry.version)
            elif entry.action == "rollback":
                while chain[-1:] != [entry.version]:
                    chain.pop()
            elif entry.action == "repair":
                chain = without(entry.version, chain)
        return chain

    def release_of(self, version: str) -> Entry | None:
        """The last entry by which ``version`` became champion."""
        return next((entry for entry in reversed(self.decisions)
                     if entry.version == version and entry.action != "repair"), None)

    def people_behind(self, version: str, bundle_sha256: str, signers: Mapping[str, str]) -> set[str]:
        """Who approved or promoted these bytes of ``version``, since a rollback withdrew it last.

        Args:
            signers: owners of the trusted keys, by fingerprint. Who signed with one counts as its owner, whatever
                name the entry has.
        """
        people: set[str] = set()
        for entry in self.entries:
            if entry.action == "rollback" and entry.before.champion == version:
                people.clear()
            elif entry.action in ("approve", "promote") and (entry.version, entry.bundle_sha256) == (
                    version, bundle_sha256):
                people.add(signers.get(entry.signature.key, entry.who) if entry.signature else entry.who)
        return people


def without(lost: str, chain: Sequence[str]) -> list[str]:
    """``chain`` of champions without a version that is lost; no version follows itself."""
    left = [version for version in chain if version != lost]
    return [version for version, before in zip(left, [None, *left], strict=False) if version != before]


_ENTRY = TypeAdapter(Entry)


class EntryTakenError(EdgeCodecError):
    """Someone else appended this entry first."""


@dataclass(frozen=True)
class ReleaseLog:
    """The log of the registered model ``name``. Reading it checks it."""

    client: MlflowClient
    name: str
    run_id: str | None  # None: nothing was released yet
    trusted: TrustedKeys | None = None  # whose signatures it must have

    @classmethod
    def open(cls, store: Store, name: str, trusted: TrustedKeys | None) -> ReleaseLog:
        """The log of ``name`` if there is one.

        Raises:
            EdgeCodecError: there was one, and it is gone.
        """
        bound = _tags(store.client, _binding(name)).get(RUN)
        known = _tags(store.client, name)
        if bound != known.get(RUN, bound):
            raise EdgeCodecError(f"release log of {name}: registered model {_binding(name)} was deleted or changed "
                                 f"(its tag {RUN} was {known[RUN]}); restore the MLflow database from a backup")
        return cls(store.client, name, bound, trusted)

    @classmethod
    def create(cls, store: Store, name: str, trusted: TrustedKeys | None) -> ReleaseLog:
        """The log of ``name``, created if it is new."""
        found = cls.open(store, name, trusted)
        if found.run_id is not None:
            return found
        client, experiment = store.client, store.experiment(f"{name}-releases")
        run = client.create_run(experiment, run_name="release log").info.run_id
        client.set_terminated(run)
        description = DESCRIPTION.format(name=name, run=run, experiment=f"{name}-releases")
        if not create_registered_model(client, _binding(name), description, {RUN: run}):
            client.delete_run(run)
        return cls.open(store, name, trusted)

    def read(self) -> History:
        """All entries, checked.

        Raises:
            EdgeCodecError: an entry was edited or removed, or has no signature that is trusted; the text names it.
        """
        stored = self._stored()
        lines, settled = _numbered(stored, ENTRY), _numbered(stored, SETTLED)
        entries: list[Entry] = []
        head = BEGINNING
        for number in range(1, max([*lines, *settled], default=0) + 1):
            if number not in lines:
                raise self._tampered(f"entry {number} was removed")
            entry = self._read(number, lines[number])
            if entry.previous != head:
                raise self._tampered(f"entry {number - 1 or number} was edited: entry {number} holds another hash of "
                                     "what came before it")
            entries.append(entry)
            head = _sha256(lines[number])
        self._check_head(lines)
        self._check_signatures(entries, lines)
        unsettled = entries[-1] if entries and entries[-1].number not in settled else None
        return History(tuple(entries), head, unsettled)

    def signed(self, entry: Entry, key: SigningKey | None) -> Entry:
        """``entry`` with a signature, if there is a key."""
        return entry if key is None else replace(entry, signature=key.sign(self._message(entry.line)))

    def append(self, entry: Entry) -> None:
        """Write ``entry``, the next one, or nothing.

        Raises:
            EntryTakenError: someone else's entry has this number.
        """
        try:
            self.client.log_param(self.run_id, f"{ENTRY}{entry.number:04d}", entry.line)
        except MlflowException:
            written = _numbered(self._stored(), ENTRY).get(entry.number)
            if written is None:
                raise
            if written != entry.line:
                raise EntryTakenError(f"release log of {self.name}: entry {entry.number} is taken") from None

    def settle(self, history: History) -> None:
        """Note that all aliases and tags are as the last entry of ``history`` says."""
        number = history.entries[-1].number
        known = _tags(self.client, self.name)
        for tag, value in ((RUN, self.run_id), (HEAD, f"{number} {history.head}")):
            if known.get(tag) != value:
                self.client.set_registered_model_tag(self.name, tag, value)
        self.client.log_param(self.run_id, f"{SETTLED}{number:04d}", "yes")

    def _stored(self) -> dict[str, str]:
        """The parameters of the run."""
        if self.run_id is None:
            return {}
        run = self.client.get_run(self.run_id)
        if run.info.lifecycle_stage != "active":
            raise EdgeCodecError(f"release log of {self.name}: its run was deleted; restore it (mlflow runs restore "
                                 f"--run-id {self.run_id})")
        return dict(run.data.params)

    def _read(self, number: int, line: str) -> Entry:
        try:
            entry = _ENTRY.validate_json(line, strict=True)
        except ValidationError:
            raise self._tampered(f"entry {number} was edited: it is no entry any more") from None
        if entry.number != number:
            raise self._tampered(f"entry {number} was edited: it says that it is entry {entry.number}")
        return entry

    def _check_head(self, lines: Mapping[int, str]) -> None:
        """The tag may be late by an entry that is not settled, but what it names must be there."""
        tag = _tags(self.client, self.name).get(HEAD)
        if tag is None:
            return
        number = int(tag.partition(" ")[0]) if re.fullmatch(r"\d+ [0-9a-f]{64}", tag) else 0
        if number > len(lines):
            raise self._tampered(f"entry {len(lines) + 1} was removed, and all after it")
        if number == 0 or tag != f"{number} {_sha256(lines[number])}":
            raise self._tampered(f"entry {number or len(lines)} was edited, or tag {HEAD}: they do not agree")

    def _check_signatures(self, entries: Sequence[Entry], lines: Mapping[int, str]) -> None:
        if self.trusted is None:
            return
        known, path = self.trusted.known_until, self.trusted.path
        if known and _sha256(lines.get(known, "")) != self.trusted.known_sha256:
            raise self._tampered(f"entry {known} is not the one that {path} knows ({KNOWN_UNTIL}), or is gone")
        for entry in entries[known:]:
            named = f"release log of {self.name}: entry {entry.number}"
            if entry.signature is None:
                raise EdgeCodecError(f"{named} is not signed; if you know it and all before it to be right, say so in "
                                     f"{path}: {KNOWN_UNTIL} {entry.number} {_sha256(lines[entry.number])}")
            self.trusted.signer_of(self._message(lines[entry.number]), entry.signature, named)

    def _message(self, line: str) -> bytes:
        """What is signed: the text of an entry but for its signature, and which model's log it is in."""
        return f"{self.name}\n{_unsigned(json.loads(line))}".encode()

    def _tampered(self, what: str) -> EdgeCodecError:
        return EdgeCodecError(f"release log of {self.name}: {what}; nothing is released until the MLflow database is "
                              "restored from a backup")


def _binding(name: str) -> str:
    return f"{name}.release-log"


def _tags(client: MlflowClient, name: str) -> dict[str, str]:
    """Tags of a registered model; none if there is no such model."""
    model = registered_model(client, name)
    return {} if model is None else dict(model.tags)


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


def _unsigned(content: Mapping[str, Any]) -> str:
    return _text({name: value for name, value in content.items() if name != "signature"})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _numbered(stored: Mapping[str, str], prefix: str) -> dict[int, str]:
    """Texts by the number in their name."""
    return {int(name.removeprefix(prefix)): text for name, text in stored.items()
            if re.fullmatch(rf"{re.escape(prefix)}\d+", name)}
