"""Packets from a topic of Kafka, whose partitions are shared by the gateways of a group.

A record's offset in its partition tells whether it was kept. The next records are asked for when those before are on
disk and their offsets committed, so few can come again: after a crash, or when the group has dealt its partitions anew.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.journal import Received
from edgecodec.gateway.memory import UNCOMMITTED
from edgecodec.gateway.source import Arrival, Receiver

SESSION_SECONDS = 10  # a gateway that is not heard for so long loses its partitions to the others
RECONNECT_SECONDS = 30  # at most, between attempts to reach a broker
log = logging.getLogger("edgecodec.gateway")


@dataclass(frozen=True)
class Cluster:
    brokers: str  # some of them: HOST:PORT[,HOST:PORT]
    topic: str
    group: str
    client_id: str | None = None  # by which the brokers' logs name the gateway; None: the folder's own
    tls: bool = False
    username: str | None = None
    password: str | None = None

    @property
    def is_shared(self) -> bool:
        """A node's key brings all its packets to one partition."""
        return False

    @property
    def why_not_to_ask(self) -> str:
        return "Kafka brings no requests to nodes; ask by a gateway with --broker, or take `ask` out of the table"

    def settings(self) -> dict[str, Any]:
        """For the library, without the client id."""
        protocol = ("SASL_" if self.username else "") + ("SSL" if self.tls else "PLAINTEXT")
        user = {"sasl.mechanism": "PLAIN", "sasl.username": self.username, "sasl.password": self.password or ""}
        return {"bootstrap.servers": self.brokers, "group.id": self.group, "security.protocol": protocol,
                **(user if self.username else {})}

    def __str__(self) -> str:
        return self.brokers


