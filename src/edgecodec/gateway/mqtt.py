"""Packets from a broker of MQTT.

The session with the broker outlives a connection: what the gateway has not acknowledged, and what came while it was
away, the broker delivers again.

It speaks MQTT 3.1.1, which every broker understands.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from threading import Event
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.journal import Received
from edgecodec.gateway.source import Arrival, Receiver

QOS = 1  # at least once: what comes twice MQTT marks, and the gateway remembers. Of QoS 2 the client forgets in a crash
RECONNECT_SECONDS = 30  # at most, between attempts to reach the broker
BRIEF_SECONDS = 5  # a connection that ends sooner was brief;
BRIEF_CONNECTIONS = 5  # so many in a row: two clients that drive each other out by the same client id
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

    @property
    def is_shared(self) -> bool:
        return self.topic.startswith(SHARED)

    @property
    def why_not_to_ask(self) -> str | None:
        return (f"by {self.topic} the answers come to others, too; ask by one gateway with a topic that is not shared"
                if self.is_shared else None)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def _stopping_on_failure(callback: Callable[..., None]) -> Callable[..., None]:
    """An exception would end the network's thread, and nobody would hear of it: it stops the gateway instead."""
    @wraps(callback)
    def guarded(source: Mqtt, *arguments: Any) -> None:
        try:
            callback(source, *arguments)
        except Exception as failure:
            source.receiver.fail(failure)
    return guarded


class Mqtt:
    """The packets that ``broker`` has for the client id that ``receiver`` remembers."""

    def __init__(self, broker: Broker, receiver: Receiver) -> None:
        self._broker = broker
        self.receiver = receiver
        self._subscribed = Event()
        self._connected_since: float | None = None
        self._brief_connections = 0
        memory = receiver.memory
        self._client = Client(CallbackAPIVersion.VERSION2, memory.client_id, clean_session=False, manual_ack=True)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_unsubscribe = self._on_unsubscribe
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, RECONNECT_SECONDS)
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            self._client.tls_set()

    @property
    def is_subscribed(self) -> bool:
        return self._subscribed.is_set()

    @property
    def is_connected(self) -> bool:
        return self.is_subscribed and self._connected_since is not None

    def start(self) -> None:
        self._client.connect_async(self._broker.host, self._broker.port)
        self._client.loop_start()

    def acknowledge(self, arrivals: list[Arrival]) -> None:
        with self.receiver.lock:
            for received in (arrival.received for arrival in arrivals):
                # In another session the id is of another message; at QoS 0 there is none.
                if received.message and received.session == self.receiver.memory.session:
                    self._client.ack(received.message, QOS)

    def send(self, topic: str, message: bytes) -> None:
        self._client.publish(topic, message, QOS)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @_stopping_on_failure
    def _on_connect(self, client: Client, _userdata: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if self.receiver.has_stopped:
            return  # what it remembers may not have been kept
        if reason.is_failure:
            log.error("%s refuses the gateway: %s", self._broker, reason)
            return
        self._connected_since = time.monotonic()
        if not flags.session_present:
            with self.receiver.lock:
                self.receiver.memory.begin_session()
                self.receiver.save()
        client.subscribe(self._broker.topic, QOS)

    @_stopping_on_failure
    def _on_subscribe(self, client: Client, _userdata: Any, _mid: Any, reasons: Any, _properties: Any) -> None:
        """The session may be subscribed to what an earlier start was given; each packet would come by both ways."""
        memory = self.receiver.memory
        if reasons[0].is_failure:
            raise EdgeCodecError(f"{self._broker} refuses the topic {self._broker.topic} to client id "
                                 f"{memory.client_id}; give another --topic, or permit it in the broker")
        if memory.topic in ("", self._broker.topic):
            self._on_unsubscribe()
        else:
            client.unsubscribe(memory.topic)

    @_stopping_on_failure
    def _on_unsubscribe(self, *_: Any) -> None:
        """The session subscribes to nothing but the topic."""
        with self.receiver.lock:
            self.receiver.memory.topic = self._broker.topic
            self.receiver.save()
        self._subscribed.set()
        log.info("connected to %s, topic %s, client id %s", self._broker, self._broker.topic,
                 self.receiver.memory.client_id)

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        log.warning("cannot connect to %s (%s); trying again", self._broker, sys.exc_info()[1])

    @_stopping_on_failure
    def _on_disconnect(self, _client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self.receiver.has_stopped:
            return
        if self._connected_since is not None:
            is_brief = time.monotonic() - self._connected_since < BRIEF_SECONDS
            self._brief_connections = self._brief_connections + 1 if is_brief else 0
            self._connected_since = None
        if self._brief_connections == BRIEF_CONNECTIONS:
            raise EdgeCodecError(
                f"client id {self.receiver.memory.client_id}: {self._broker} ended {BRIEF_CONNECTIONS} connections in "
                f"a row within {BRIEF_SECONDS} s; most likely another client has the same id: stop it, or give this "
                "gateway another by --client-id")
        log.warning("connection lost (%s); trying again", reason)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        received = Received(message.topic, self.receiver.now(), bytes(message.payload), retained=message.retain,
                            session=self.receiver.memory.session, message=message.mid)
        self.receiver.take(Arrival(received, message.dup))
