"""The gateway: subscribes to packets, keeps them in a journal, and turns journals into files.

A packet is acknowledged to the broker when it is in the journal, not before, and the session with the broker outlives
a connection: what the gateway has not acknowledged, and what came while it was away, the broker delivers again.

Three threads: the network's takes packets in; one keeps them, all that came while the disk was busy at once; and
:meth:`Gateway.run` turns journals into files.

It speaks MQTT 3.1.1, which every broker understands.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.asking import Asking
from edgecodec.gateway.conversion import Decoded, convert
from edgecodec.gateway.journal import Journal, Received, journals, next_journal, number_of
from edgecodec.gateway.memory import Memory
from edgecodec.gateway.nodes import NO_NODES, NodeTable
from edgecodec.gateway.ownership import Ownership
from edgecodec.gateway.sinks import SINKS
from edgecodec.gateway.traffic import Traffic
from edgecodec.gateway.versions import Decoders

QOS = 1  # at least once: what comes twice MQTT marks, and the gateway remembers. Of QoS 2 the client forgets in a crash
RECONNECT_SECONDS = 30  # at most, between attempts to reach the broker
BRIEF_SECONDS = 5  # a connection that ends sooner was brief;
BRIEF_CONNECTIONS = 5  # so many in a row: two clients that drive each other out by the same client id
TOGETHER = 1024  # packets that are kept at once, at most
SHARED = "$share/"  # begins the topic of a shared subscription: $share/GROUP/TOPIC
log = logging.getLogger("edgecodec.gateway")


@dataclass(frozen=True)
class Broker:
    host: str
    port: int
    topic: str  # may have wildcards, and be shared
    client_id: str | None = None  # by which the broker knows the gateway again; None: the folder's own
    tls: bool = False
    username: str | None = None
    password: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Arrival:
    received: Received
    delivered_again: bool  # as the broker says
    quality: int  # of service, by which it waits for an answer


@dataclass(frozen=True)
class Rotation:
    """A journal becomes files when it has so many packets or is so old, whichever comes first."""

    packets: int
    seconds: float


def _stopping_on_failure(callback: Callable[..., None]) -> Callable[..., None]:
    """An exception would end the network's thread, and nobody would hear of it: it stops the gateway instead."""
    @wraps(callback)
    def guarded(gateway: Gateway, *arguments: Any) -> None:
        try:
            callback(gateway, *arguments)
        except Exception as failure:
            gateway._fail(failure)
    return guarded


