"""Which nodes are asked for windows to train with, when, and what became of it.

Every node has a budget for a day (UTC). First come the nodes whose windows are novel: unlike those of the training, or
with an estimated error far above what is usual for the node. What is left in the evening goes to windows as they come,
since a training wants ordinary ones, too.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.conversion import Decoded
from edgecodec.gateway.journal import replacing_durably
from edgecodec.gateway.nodes import AskParams, NodeTable
from edgecodec.gateway.ownership import OWN
from edgecodec.gateway.traffic import Traffic
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.packet import read_header
from edgecodec.packets.request import WindowRequest
from edgecodec.storage import read_json

WINDOWS_TOGETHER = 4  # of one request, at most: they follow each other, and become one recording
NODES_AT_ONCE = 8  # that have not answered yet: windows that are whole fill the link
TRIES = 3  # of a request; then the node is left alone until the next day
NOVEL = 1.5  # times the usual error
FEWEST = 16  # windows that tell what is usual
REMEMBERED = 256  # windows that weigh in what is usual
EVENING = 18  # o'clock, UTC
log = logging.getLogger("edgecodec.gateway")


@dataclass
class Pending:
    """A request that is not wholly answered."""

    windows: int
    since: float  # seconds since the epoch, of the first try
    sent: float  # of the last one
    tries: int = 1
    answered: int = 0  # windows


@dataclass
class AskedNode:
    day: str = ""
    spent: int = 0  # windows of the day's budget
    usual_error: float = 0.0  # per cent, as the node estimates it
    errors: int = 0  # that tell it
    pending: Pending | None = None

    def novelty(self, decoded: Decoded) -> float:
        """Of a window, as it was sent: its error over the usual one; infinite if it is unlike those of the training."""
        if decoded.unlike_training or math.isinf(decoded.estimated_error):
            return math.inf
        if math.isnan(decoded.estimated_error) or self.errors < FEWEST or not self.usual_error:
            return 0.0
        return decoded.estimated_error / self.usual_error

    def learn(self, error: float) -> None:
        if math.isfinite(error):
            self.errors += 1
            self.usual_error += (error - self.usual_error) / min(self.errors, REMEMBERED)


class Asking:
    """What ``table`` says of budgets, and what is known in ``folder`` of the nodes.

    Raises:
        EdgeCodecError: the file in the folder is not as a gateway writes it.
    """

    def __init__(self, folder: Path, table: NodeTable, traffic: Traffic) -> None:
        self._path = folder / OWN / "asking.json"
        self._table = table
        self._traffic = traffic
        self._novelty: dict[str, float] = {}  # of the nodes that were heard since requests were made last
        self._nodes = _read(self._path) if self._path.exists() else {}

    def observe(self, decoded: Decoded) -> None:
        """Take note of a window; it may be one that was asked for."""
        name = decoded.node
        if name is None or self._table.nodes[name].ask is None or decoded.received.repeated:
            return
        node, kind = self._nodes.setdefault(name, AskedNode()), PacketKind(read_header(decoded.packet).kind)
        if kind is self._request(name, 1).kind:
            self._answer(node, decoded.received.time.timestamp())
        self._novelty[name] = max(self._novelty.get(name, 0.0), node.novelty(decoded))
        if kind.has_rate:  # an escape's error is what was asked for
            node.learn(decoded.estimated_error)

    def requests(self, now: datetime) -> Iterator[tuple[str, bytes]]:
        """Topics and messages that are due. To be sent when the state is saved."""
        for name, node in self._nodes.items():
            if node.pending is not None and self._is_due(name, node, node.pending, now):
                yield self._message(name, node.pending)
        waiting = sum(node.pending is not None for node in self._nodes.values())
        most_novel_first = sorted(self._novelty, key=lambda name: self._novelty[name], reverse=True)
        for name in most_novel_first:
            windows = self._affordable(name, now) if waiting < NODES_AT_ONCE else 0
            if windows:
                yield self._ask(name, windows, now)
                waiting += 1
        self._novelty.clear()

    def save(self) -> None:
        if self._nodes:
            with replacing_durably(self._path) as temporary:
                temporary.write_text(json.dumps({name: asdict(node) for name, node in self._nodes.items()}),
                                     encoding="utf-8")

    def _answer(self, node: AskedNode, time: float) -> None:
        pending = node.pending
        if pending is not None and time >= pending.since:
            pending.answered += 1
            self._traffic.answered += 1
            if pending.answered == pending.windows:
                node.pending = None

    def _is_due(self, name: str, node: AskedNode, pending: Pending, now: datetime) -> bool:
        """Whether a request is to be sent again. One of which a part has come is not: what is missing was lost."""
        ask = self._table.nodes[name].ask if name in self._table.nodes else None
        if ask is not None and now.timestamp() < pending.sent + ask.repeat_seconds:
            return False
        if ask is None or pending.answered or pending.tries == TRIES:
            node.pending = None
            if ask is not None and not pending.answered:
                node.day, node.spent = now.date().isoformat(), ask.windows_a_day
                self._traffic.unanswered += pending.windows
                log.warning("%s: did not answer %d requests for windows; it is not asked again today", name, TRIES)
            return False
        pending.tries, pending.sent = pending.tries + 1, now.timestamp()
        return True

    def _affordable(self, name: str, now: datetime) -> int:
        """Windows that the node may be asked for now."""
        node, ask = self._nodes[name], self._ask_of(name)
        today = now.date().isoformat()
        if node.day != today:
            node.day, node.spent = today, 0
        if node.pending is not None or (self._novelty[name] < NOVEL and now.hour < EVENING):
            return 0
        return max(0, min(WINDOWS_TOGETHER, ask.windows_a_day - node.spent))

    def _ask(self, name: str, windows: int, now: datetime) -> tuple[str, bytes]:
        node = self._nodes[name]
        node.pending = Pending(windows, now.timestamp(), now.timestamp())
        node.spent += windows
        self._traffic.asked += windows
        return self._message(name, node.pending)

    def _message(self, name: str, pending: Pending) -> tuple[str, bytes]:
        return self._table.requests_topic(name), self._request(name, pending.windows).to_bytes()

    def _request(self, name: str, windows: int) -> WindowRequest:
        bound = self._ask_of(name).within_percent
        return (WindowRequest(PacketKind.EXACT, windows) if bound is None
                else WindowRequest(PacketKind.ESCAPE, windows, bound))

    def _ask_of(self, name: str) -> AskParams:
        ask = self._table.nodes[name].ask
        assert ask is not None, "only such nodes are observed"
        return ask


def _read(path: Path) -> dict[str, AskedNode]:
    content: dict[str, dict[str, Any]] = read_json(path)
    try:
        return {name: AskedNode(**{**each, "pending": each["pending"] and Pending(**each["pending"])})
                for name, each in content.items()}
    except (AttributeError, KeyError, TypeError):
        raise EdgeCodecError(f"{path}: not as a gateway writes it; restore it, or remove it: nodes are then asked for "
                             "their whole budget of today again") from None
