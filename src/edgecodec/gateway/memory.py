"""What a gateway remembers beyond its own life, to keep every packet once.

Equal bytes do not make two packets one: a node that starts anew counts from 0 again and may send the very same bytes.
The source proves it in these cases, and only then a message is not kept:

* A broker of MQTT delivers it again: it is marked so (DUP), and has the id, in the same session, of a message with the
  same content that was kept.
* A record of Kafka has topic, partition, offset, timestamp, key and content of one that was kept.
* A broker of MQTT had kept it for those who subscribe later (RETAIN), and its content was kept from this topic before.

What only looks the same is kept, and marked as repeated.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.journal import Received, journals, number_of, read_journal, replacing_durably
from edgecodec.gateway.ownership import OWN
from edgecodec.gateway.tables import newest_number
from edgecodec.storage import read_json

RECENT = 1024  # packets of a topic by which a repetition is marked
UNCOMMITTED = 1024  # records of Kafka that may come again, at most
log = logging.getLogger("edgecodec.gateway")


@dataclass
class Memory:
    """On disk as of the last :meth:`save`; the journals tell what came since."""

    client_id: str  # by which the broker knows the gateway again
    session: str  # with the broker, under the client id
    topic: str = ""  # to which the session subscribes
    newest_journal: int = 0  # files may be moved away: their numbers do not come again
    deliveries: dict[str, str] = field(default_factory=dict)  # what was kept last, by message id or offset
    recent: dict[str, list[str]] = field(default_factory=dict)  # by topic: packets, the newest last
    retained: dict[str, str] = field(default_factory=dict)  # by topic: the packet that the broker keeps

    @classmethod
    def open(cls, folder: Path, client_id: str | None) -> Memory:
        """The memory of ``folder``, with what its journals tell.

        Args:
            client_id: None: the folder's own, which it gets when a gateway first starts there.

        Raises:
            EdgeCodecError: the file or a journal is not as a gateway writes it.
        """
        path = _path(folder)
        if path.exists():
            try:
                memory = cls(**read_json(path))
            except TypeError:
                raise EdgeCodecError(f"{path}: not as a gateway writes it; restore it, or remove it and name the "
                                     "client id by --client-id, for the broker may hold packets for it") from None
        else:
            memory = cls(client_id or f"edgecodec-{_new_name()}", _new_name(), newest_journal=newest_number(folder))
        if client_id not in (None, memory.client_id):
            log.warning("client id %s instead of %s, for which the broker may hold packets", client_id,
                        memory.client_id)
            memory.client_id, memory.session, memory.topic = str(client_id), _new_name(), ""
        for journal in journals(folder):
            memory.newest_journal = max(memory.newest_journal, number_of(journal))
            for received in read_journal(journal):
                memory.remember(received)
        memory.save(folder)
        return memory

    def save(self, folder: Path) -> None:
        """Before journals become files, and when the session changes."""
        with replacing_durably(_path(folder)) as temporary:
            temporary.write_text(json.dumps(vars(self)), encoding="utf-8")

    def begin_session(self) -> None:
        """The broker knows no session: what it delivers from now on is new, whatever its message id."""
        self.session, self.topic = _new_name(), ""

    def knows(self, received: Received, delivered_again: bool) -> bool:
        """Whether the source proves that ``received`` was kept before."""
        if delivered_again and self.deliveries.get(_slot(received)) == _delivery(received):
            return True
        return received.retained and (_content(received) == self.retained.get(received.topic)
                                      or self.has_equal(received))

    def has_equal(self, received: Received) -> bool:
        """Whether the same bytes came on this topic among its last packets."""
        return _content(received) in self.recent.get(received.topic, [])

    def remember(self, received: Received) -> None:
        """Know a packet that is in the journal; done twice, it is as if done once."""
        content = _content(received)
        recent = self.recent.setdefault(received.topic, [])
        if content in recent:
            recent.remove(content)
        recent.append(content)
        del recent[:-RECENT]
        if received.retained:
            self.retained[received.topic] = content
        if received.message:
            self.deliveries[_slot(received)] = _delivery(received)


def _path(folder: Path) -> Path:
    return folder / OWN / "memory.json"


def _new_name() -> str:
    return uuid4().hex[:12]


def _content(received: Received) -> str:
    return hashlib.blake2b(received.packet, digest_size=8).hexdigest()


def _slot(received: Received) -> str:
    """Ids of MQTT are used again. Offsets count on: of each partition as many are known as may come again."""
    if received.partition is None:
        return str(received.message)
    return f"{received.partition}/{received.message % UNCOMMITTED}"


def _delivery(received: Received) -> str:
    place = received.session if received.partition is None else f"{received.session}/{received.message}"
    content = f"{place} {received.topic} ".encode() + received.packet
    return hashlib.blake2b(content, digest_size=8).hexdigest()
