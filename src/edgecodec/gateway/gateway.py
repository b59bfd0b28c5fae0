"""The gateway: subscribes to packets, keeps them in a journal, and turns journals into files.

A packet is acknowledged to the broker when it is in the journal, not before, and the session with the broker outlives
a connection: what the gateway has not acknowledged, and what came while it was away, the broker delivers again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edgecodec.deploy.packet import read_header
from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.conversion import Decoded, convert
from edgecodec.gateway.decoders import RegisteredDecoders
from edgecodec.gateway.journal import Received, journals, next_journal, read_journal
from edgecodec.gateway.sequences import Sequences

QOS = 1  # at least once: the gateway recognises repetitions
RECONNECT_SECONDS = 30  # at most, between attempts to reach the broker
log = logging.getLogger("edgecodec.gateway")


@dataclass(frozen=True)
class Broker:
    host: str
    port: int
    topic: str  # may have wildcards
    client_id: str  # by which the broker knows the gateway again
    tls: bool = False
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True)
class Rotation:
    """A journal becomes files when it has so many packets or is so old, whichever comes first."""

    packets: int
    seconds: float


class Gateway:
    """Receives packets from ``broker`` into files in ``folder``."""

    def __init__(self, broker: Broker, folder: Path, decoders: RegisteredDecoders, rotation: Rotation,
                 show: Callable[[Decoded], None] = lambda decoded: None) -> None:
        self._broker = broker
        self._folder = folder
        self._decoders = decoders
        self._rotation = rotation
        self._show = show
        self._lock = threading.Lock()  # the broker's thread appends while this one rotates
        self._stop = threading.Event()
        self._failure: OSError | None = None
        self.sequences = Sequences()
        folder.mkdir(parents=True, exist_ok=True)
        self._remember_packets()
        self._journal = next_journal(folder)

    def stop(self) -> None:
        """End :meth:`run`, from a signal handler or another thread."""
        self._stop.set()

    def run(self) -> None:
        """Receive until :meth:`stop`; then turn into files what was received.

        Raises:
            EdgeCodecError: packets cannot be kept, for instance because the disk is full.
        """
        with self._connected():
            while not self._stop.wait(0.1):
                age = (datetime.now(UTC) - self._journal.opened).total_seconds()
                if self._journal.packets >= self._rotation.packets or age >= self._rotation.seconds:
                    self._rotate()
        self._journal.close()
        self._convert_all(journals(self._folder))
        log.info("stopped: %s", self.sequences.traffic)
        if self._failure is not None:
            raise EdgeCodecError(f"{self._folder}: {self._failure.strerror}; the broker keeps what follows, make room "
                                 "and start the gateway again") from None

    def receive(self, topic: str, packet: bytes) -> None:
        """Keep a packet, unless it is there already."""
        with self._lock:
            self.sequences.traffic.packets += 1
            if self.sequences.is_repeated(topic, packet):
                return
            self._journal.append(Received(topic, datetime.now(UTC), packet))
            with suppress(EdgeCodecError):  # a damaged packet is kept all the same; its conversion tells what is wrong
                self.sequences.follow(topic, read_header(packet).sequence)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        client = Client(CallbackAPIVersion.VERSION2, self._broker.client_id, clean_session=False, manual_ack=True)
        client.on_connect = self._subscribe
        client.on_disconnect = self._tell_why
        client.on_message = self._on_message
        client.reconnect_delay_set(1, RECONNECT_SECONDS)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            client.tls_set()
        client.connect_async(self._broker.host, self._broker.port)
        client.loop_start()
        try:
            yield
        finally:
            client.disconnect()
            client.loop_stop()

    def _subscribe(self, client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("%s:%d refuses the gateway: %s", self._broker.host, self._broker.port, reason)
            return
        client.subscribe(self._broker.topic, QOS)
        log.info("connected to %s:%d, topic %s", self._broker.host, self._broker.port, self._broker.topic)

    def _tell_why(self, _client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not self._stop.is_set():
            log.warning("connection lost (%s); trying again", reason)

    def _on_message(self, client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if self._failure is not None:
            return
        try:
            self.receive(message.topic, bytes(message.payload))
        except OSError as failure:
            self._failure = failure
            self.stop()
        else:
            client.ack(message.mid, message.qos)

    def _rotate(self) -> None:
        with self._lock:
            self._journal.close()
            self._journal = next_journal(self._folder)
        self._convert_all([path for path in journals(self._folder) if path != self._journal.path])

    def _convert_all(self, finished: list[Path]) -> None:
        """What cannot be converted now, because the registry is out of reach, is tried again at the next rotation."""
        for path in finished:
            try:
                done = convert(path, self._decoders, self._show)
            except EdgeCodecError as error:
                log.error("%s stays for later: %s", path.name, error)
                return
            self.sequences.traffic.undecoded += len(done.undecoded)
            log.info("%s: %d windows, %d packets not decoded; %s", path.stem, done.windows, len(done.undecoded),
                     self.sequences.traffic)
            for reason in sorted({each.reason for each in done.undecoded}):
                log.warning("%s.undecoded.parquet: %s", path.stem, reason)

    def _remember_packets(self) -> None:
        """Packets of the last files and of journals that a crash has left: the broker may deliver them again."""
        for path in sorted(self._folder.glob("*.parquet"))[-2:]:
            for row in pyarrow.parquet.read_table(path, columns=["topic", "packet"]).to_pylist():
                self.sequences.remember(row["topic"], row["packet"])
        for path in journals(self._folder):
            for received in read_journal(path):
                self.sequences.remember(received.topic, received.packet)