class Gateway:
    """Receives packets from ``broker`` into files in ``folder``, which it owns until :meth:`run` ends.

    Args:
        clock: tells when packets arrive and what day it is; journals age by the machine's.

    Raises:
        EdgeCodecError: another gateway owns ``folder``, what it remembers is damaged, or ``table`` has nodes asked by
            a gateway that shares its subscription.
    """

    def __init__(self, broker: Broker, folder: Path, decoders: Decoders, rotation: Rotation,
                 table: NodeTable = NO_NODES, show: Callable[[Decoded], None] = lambda decoded: None,
                 kind: str = "parquet", clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        if broker.topic.startswith(SHARED) and any(node.ask for node in table.nodes.values()):
            raise EdgeCodecError(f"table of nodes: has nodes that are asked for windows, but by {broker.topic} the "
                                 "answers come to others, too; ask by one gateway with a topic that is not shared")
        self._broker = broker
        self._folder = folder
        self._decoders = decoders
        self._rotation = rotation
        self._table = table
        self._show = show
        self._clock = clock
        self._lock = threading.Lock()  # the broker's thread appends while this one rotates
        self._arrived: SimpleQueue[Arrival] = SimpleQueue()  # not kept yet, so not acknowledged
        self._stop = threading.Event()
        self._subscribed = threading.Event()
        self._failure: Exception | None = None
        self._connected_since: float | None = None
        self._brief_connections = 0
        self.traffic = Traffic()
        self._ownership = Ownership(folder)
        self._memory = Memory.open(folder, broker.client_id)
        self._sink = SINKS[kind](folder, self._memory.client_id)
        self._asking = Asking(folder, table, self.traffic)
        self._ownership.sign(self._memory.client_id)
        self._journal = self._next_journal()

    @property
    def is_subscribed(self) -> bool:
        """Whether the broker has accepted the topic since the gateway started."""
        return self._subscribed.is_set()

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there, and has accepted the topic."""
        return self.is_subscribed and self._connected_since is not None

    @property
    def has_stopped(self) -> bool:
        """Whether :meth:`run` ends, or has ended."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End :meth:`run`, from a signal handler or another thread."""
        self._stop.set()

    def run(self) -> None:
        """Receive until :meth:`stop`; then turn into files what was received.

        Raises:
            EdgeCodecError: packets cannot be kept, for instance because the disk is full; the broker refuses the
                topic; another client has the same client id.
        """
        try:
            with self._connected() as client, self._keeping(client):
                while not self._stop.wait(0.1):
                    age = (datetime.now(UTC) - self._journal.opened).total_seconds()
                    if self._journal.packets >= self._rotation.packets or age >= self._rotation.seconds:
                        self._rotate()
                        self._ask(client)
            try:
                self._journal.close()
            except OSError as failure:
                self._fail(failure)
            if isinstance(self._failure, OSError):
                raise EdgeCodecError(f"{self._folder}: {self._failure.strerror}; the broker keeps what follows, mend "
                                     "this and start the gateway again") from self._failure
            self._convert_all(journals(self._folder))
            log.info("stopped: %s", self.traffic)
            if self._failure is not None:
                raise self._failure
        finally:
            self._ownership.release()

    def receive(self, arrivals: Sequence[Arrival]) -> None:
        """Keep packets, but for those of which MQTT proves that they are there already."""
        with self._lock:
            for arrival in arrivals:
                received = arrival.received
                self.traffic.packets += 1
                if self._memory.knows(received, arrival.delivered_again):
                    self.traffic.known += 1
                else:
                    received = replace(received, repeated=self._memory.has_equal(received))
                    self._journal.append(received)
                    self.traffic.repeated += received.repeated
                self._memory.remember(received)
            self._journal.synchronize()

    @contextmanager
    def _keeping(self, client: Client) -> Iterator[None]:
        """A thread keeps what arrives: all that came while it kept what came before, at once."""
        keeping = threading.Thread(target=self._keep_all, args=(client,), name="keeping")
        keeping.start()
        try:
            yield
        finally:
            self.stop()
            keeping.join()

    def _keep_all(self, client: Client) -> None:
        while not self._stop.is_set():
            with suppress(Empty):
                arrivals = [self._arrived.get(timeout=0.1)]
                while len(arrivals) < TOGETHER and not self._arrived.empty():
                    arrivals.append(self._arrived.get())
                self._keep(client, arrivals)

    @_stopping_on_failure
    def _keep(self, client: Client, arrivals: Sequence[Arrival]) -> None:
        self.receive(arrivals)
        with self._lock:
            for arrival in arrivals:
                if arrival.received.session == self._memory.session:  # in another one the id is of another message
                    client.ack(arrival.received.message, arrival.quality)

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        client = Client(CallbackAPIVersion.VERSION2, self._memory.client_id, clean_session=False, manual_ack=True)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_message = self._on_message
        client.reconnect_delay_set(1, RECONNECT_SECONDS)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            client.tls_set()
        client.connect_async(self._broker.host, self._broker.port)
        client.loop_start()
        try:
            yield client
        finally:
            client.disconnect()
            client.loop_stop()

    @_stopping_on_failure
    def _on_connect(self, client: Client, _userdata: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if self._failure is not None:
            return  # what it remembers may not have been kept
        if reason.is_failure:
            log.error("%s refuses the gateway: %s", self._broker, reason)
            return
        self._connected_since = time.monotonic()
        if not flags.session_present:
            with self._lock:
                self._memory.begin_session()
                self._memory.save(self._folder)
        client.subscribe(self._broker.topic, QOS)

    @_stopping_on_failure
    def _on_subscribe(self, client: Client, _userdata: Any, _mid: Any, reasons: Any, _properties: Any) -> None:
        """The session may be subscribed to what an earlier start was given; each packet would come by both ways."""
        if reasons[0].is_failure:
            raise EdgeCodecError(f"{self._broker} refuses the topic {self._broker.topic} to client id "
                                 f"{self._memory.client_id}; give another --topic, or permit it in the broker")
        if self._memory.topic in ("", self._broker.topic):
            self._on_unsubscribe()
        else:
            client.unsubscribe(self._memory.topic)

    @_stopping_on_failure
    def _on_unsubscribe(self, *_: Any) -> None:
        """The session subscribes to nothing but the topic."""
        with self._lock:
            self._memory.topic = self._broker.topic
            self._memory.save(self._folder)
        self._subscribed.set()
        log.info("connected to %s, topic %s, client id %s", self._broker, self._broker.topic, self._memory.client_id)

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        log.warning("cannot connect to %s (%s); trying again", self._broker, sys.exc_info()[1])

    @_stopping_on_failure
    def _on_disconnect(self, _client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self._stop.is_set():
            return
        if self._connected_since is not None:
            is_brief = time.monotonic() - self._connected_since < BRIEF_SECONDS
            self._brief_connections = self._brief_connections + 1 if is_brief else 0
            self._connected_since = None
        if self._brief_connections == BRIEF_CONNECTIONS:
            raise EdgeCodecError(
                f"client id {self._memory.client_id}: {self._broker} ended {BRIEF_CONNECTIONS} connections in a row "
                f"within {BRIEF_SECONDS} s; most likely another client has the same id: stop it, or give this gateway "
                "another by --client-id")
        log.warning("connection lost (%s); trying again", reason)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        received = Received(message.topic, self._clock(), bytes(message.payload), retained=message.retain,
                            session=self._memory.session, message=message.mid)
        self._arrived.put(Arrival(received, message.dup, message.qos))

    def _fail(self, failure: Exception) -> None:
        """Stop for the first failure; what is not acknowledged stays with the broker."""
        self._failure = self._failure or failure
        self.stop()

    def _next_journal(self) -> Journal:
        journal = next_journal(self._folder, self._memory.newest_journal)
        self._memory.newest_journal = number_of(journal.path)
        return journal

    def _rotate(self) -> None:
        with self._lock:
            self._journal.close()
            self._journal = self._next_journal()
        self._convert_all([path for path in journals(self._folder) if path != self._journal.path])

    def _ask(self, client: Client) -> None:
        """Send nodes the requests that are due. One that is lost on the way is repeated, as one without an answer."""
        if self.is_connected:
            due = list(self._asking.requests(self._clock()))
            self._asking.save()
            for topic, message in due:
                client.publish(topic, message, QOS)

    def _observe(self, decoded: Decoded) -> None:
        self._asking.observe(decoded)
        self._show(decoded)

    def _convert_all(self, finished: list[Path]) -> None:
        """What cannot be converted now, because the registry is out of reach, is tried again at the next rotation."""
        if finished:
            with self._lock:
                self._memory.save(self._folder)
        for path in finished:
            try:
                done = convert(path, self._decoders, self._table, self._observe, self._sink)
            except EdgeCodecError as error:
                log.error("%s stays for later: %s", path.name, error)
                return
            self._asking.save()
            if not self._broker.topic.startswith(SHARED):  # else others get their part: what is missing says nothing
                self.traffic.follow(done.places)
            self.traffic.undecoded += len(done.undecoded)
            log.info("%s: %d windows, %d packets not decoded; %s", path.stem, done.windows, len(done.undecoded),
                     self.traffic)
            for reason in sorted({each.reason for each in done.undecoded}):
                log.warning("undecoded/%s.parquet: %s", path.stem, reason)
            for node, version in sorted(done.unexpected):
                log.warning("%s: runs version %s, which is not what the table of nodes says; correct one or the other",
                            node, version)
