"""The gateway: keeps the packets of a source in a journal, and turns journals into files.

A packet is acknowledged to its source when it is in the journal, not before: what the gateway has not acknowledged, the
source delivers again.

Beside the source's threads there are two: one keeps packets, all that came while the disk was busy at once; and
:meth:`Gateway.run` turns journals into files.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.asking import Asking
from edgecodec.gateway.conversion import Decoded, convert
from edgecodec.gateway.journal import Journal, journals, next_journal, number_of
from edgecodec.gateway.kafka import Cluster, Kafka
from edgecodec.gateway.memory import Memory
from edgecodec.gateway.mqtt import Broker, Mqtt
from edgecodec.gateway.nodes import NO_NODES, NodeTable
from edgecodec.gateway.ownership import Ownership
from edgecodec.gateway.sinks import SINKS
from edgecodec.gateway.source import Address, Arrival, Receiver, Source
from edgecodec.gateway.traffic import Traffic
from edgecodec.gateway.versions import Decoders

TOGETHER = 1024  # packets that are kept at once, at most
SOURCES: Mapping[type[Address], Callable[[Any, Receiver], Source]] = {Broker: Mqtt, Cluster: Kafka}
log = logging.getLogger("edgecodec.gateway")


@dataclass(frozen=True)
class Rotation:
    """A journal becomes files when it has so many packets or is so old, whichever comes first."""

    packets: int
    seconds: float


class Gateway:
    """Receives packets from ``address`` into files in ``folder``, which it owns until :meth:`run` ends.

    Args:
        clock: tells when packets arrive and what day it is; journals age by the machine's.

    Raises:
        EdgeCodecError: another gateway owns ``folder``, what it remembers is damaged, or ``table`` has nodes that this
            source cannot ask.
    """

    def __init__(self, address: Address, folder: Path, decoders: Decoders, rotation: Rotation,
                 table: NodeTable = NO_NODES, show: Callable[[Decoded], None] = lambda decoded: None,
                 kind: str = "parquet", clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        if address.why_not_to_ask is not None and any(node.ask for node in table.nodes.values()):
            raise EdgeCodecError(f"table of nodes: has nodes that are asked for windows, but {address.why_not_to_ask}")
        self._address = address
        self._folder = folder
        self._decoders = decoders
        self._rotation = rotation
        self._table = table
        self._show = show
        self._clock = clock
        self.lock = threading.Lock()  # the thread that keeps appends while this one rotates
        self._arrived: SimpleQueue[Arrival] = SimpleQueue()  # not kept yet, so not acknowledged
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self.traffic = Traffic()
        self._ownership = Ownership(folder)
        self.memory = Memory.open(folder, address.client_id)
        self._sink = SINKS[kind](folder, self.memory.client_id)
        self._asking = Asking(folder, table, self.traffic)
        self._ownership.sign(self.memory.client_id)
        self._source = SOURCES[type(address)](address, self)
        self._journal = self._next_journal()

    @property
    def is_subscribed(self) -> bool:
        """Whether the source has granted packets since the gateway started."""
        return self._source.is_subscribed

    @property
    def is_connected(self) -> bool:
        """Whether the source is there, and grants packets."""
        return self._source.is_connected

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
            EdgeCodecError: packets cannot be kept, for instance because the disk is full; the source refuses
                them, or has another client with the same client id.
        """
        try:
            with self._connected(), self._keeping():
                while not self._stop.wait(0.1):
                    age = (datetime.now(UTC) - self._journal.opened).total_seconds()
                    if self._journal.packets >= self._rotation.packets or age >= self._rotation.seconds:
                        self._rotate()
                        self._ask()
            try:
                self._journal.close()
            except OSError as failure:
                self.fail(failure)
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
        """Keep packets, but for those of which the source proves that they are there already."""
        with self.lock:
            for arrival in arrivals:
                received = arrival.received
                self.traffic.packets += 1
                if self.memory.knows(received, arrival.delivered_again):
                    self.traffic.known += 1
                else:
                    received = replace(received, repeated=self.memory.has_equal(received))
                    self._journal.append(received)
                    self.traffic.repeated += received.repeated
                self.memory.remember(received)
            self._journal.synchronize()

    def now(self) -> datetime:
        return self._clock()

    def take(self, arrival: Arrival) -> None:
        """Keep ``arrival`` soon."""
        self._arrived.put(arrival)

    def save(self) -> None:
        """Have the memory on disk; the lock is held."""
        self.memory.save(self._folder)

    def fail(self, failure: Exception) -> None:
        """Stop for the first failure; what is not acknowledged stays with the source."""
        self._failure = self._failure or failure
        self.stop()

    @contextmanager
    def _connected(self) -> Iterator[None]:
        self._source.start()
        try:
            yield
        finally:
            self._source.stop()

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """A thread keeps what arrives: all that came while it kept what came before, at once."""
        keeping = threading.Thread(target=self._keep_all, name="keeping")
        keeping.start()
        try:
            yield
        finally:
            self.stop()
            keeping.join()

    def _keep_all(self) -> None:
        """An exception would end the thread, and nobody would hear of it: it stops the gateway instead."""
        try:
            while not self._stop.is_set():
                with suppress(Empty):
                    arrivals = [self._arrived.get(timeout=0.1)]
                    while len(arrivals) < TOGETHER and not self._arrived.empty():
                        arrivals.append(self._arrived.get())
                    self.receive(arrivals)
                    self._source.acknowledge(arrivals)
        except Exception as failure:
            self.fail(failure)

    def _next_journal(self) -> Journal:
        journal = next_journal(self._folder, self.memory.newest_journal)
        self.memory.newest_journal = number_of(journal.path)
        return journal

    def _rotate(self) -> None:
        with self.lock:
            self._journal.close()
            self._journal = self._next_journal()
        self._convert_all([path for path in journals(self._folder) if path != self._journal.path])

    def _ask(self) -> None:
        """Send nodes the requests that are due. One that is lost on the way is repeated, as one without an answer."""
        if self.is_connected:
            due = list(self._asking.requests(self._clock()))
            self._asking.save()
            for topic, message in due:
                self._source.send(topic, message)

    def _observe(self, decoded: Decoded) -> None:
        self._asking.observe(decoded)
        self._show(decoded)

    def _convert_all(self, finished: list[Path]) -> None:
        """What cannot be converted now, because the registry is out of reach, is tried again at the next rotation."""
        if finished:
            with self.lock:
                self.save()
        for path in finished:
            try:
                done = convert(path, self._decoders, self._table, self._observe, self._sink)
            except EdgeCodecError as error:
                log.error("%s stays for later: %s", path.name, error)
                return
            self._asking.save()
            if not self._address.is_shared:
                self.traffic.follow(done.places)
            self.traffic.undecoded += len(done.undecoded)
            log.info("%s: %d windows, %d packets not decoded; %s", path.stem, done.windows, len(done.undecoded),
                     self.traffic)
            for reason in sorted({each.reason for each in done.undecoded}):
                log.warning("undecoded/%s.parquet: %s", path.stem, reason)
            for node, version in sorted(done.unexpected):
                log.warning("%s: runs version %s, which is not what the table of nodes says; correct one or the other",
                            node, version)
