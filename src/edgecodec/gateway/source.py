"""Where packets come from, as the gateway sees it; and the gateway, as a source sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Protocol

from edgecodec.gateway.journal import Received
from edgecodec.gateway.memory import Memory


@dataclass(frozen=True)
class Arrival:
    received: Received
    delivered_again: bool  # as the source says


class Address(Protocol):
    """What to connect to, and as whom."""

    @property
    def client_id(self) -> str | None:
        """By which the other side knows the gateway again; None: the folder's own."""

    @property
    def is_shared(self) -> bool:
        """Whether others get a part of each node's packets: what is missing here says nothing."""

    @property
    def why_not_to_ask(self) -> str | None:
        """The reason for which nodes cannot be asked for windows, and what to do; None: they can."""


class Receiver(Protocol):
    """What a source works for."""

    @property
    def lock(self) -> Lock:
        """To be held while the memory is read and changed."""

    @property
    def memory(self) -> Memory: ...

    @property
    def has_stopped(self) -> bool:
        """Whether nothing is kept any more."""

    def save(self) -> None:
        """Have the memory on disk; the lock is held."""

    def now(self) -> datetime: ...

    def take(self, arrival: Arrival) -> None:
        """Keep it soon; :meth:`Source.acknowledge` tells when that is done."""

    def fail(self, failure: Exception) -> None:
        """Stop, and say why."""


class Source(Protocol):
    """Hands over what arrives, in threads of its own, and goes on when the other side is away for a while."""

    @property
    def is_subscribed(self) -> bool:
        """Whether packets have been granted since the start."""

    @property
    def is_connected(self) -> bool:
        """Whether the other side is there, and grants packets."""

    def start(self) -> None: ...

    def acknowledge(self, arrivals: list[Arrival]) -> None:
        """They are on disk: they need not come again."""

    def send(self, topic: str, message: bytes) -> None:
        """To a node. It may be lost on the way."""

    def stop(self) -> None: ...