class Kafka:
    """The records of ``cluster`` that fall to this member of the group.

    Raises:
        EdgeCodecError: the package confluent-kafka is absent.
    """

    def __init__(self, cluster: Cluster, receiver: Receiver) -> None:
        self._library = _confluent_kafka()
        self._cluster = cluster
        self._receiver = receiver
        self._kept: SimpleQueue[list[Arrival]] = SimpleQueue()  # not committed yet
        self._stopping = Event()
        self._was_told: bool | None = None  # whether there is a connection
        self._trouble = ""  # of which the library spoke last
        self._is_subscribed = False
        self._receiving = Thread(target=self._receive_all, name="kafka")

    @property
    def is_subscribed(self) -> bool:
        return self._is_subscribed

    @property
    def is_connected(self) -> bool:
        return self._was_told is True

    def start(self) -> None:
        self._join()
        self._receiving.start()

    def acknowledge(self, arrivals: list[Arrival]) -> None:
        self._kept.put(arrivals)

    def send(self, topic: str, message: bytes) -> None:
        raise EdgeCodecError(self._cluster.why_not_to_ask)

    def stop(self) -> None:
        self._stopping.set()
        self._receiving.join()
        self._consumer.close()

    def _receive_all(self) -> None:
        """An exception would end the thread, and nobody would hear of it: it stops the gateway instead."""
        try:
            while not self._receiver.has_stopped:
                self._receive()
        except Exception as failure:
            self._receiver.fail(failure)

    def _join(self) -> None:
        """Become a member of the group, to whom records come from where the group has committed."""
        self._consumer = self._library.Consumer(self._cluster.settings() | {
            "client.id": self._receiver.memory.client_id,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",  # for a group that is new
            "allow.auto.create.topics": False,
            "session.timeout.ms": SESSION_SECONDS * 1000,
            "reconnect.backoff.max.ms": RECONNECT_SECONDS * 1000,
            "statistics.interval.ms": 1000,
            "stats_cb": self._on_statistics,
            "error_cb": self._on_error,
            "log_level": 0,  # what matters comes by the two
        })
        # With a callback the library gives up partitions only when it is asked for records: all are committed then.
        self._consumer.subscribe([self._cluster.topic], on_revoke=lambda _consumer, _partitions: None)

    def _receive(self) -> None:
        """Hand over some records, and wait until they are kept and committed."""
        waiting, is_member = 0, True
        for record in self._consumer.consume(UNCOMMITTED, timeout=0.1):
            if record.error() is not None:
                self._on_error(record.error())
            else:
                self._receiver.take(self._arrival(record))
                waiting += 1
        while waiting and not (self._stopping.is_set() and self._kept.empty()):
            with suppress(Empty):
                arrivals = self._kept.get(timeout=0.1)
                is_member = self._commit(arrivals)
                waiting -= len(arrivals)
        if not is_member:
            self._consumer.close()
            self._join()

    def _arrival(self, record: Any) -> Arrival:
        """A record without key stands under the name of the topic."""
        key = record.key() or self._cluster.topic.encode()
        _, timestamp = record.timestamp()  # tells it from one in a topic of the same name that was there before
        return Arrival(Received(key.decode(errors="backslashreplace"), self._receiver.now(), record.value() or b"",
                                session=f"{self._cluster.topic}@{timestamp}", message=record.offset() + 1,
                                partition=record.partition()), delivered_again=True)

    def _commit(self, arrivals: list[Arrival]) -> bool:
        """Try until the brokers are there. False: the group has dealt its partitions without this gateway."""
        kinds, ends = self._library.KafkaError, {each.received.partition: each.received.message for each in arrivals}
        offsets = [self._library.TopicPartition(self._cluster.topic, *place) for place in ends.items()]
        while (error := self._error_of_commit(offsets)) is not None:
            self._on_error(error)
            if error.code() in (kinds.ILLEGAL_GENERATION, kinds.UNKNOWN_MEMBER_ID, kinds.REBALANCE_IN_PROGRESS):
                return False
            self._tell(False)
            if self._stopping.wait(1):
                break
        return True

    def _error_of_commit(self, offsets: list[Any]) -> Any:
        try:
            done = self._consumer.commit(offsets=offsets, asynchronous=False)
        except self._library.KafkaException as failure:
            return failure.args[0]
        return next((each.error for each in done if each.error is not None), None)

    def _on_statistics(self, statistics: str) -> None:
        group = json.loads(statistics).get("cgrp", {})
        is_connected = group.get("state") == "up"
        self._is_subscribed |= is_connected and group.get("join_state") == "steady"
        self._tell(is_connected and self._is_subscribed)

    def _on_error(self, error: Any) -> None:
        """
        Raises:
            EdgeCodecError: it is one that does not pass.
        """
        kinds, what = self._library.KafkaError, self._cluster
        if error.code() == kinds.UNKNOWN_TOPIC_OR_PART:
            raise EdgeCodecError(f"{what} has no topic {what.topic}; create it, or give another --topic")
        if error.code() in (kinds.TOPIC_AUTHORIZATION_FAILED, kinds.GROUP_AUTHORIZATION_FAILED):
            raise EdgeCodecError(f"{what} refuses topic {what.topic} or group {what.group} to user {what.username}; "
                                 "permit both, or give others by --topic and --group")
        if error.fatal():
            raise EdgeCodecError(f"{what}: {error.str()}")
        if error.code() != kinds._ALL_BROKERS_DOWN:  # which has no reason
            self._trouble = error.str()

    def _tell(self, is_connected: bool) -> None:
        """Once for each time that it comes and goes."""
        if is_connected == self._was_told or not (is_connected or self._trouble):
            return
        if is_connected:
            log.info("connected to %s, topic %s, group %s, client id %s", self._cluster, self._cluster.topic,
                     self._cluster.group, self._receiver.memory.client_id)
        else:
            log.warning("%s %s (%s); trying again", "connection lost:" if self._was_told else "cannot connect to",
                        self._cluster, self._trouble)
        self._was_told = is_connected


def _confluent_kafka() -> Any:
    try:
        import confluent_kafka
    except ModuleNotFoundError:
        raise EdgeCodecError("Kafka wants the package confluent-kafka: pip install -e .[kafka] -c constraints.txt"
                             ) from None
    return confluent_kafka
