"""Nodes, a broker and a gateway on this machine, in a time of their own: months take minutes.

A node measures a window in every period, drawn from those of a twin. What is done to them is the node's condition. Its
packets are those of the firmware, by the oracle, and it answers requests. Broker and gateway are the real ones, but
for the gateway's clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edgecodec.data.windows import WindowSet
from edgecodec.deploy.oracle import Encoding, encode
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.slow_drifts import FASTER
from edgecodec.gateway.conversion import Decoded
from edgecodec.gateway.gateway import Gateway, Rotation
from edgecodec.gateway.journal import journals
from edgecodec.gateway.mqtt import Broker as Address
from edgecodec.gateway.nodes import NodeParams, NodeTable
from edgecodec.gateway.versions import Decoders
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, pack, pack_exact
from edgecodec.packets.request import WindowRequest
from edgecodec.params import Params
from stages.measure_drift import of_another_twin
from studies.broker import Broker, wait_until

Windows = NDArray[np.float32]  # [n, channels, samples]
Condition = Literal["usual", "new wind", "dead sensors"]
CANARIES = "canary"  # their group in the table of nodes
DEAD = (1, 4)  # channels
RATE = 1
UNIT = 2.0**-12  # of an exact window's count
DRAWN = 192  # windows that are sent at a rate, since to encode them takes time; whole, each window is sent once
TURN = 4  # periods after which the gateway makes files, and requests; its clock would make it wait for months


def _without_sensors(windows: Windows) -> Windows:
    stuck = windows.copy()
    stuck[:, DEAD] = windows[:, DEAD, :1]
    return stuck


CONDITIONS: Mapping[Condition, Callable[[Windows], Windows]] = {
    "usual": lambda windows: windows,
    "new wind": lambda windows: windows * np.float32(FASTER**2),
    "dead sensors": _without_sensors,
}


class Scene:
    """What there is to measure: windows [n, channels, samples], and the wind of each [n]."""

    def __init__(self, windows: Windows, winds: NDArray[np.int64], generator: np.random.Generator) -> None:
        drawn = generator.permutation(len(windows))[:DRAWN]
        self.drawn, self._winds = windows[drawn], winds[drawn]
        self._whole = iter(windows[generator.permutation(len(windows))])
        self._generator = generator

    def of_period(self, nodes: int) -> NDArray[np.int64]:
        """The numbers of windows that were drawn, one for each of ``nodes``; all are in one wind."""
        wind = self._generator.choice(np.unique(self._winds))
        return self._generator.choice(np.flatnonzero(self._winds == wind), nodes)

    def next_whole(self) -> Windows:
        """One that was not sent whole before: [1, channels, samples].

        Raises:
            EdgeCodecError: there is none left.
        """
        window = next(self._whole, None)
        if window is None:
            raise EdgeCodecError("nodes were asked for more windows than the twin has; simulate longer recordings")
        return window[None]


@dataclass(frozen=True, eq=False)
class Model:
    """A version as nodes run it."""

    version: str
    codec: ExportedCodec
    _encoded: dict[tuple[Scene, Condition], Encoding] = field(default_factory=dict)

    @cached_property
    def form(self) -> PacketFormat:
        return PacketFormat.of(self.codec)

    def packet(self, scene: Scene, condition: Condition, window: int, sequence: int) -> bytes:
        if (scene, condition) not in self._encoded:
            windows = CONDITIONS[condition](scene.drawn)
            self._encoded[scene, condition] = encode(self.codec, np.ascontiguousarray(windows.transpose(0, 2, 1)))
        encoding, kind = self._encoded[scene, condition], PacketKind.FIXED_LENGTH
        return pack(self.form, RATE, sequence, encoding.indices(kind)[window], kind, encoding.remarks[kind][window])

    def exact_packet(self, window: Windows, sequence: int) -> bytes:
        return pack_exact(self.form, sequence, np.rint(window[0] / UNIT).astype(np.int32), UNIT)


@dataclass
class Node:
    name: str
    model: Model
    condition: Condition = "usual"
    sent: int = 0
    wanted: int = 0  # of its next windows, whole

    def packet(self, scene: Scene, window: int) -> bytes:
        """Of its next window: number ``window`` of those that are drawn, or one that is sent whole."""
        sequence = self.sent % 0x10000
        self.sent += 1
        if not self.wanted:
            return self.model.packet(scene, self.condition, window, sequence)
        self.wanted -= 1
        return self.model.exact_packet(CONDITIONS[self.condition](scene.next_whole()), sequence)


@dataclass
class SimulatedFleet:
    """All nodes of ``table``, and a gateway that writes to ``folder``."""

    nodes: Sequence[Node]
    table: NodeTable
    scene: Scene
    decoders: Decoders
    folder: Path
    now: datetime
    period: timedelta
    converted: int = 0  # windows
    gateways: list[Gateway] = field(default_factory=list)  # of which the last one runs

    @contextmanager
    def running(self) -> Iterator[None]:
        """Broker, gateway and nodes are connected until the caller is done.

        Raises:
            EdgeCodecError: whatever the gateway raises.
        """
        self.folder.mkdir(parents=True)
        broker = Broker(self.folder.parent)
        broker.start()
        self._address = Address("127.0.0.1", broker.port, "edgecodec/+/packets")
        try:
            with ThreadPoolExecutor() as self._threads, self._connected(broker):
                self._start_gateway()
                try:
                    yield
                finally:
                    self.gateways[-1].stop()
            self._run.result()
        finally:
            broker.stop()

    def go_on_with(self, table: NodeTable) -> None:
        """Start the gateway anew with this table."""
        self.gateways[-1].stop()
        self._run.result()
        self.table = table
        self._start_gateway()

    def update(self, which: Collection[str], model: Model) -> None:
        """Nodes of these names run ``model`` from now on."""
        for node in self.nodes:
            if node.name in which:
                node.model = model

    def send_until(self, end: datetime) -> None:
        """A window of every node in every period before ``end``, which is whole turns ahead. All are in the gateway's
        files when this returns."""
        while self.now < end:
            self.now += self.period
            for node, window in zip(self.nodes, self.scene.of_period(len(self.nodes)), strict=True):
                self._client.publish(self.table.nodes[node.name].topic, node.packet(self.scene, int(window)), qos=1)
            of_turn = self.sent % (TURN * len(self.nodes))
            wait_until(self._have_come if of_turn else self._are_converted, every=0.005)

    @property
    def sent(self) -> int:
        return sum(node.sent for node in self.nodes)

    def total(self, count: str) -> int:
        """Of what all gateways count, by its name in ``Traffic``."""
        return sum(getattr(gateway.traffic, count) for gateway in self.gateways)

    def _have_come(self) -> bool:
        return self._goes_on() and self.total("packets") == self.sent

    def _are_converted(self) -> bool:
        """All that were sent, and no journal is left but the one that follows."""
        return self._have_come() and self.converted == self.sent and len(journals(self.folder)) == 1

    def _goes_on(self) -> bool:
        if self._run.done():
            self._run.result()
            raise EdgeCodecError("the gateway has stopped; see the log above")
        return True

    def _start_gateway(self) -> None:
        rotation = Rotation(TURN * len(self.nodes), math.inf)
        gateway = Gateway(self._address, self.folder, self.decoders, rotation, self.table, self._observe,
                          clock=lambda: self.now - self.period / 2)
        self.gateways.append(gateway)
        self._run = self._threads.submit(gateway.run)
        wait_until(lambda: self._goes_on() and gateway.is_connected)

    def _observe(self, _: Decoded) -> None:
        self.converted += 1

    @contextmanager
    def _connected(self, broker: Broker) -> Iterator[None]:
        """The nodes, by one client for all."""
        subscribed: list[bool] = []
        by_topic = {self.table.requests_topic(node.name): node for node in self.nodes}

        def on_message(_client: Client, _userdata: object, message: MQTTMessage) -> None:
            by_topic[message.topic].wanted = WindowRequest.from_bytes(message.payload).windows

        self._client = client = Client(CallbackAPIVersion.VERSION2)
        client.on_message = on_message
        client.on_subscribe = lambda *_: subscribed.append(True)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        try:
            client.subscribe([(topic, 1) for topic in by_topic])
            wait_until(lambda: bool(subscribed))
            yield
        finally:
            client.disconnect()
            client.loop_stop()


def names(nodes: Iterable[Node]) -> set[str]:
    return {node.name for node in nodes}


def table_of(nodes: Iterable[Node], canaries: Collection[str], begin: datetime) -> NodeTable:
    return NodeTable(nodes={node.name: NodeParams(
        topic=f"edgecodec/{node.name}/packets", sends="packets", versions=(), interval_seconds=None,
        installed=begin.date(), array="simulated", group=CANARIES if node.name in canaries else None)
        for node in nodes})


def scenes_of(params: Params, seconds: float, generator: np.random.Generator) -> tuple[Scene, Scene]:
    """Of another twin than the training's, in two parts that have no recording in common.

    Args:
        seconds: of a recording.
    """
    twin = params.data.twin.model_copy(update={"seconds": seconds, "repeats": 2})
    other = params.model_copy(update={"data": params.data.model_copy(update={"twin": twin})})
    train, validation = of_another_twin(other, params.seed + 1)
    return _scene_of(train, generator), _scene_of(validation, generator)


def _scene_of(windows: WindowSet, generator: np.random.Generator) -> Scene:
    winds = np.array([segment.wind for segment in windows.description.segments])
    return Scene(windows.inputs(), winds[windows.segment_numbers], generator)
