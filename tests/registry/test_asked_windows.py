"""From a novel window over a real broker to a request, to exact windows, to recordings; and a node that is deaf."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from test_gateway import TOPIC, Broker, asked, broker, mosquitto, no_stand_in_is_left, running, wait_until

from edgecodec.gateway.asking import TRIES
from edgecodec.gateway.decoders import RegisteredDecoders
from edgecodec.gateway.field import write_recordings
from edgecodec.gateway.gateway import Gateway, Rotation
from edgecodec.gateway.monitoring import Monitoring
from edgecodec.gateway.mqtt import Broker as Address
from edgecodec.gateway.nodes import AskParams, NodeParams, NodeTable
from edgecodec.gateway.ownership import OWN
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import load_codec
from edgecodec.packets.packet import PacketFormat, pack_exact, packet_of_parts, parts_of
from edgecodec.packets.request import WindowRequest

__all__ = ["broker", "no_stand_in_is_left"]  # fixtures
UNIT, SECONDS = 2.0**-10, 0.64  # of a count; of a window
WINDOWS = 4
NODE = NodeParams(topic="", sends="packets", versions=(), interval_seconds=SECONDS, installed=date(2026, 1, 1),
                  array="", ask=AskParams(windows_a_day=WINDOWS, repeat_seconds=1))
TABLE = NodeTable(nodes={name: NODE.model_copy(update={"topic": TOPIC.format(node=name)}) for name in ("able", "deaf")})


@dataclass
class Node:
    """Sends a novel window first, and exact ones when it is asked, unless it is deaf."""

    form: PacketFormat
    client: Client
    name: str
    is_deaf: bool
    requests: list[WindowRequest] = field(default_factory=list)
    counts: list[NDArray[np.int32]] = field(default_factory=list)

    def take(self, message: MQTTMessage) -> None:
        request = WindowRequest.from_bytes(message.payload)
        self.requests.append(request)
        for _ in range(0 if self.is_deaf else request.windows):
            self.counts.append(np.random.default_rng(len(self.counts)).integers(
                -5000, 5000, (self.form.channels, self.form.samples), np.int32))
            self.send(pack_exact(self.form, len(self.counts), self.counts[-1], UNIT))

    def send(self, packet: bytes) -> None:
        self.client.publish(TOPIC.format(node=self.name), packet, qos=1)


@contextmanager
def nodes_on(broker: Broker, form: PacketFormat, names: Sequence[str]) -> Iterator[dict[str, Node]]:
    client = Client(CallbackAPIVersion.VERSION2)
    nodes = {name: Node(form, client, name, is_deaf=name == "deaf") for name in names}
    subscribed = []

    def on_message(_client: Client, _userdata: Any, message: MQTTMessage) -> None:
        nodes[message.topic.split("/")[1]].take(message)

    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.subscribe("edgecodec/+/requests", 1)
    wait_until(lambda: bool(subscribed))
    try:
        yield nodes
    finally:
        client.disconnect()
        client.loop_stop()


@mosquitto
def test_windows_that_are_asked_for_become_recordings(registered: Path, broker: Broker, mixed: list[bytes],
                                                      caplog: pytest.LogCaptureFixture) -> None:
    form = PacketFormat.of(load_codec(Path("artifacts/float16")))
    novel = packet_of_parts(form, replace(parts_of(form, mixed[0]), sequence=0, is_remarked=True, unlike=True))
    address = Address("127.0.0.1", broker.port, "edgecodec/+/packets")
    gateway = Gateway(address, Path("received"), RegisteredDecoders("edgecodec"), Rotation(packets=4096, seconds=0.5),
                      TABLE)
    monitoring = Monitoring(Path("received"))
    with nodes_on(broker, form, [*TABLE.nodes]) as nodes, monitoring.serving(gateway, "127.0.0.1", 0) as port, \
            running(gateway):
        for node in nodes.values():
            node.send(novel)
        wait_until(lambda: gateway.traffic.answered == WINDOWS and gateway.traffic.unanswered == WINDOWS)
        assert nodes["able"].requests == [WindowRequest(PacketKind.EXACT, WINDOWS)]
        assert nodes["deaf"].requests == [WindowRequest(PacketKind.EXACT, WINDOWS)] * TRIES
        metrics = asked(port, "/metrics").splitlines()
        assert f"edgecodec_traffic_asked_total {2.0 * WINDOWS}" in metrics
        assert f"edgecodec_traffic_answered_total {float(WINDOWS)}" in metrics
    assert [record.getMessage() for record in caplog.records if "did not answer" in record.getMessage()] == [
        f"deaf: did not answer {TRIES} requests for windows; it is not asked again today"]
    known = json.loads((Path("received") / OWN / "asking.json").read_text())
    assert {name: node["spent"] for name, node in known.items()} == {"able": WINDOWS, "deaf": WINDOWS}

    done = write_recordings(Path("received"), Path("field"))
    assert (done.windows, done.nodes) == (WINDOWS, 1)
    (path, *others) = sorted(Path("field").glob("*_able.parquet"))
    recorded = pd.concat(map(pd.read_parquet, [path, *others])).drop(columns="time").to_numpy().T
    np.testing.assert_array_equal(recorded, np.concatenate(nodes["able"].counts, axis=1).astype(np.float32) * UNIT)
