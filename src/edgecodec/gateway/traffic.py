"""What became of packets on their way, in figures since the gateway started."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgecodec.gateway.sequences import Place


@dataclass
class Traffic:
    packets: int = 0
    known: int = 0  # delivered again by the broker, or kept by it; not kept here a second time
    repeated: int = 0  # kept, and marked: equal to a packet before
    missing: int = 0  # sequence numbers that have not come
    late: int = 0  # came behind a packet that was sent after them
    restarts: int = 0  # nodes that began to count anew
    undecoded: int = 0  # kept as they are
    asked: int = 0  # windows that nodes were asked for
    answered: int = 0  # that came
    unanswered: int = 0  # that did not, of requests that were given up

    def follow(self, places: Iterable[Place]) -> None:
        for place in places:
            self.missing += place.missing - place.is_late
            self.late += place.is_late
            self.restarts += place.is_restart

    def __str__(self) -> str:
        return ", ".join([f"{self.packets} packets", *(f"{count} {what}" for what, count in (
            ("delivered again", self.known), ("repeated", self.repeated), ("missing", self.missing),
            ("late", self.late), ("restarts", self.restarts), ("not decoded", self.undecoded),
            ("asked for", self.asked), ("answered", self.answered), ("unanswered", self.unanswered)) if count)])
