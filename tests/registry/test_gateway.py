"""The gateway loses no packet, keeps none twice, and decodes to the bits of the registered model.

It runs on a real broker, mosquitto where it is installed, else amqtt: as a process of its own where a process is killed
or what a user sees matters, else in this process.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from packets.test_series import windows_in_a_row
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from small_project import save_results, small_params

import studies.broker
from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.conversion import Decoded, convert, decode
from edgecodec.gateway.decoders import RegisteredDecoders
from edgecodec.gateway.followed import Followed
from edgecodec.gateway.gateway import Gateway, Rotation
from edgecodec.gateway.journal import Journal, Received, journals, next_journal, read_journal
from edgecodec.gateway.memory import Memory
from edgecodec.gateway.monitoring import Monitoring
from edgecodec.gateway.mqtt import Broker as Address
from edgecodec.gateway.mqtt import Mqtt
from edgecodec.gateway.nodes import NO_NODES, NodeParams, NodeTable, VersionParams
from edgecodec.gateway.opening import Opening, Undecoded
from edgecodec.gateway.sinks import SINKS
from edgecodec.gateway.source import Arrival
from edgecodec.gateway.tables import files_of, newest_number, windows_of
from edgecodec.model.codec import load_model
from edgecodec.packets.frame import frame, series
from edgecodec.packets.link import Link
from edgecodec.packets.network import load_codec
from edgecodec.packets.packet import PacketFormat, packet_of_parts, parts_of, read_header
from edgecodec.packets.packet_file import packets_in
from edgecodec.registry.register import register
from edgecodec.registry.store import open_store
from edgecodec.registry.versions import PREVIOUS_CHAMPION
from studies.broker import AMQTT, AMQTT_SETTINGS, MOSQUITTO, wait_until

TOPIC = "edgecodec/{node}/packets"


def mosquitto(test: Callable[..., None]) -> Callable[..., None]:
    """Of what amqtt, a package of Python, does not do."""
    absent = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; amqtt shares no subscription, "
                                                          "and delivers nothing again that was not acknowledged")
    return pytest.mark.tools(absent(test))


class Broker(studies.broker.Broker):
    def publish(self, node: str, packets: Sequence[bytes], retain: bool = False) -> None:
        """Until the broker has them."""
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        for sent in [client.publish(TOPIC.format(node=node), packet, qos=1, retain=retain) for packet in packets]:
            sent.wait_for_publish(60)
        client.disconnect()
        client.loop_stop()


class StrictBroker(Broker):
    """Permits no topic that packets come by."""

    command = AMQTT
    settings = AMQTT_SETTINGS + (
        '  amqtt.plugins.topic_checking.TopicAccessControlListPlugin: {{acl: {{anonymous: ["other/#"]}}}}')


class Process:
    """The gateway as a user runs it. What it says is in FOLDER.log."""

    def __init__(self, broker: Broker, folder: str = "received", *arguments: str) -> None:
        self.log = Path(f"{folder}.log")
        before = self.connections()
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from edgecodec.cli import main; main()", "gateway", folder,
                 "--broker", f"127.0.0.1:{broker.port}", "--rotate-seconds", "3600", *arguments], stderr=log)
        wait_until(lambda: self.connections() > before or self.process.poll() is not None)

    def connections(self) -> int:
        """How often gateways of this folder reached the broker."""
        return self.log.read_text().count("connected to") if self.log.exists() else 0

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(120)


def gateway_on(broker: Broker, folder: str = "received", topic: str = "edgecodec/+/packets",
               client_id: str | None = None, kind: type[Gateway] = Gateway,
               table: NodeTable = NO_NODES) -> Gateway:
    return kind(Address("127.0.0.1", broker.port, topic, client_id), Path(folder), RegisteredDecoders("edgecodec"),
                Rotation(packets=4096, seconds=3600), table)


@contextmanager
def running(*gateways: Gateway) -> Iterator[None]:
    """Run in this process until they have connected and the caller is done; raises what they raise."""
    with ThreadPoolExecutor() as threads:
        runs = [threads.submit(gateway.run) for gateway in gateways]
        try:
            for gateway, run in zip(gateways, runs, strict=True):
                wait_until(lambda gateway=gateway, run=run: gateway.is_subscribed or run.done())
            yield
        finally:
            for gateway in gateways:
                gateway.stop()
        for run in runs:
            run.result()


@pytest.fixture(autouse=True)
def no_stand_in_is_left() -> Iterator[None]:
    """Two gateways of one process load models at once. MLflow then leaves its stand-in for a module of Databricks among
    the modules, over which hypothesis stumbles in later tests."""
    yield
    sys.modules.pop("dbutils", None)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def expected_windows(packets: Sequence[bytes]) -> NDArray[np.float32]:
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    model = mlflow.pyfunc.load_model("models:/edgecodec/2")
    return np.stack(model.predict(pd.DataFrame({"packet": list(packets)}))["window"])


def kept(kind: str, folder: str = "received") -> pd.DataFrame:
    """All rows of the gateway's files of a kind."""
    if kind == "windows":
        return windows_of(Path(folder)).to_table().to_pandas()
    paths = sorted(Path(folder, kind).glob("*.parquet"))
    return pd.concat([pd.DataFrame({"packet": []}), *map(pd.read_parquet, paths)])


def journaled(folder: str = "received") -> int:
    return sum(len(list(read_journal(path))) for path in journals(Path(folder)))


def of_unknown_model(packet: bytes) -> bytes:
    content = packet[:1] + b"\xff\xff\xff\xff" + packet[5:-4]
    return content + zlib.crc32(content).to_bytes(4, "little")


def test_packets_become_windows(registered: Path, broker: Broker, mixed: list[bytes]) -> None:
    damaged, unknown = mixed[0][:-1], of_unknown_model(mixed[1])
    gateway = Process(broker)
    broker.publish("a", [*mixed[6:], *mixed[:4], mixed[2], damaged, unknown])  # late, lost, repeated, damaged, foreign
    broker.publish("b", mixed)
    wait_until(lambda: journaled() == 11 + 2 + 12)
    assert gateway.end() == 0

    windows = kept("windows")
    assert windows["topic"].value_counts().to_dict() == {TOPIC.format(node="a"): 11, TOPIC.format(node="b"): 12}
    assert windows.loc[windows["repeated"], "packet"].tolist() == [mixed[2]]
    np.testing.assert_array_equal(np.stack(windows["window"]), expected_windows(windows["packet"]))
    assert set(windows["packet"]) == set(mixed)
    assert set(windows["version"]) == {"2"}  # the newest with the packets' model id
    undecoded = kept("undecoded")
    assert undecoded["packet"].tolist() == [damaged, unknown]
    assert "damaged or cut short" in undecoded["reason"].iloc[0]
    assert "no version of edgecodec has the model id ffffffff" in undecoded["reason"].iloc[1]
    assert list(packets_in(Path("received/undecoded"))) == [damaged, unknown]
    assert "25 packets, 1 repeated" in gateway.log.read_text()
    assert journals(Path("received")) == []


def test_nodes_that_are_not_updated_yet_keep_their_version(registered: Path, mixed: list[bytes]) -> None:
    """Versions 1 and 2 have the same model id."""
    open_store().client.set_registered_model_alias("edgecodec", PREVIOUS_CHAMPION, "1")
    decoders = RegisteredDecoders("edgecodec")
    decoders.refresh()
    found = decoders.of(read_header(mixed[0]).model_id)
    assert not isinstance(found, str)
    assert found.version == "1"


@mosquitto
def test_nothing_is_lost_or_doubled_by_kills_and_by_a_gateway_that_is_away(
        registered: Path, broker: Broker, mixed: list[bytes]) -> None:
    gateway = Process(broker)
    broker.publish("a", mixed[:4])
    wait_until(lambda: journaled() >= 2)
    gateway.end(signal.SIGKILL)
    broker.publish("a", mixed[4:8])
    assert Process(broker).end() == 0
    broker.publish("a", mixed[8:])
    gateway = Process(broker)
    wait_until(lambda: journaled() + len(kept("windows")) == len(mixed))
    assert gateway.end() == 0
    assert sorted(kept("windows")["packet"]) == sorted(mixed)


def test_a_broker_that_comes_back_is_found_again(registered: Path, broker: Broker, mixed: list[bytes],
                                                 caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with running(gateway_on(broker)):
        broker.publish("a", mixed[:6])
        wait_until(lambda: journaled() == 6)
        broker.stop()
        broker.start()
        wait_until(lambda: caplog.text.count("connected to") == 2)
        broker.publish("a", mixed[6:])
        wait_until(lambda: journaled() == len(mixed))
    assert sorted(kept("windows")["packet"]) == sorted(mixed)


def test_a_folder_belongs_to_one_gateway(registered: Path, broker: Broker, mixed: list[bytes]) -> None:
    with running(gateway_on(broker, client_id="first")):
        broker.publish("a", mixed[:6])
        wait_until(lambda: journaled() == 6)
        second = Process(broker, "received", "--client-id", "second")
        assert second.process.wait() == 1
        (said,) = second.log.read_text().splitlines()
        assert said.startswith(f"error: received: belongs to the gateway of process {os.getpid()} on "
                               f"{socket.gethostname()}, client id first, since ")
        broker.publish("a", mixed[6:])
        wait_until(lambda: journaled() == len(mixed))
    assert sorted(kept("windows")["packet"]) == sorted(mixed)


def test_gateways_of_two_folders_do_not_drive_each_other_out(registered: Path, broker: Broker, mixed: list[bytes],
                                                             caplog: pytest.LogCaptureFixture) -> None:
    with running(gateway_on(broker, "one"), gateway_on(broker, "other")):
        broker.publish("a", mixed)
        wait_until(lambda: journaled("one") == journaled("other") == len(mixed))
    assert "connection lost" not in caplog.text


def test_two_gateways_with_one_client_id_are_told_so(registered: Path, broker: Broker) -> None:
    gateways = gateway_on(broker, "one", client_id="same"), gateway_on(broker, "other", client_id="same")
    with pytest.raises(EdgeCodecError, match=r"client id same: .* another client has the same id: .* by --client-id"), \
            running(*gateways):
        wait_until(lambda: any(gateway.has_stopped for gateway in gateways))


def test_a_broker_that_refuses_the_topic_is_named(tmp_path: Path) -> None:
    strict = StrictBroker(tmp_path)
    strict.start()
    with pytest.raises(EdgeCodecError, match="refuses the topic edgecodec/"), \
            running(gateway := gateway_on(strict, str(tmp_path / "received"))):
        wait_until(lambda: gateway.has_stopped)
    strict.stop()


def asked(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return str(answer.read().decode())


def test_a_gateway_is_watched_over_http(registered: Path, broker: Broker, mixed: list[bytes]) -> None:
    monitoring = Monitoring(Path("received"))
    gateway = Gateway(Address("127.0.0.1", broker.port, "edgecodec/+/packets"), Path("received"),
                      RegisteredDecoders("edgecodec"), Rotation(packets=12, seconds=3600), show=monitoring.observe)
    with monitoring.serving(gateway, "127.0.0.1", 0) as port:
        with pytest.raises(urllib.error.HTTPError, match="503"):
            asked(port, "/readyz")
        with running(gateway):
            broker.publish("a", [*mixed[:11], mixed[0][:-1]])
            wait_until(lambda: "edgecodec_traffic_undecoded_total 1.0" in asked(port, "/metrics"))
            assert asked(port, "/readyz") == asked(port, "/healthz") == "200 OK\n"
            broker.stop()
            wait_until(lambda: "edgecodec_connected 0.0" in asked(port, "/metrics"))
        shown = asked(port, "/metrics").splitlines()
        assert "edgecodec_traffic_packets_total 12.0" in shown
        decoded = [line for line in shown if line.startswith("edgecodec_windows_total")]
        assert sum(float(line.split()[-1]) for line in decoded) == 11
        assert 'node="edgecodec/a/packets"' in decoded[0]
        with pytest.raises(urllib.error.HTTPError, match="503"):
            asked(port, "/healthz")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            asked(port, "/else")
        with pytest.raises(EdgeCodecError, match="Address already in use; give another port"), \
                Monitoring(Path("received")).serving(gateway, "127.0.0.1", port):
            pass


def test_why_there_is_no_connection_is_told(broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker.stop()
    gateway = gateway_on(broker, str(tmp_path / "received"))
    with ThreadPoolExecutor() as threads:
        threads.submit(gateway.run)
        wait_until(lambda: "Connection refused" in caplog.text)
        gateway.stop()


def test_a_retained_packet_is_kept_once(registered: Path, broker: Broker, mixed: list[bytes]) -> None:
    broker.publish("early", mixed[:1], retain=True)
    with running(gateway_on(broker)):
        broker.publish("live", mixed[1:2], retain=True)
        wait_until(lambda: journaled() == 2)
    for number in range(2, 5):
        with running(gateway_on(broker)):
            broker.publish("live", mixed[number : number + 1])
            wait_until(lambda: journaled() == 1)
    windows = kept("windows")
    assert sorted(windows["packet"]) == sorted(mixed[:5])
    assert windows.loc[windows["retained"], "packet"].tolist() == mixed[:1]


def test_a_node_that_starts_anew_loses_no_packet(registered: Path, broker: Broker, mixed: list[bytes]) -> None:
    gateway = gateway_on(broker)
    with running(gateway):
        broker.publish("a", mixed)
        broker.publish("a", mixed)
        wait_until(lambda: journaled() == 2 * len(mixed))
    windows = kept("windows")
    assert sorted(windows["packet"]) == sorted(2 * mixed)
    assert windows["repeated"].sum() == len(mixed)


class Crashing(Gateway):
    """Its power fails between keeping a packet and acknowledging it."""

    def receive(self, arrivals: Sequence[Arrival]) -> None:
        super().receive(arrivals)
        raise EdgeCodecError("power failure")


@mosquitto
def test_what_was_kept_and_not_acknowledged_is_not_kept_again(registered: Path, broker: Broker,
                                                              mixed: list[bytes]) -> None:
    with pytest.raises(EdgeCodecError, match="power failure"), running(gateway_on(broker, kind=Crashing)):
        broker.publish("a", mixed[:4])
    before = len(kept("windows"))
    assert before >= 1  # as many as came together
    gateway = gateway_on(broker)
    with running(gateway):
        wait_until(lambda: gateway.traffic.known + journaled() == 4)
    assert sorted(kept("windows")["packet"]) == sorted(mixed[:4])
    assert gateway.traffic.known == before


def test_what_came_in_a_session_that_is_over_is_not_acknowledged(tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """In the session that follows, the message's id may be that of another packet, which is not kept yet."""
    acknowledged = []
    monkeypatch.setattr(Client, "ack", lambda _, message, quality: acknowledged.append((message, quality)))
    address = Address("127.0.0.1", 1883, TOPIC)
    gateway = Gateway(address, tmp_path, RegisteredDecoders("edgecodec"), Rotation(9, 9))
    Mqtt(address, gateway).acknowledge([
        Arrival(replace(KEPT, session=session, message=number), False)
        for number, session in enumerate(("over", gateway.memory.session, "over"), 1)])
    assert acknowledged == [(2, 1)]


@mosquitto
@pytest.mark.slow
def test_gateways_that_share_a_subscription_lose_and_double_nothing(registered: Path, broker: Broker,
                                                                    mixed: list[bytes]) -> None:
    topic, folders = "$share/group/edgecodec/+/packets", ("one", "other")
    sent = [*mixed, *(b"packet %d" % number for number in range(188))]
    with running(gateway_on(broker, "one", topic)):
        other = Process(broker, "other", "--topic", topic)
        broker.publish("a", sent[:100])
        other.end(signal.SIGKILL)
        broker.publish("a", sent[100:150])
        other = Process(broker, "other", "--topic", topic)
        broker.publish("a", sent[150:])
        wait_until(lambda: sum(map(journaled, folders)) >= len(sent))
        assert other.end() == 0
    packets = {folder: [*kept("windows", folder)["packet"], *kept("undecoded", folder)["packet"]] for folder in folders}
    assert all(packets.values())
    assert sorted(packets["one"] + packets["other"]) == sorted(sent)


@mosquitto
def test_another_topic_replaces_the_one_before(registered: Path, broker: Broker, mixed: list[bytes]) -> None:
    with running(gateway_on(broker)):
        pass
    with running(gateway_on(broker, topic="$share/group/edgecodec/+/packets")):
        broker.publish("a", mixed)
        broker.publish("end", mixed[:1])
        wait_until(lambda: journaled() > len(mixed))
    assert len(kept("windows")) == len(mixed) + 1


def received(packets: Sequence[bytes]) -> list[Received]:
    return [Received("a", pd.Timestamp("2030-01-01", tz="UTC").to_pydatetime(), packet) for packet in packets]


def decoded(messages: Sequence[Received], opening: Opening) -> list[Decoded | Undecoded]:
    return decode([window for each in messages for window in opening.open(each)])


def opening() -> Opening:
    decoders = RegisteredDecoders("edgecodec")
    decoders.refresh()
    return Opening(decoders, NO_NODES, Followed(Path("received/00000001.journal")))


def test_a_node_with_old_firmware_is_decoded_by_its_own_version(registered: Path, mixed: list[bytes]) -> None:
    codec = load_model(Path("artifacts/model"))
    codec.scale.mul_(1.25)
    save_results(codec, small_params(), Path("artifacts"))
    assert register(small_params(), registered).version.number == "3"

    results = decoded(received(mixed), opening())
    assert {result.version for result in results} == {"2"}
    np.testing.assert_array_equal(np.stack([result.window for result in results]), expected_windows(mixed))


def test_a_version_that_was_tampered_with_decodes_nothing(registered: Path, mixed: list[bytes]) -> None:
    for codebooks in Path("mlartifacts").rglob("encoder/codec.safetensors"):
        codebooks.write_bytes(codebooks.read_bytes() + b" ")
    (result,) = decoded(received(mixed[:1]), opening())
    assert isinstance(result, Undecoded)
    assert "version 2 of edgecodec does not load" in result.reason


def test_a_journal_waits_for_the_registry(registered: Path, mixed: list[bytes],
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("received")
    folder.mkdir()
    journal = next_journal(folder)
    for each in received(mixed):
        journal.append(each)
    journal.close()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(EdgeCodecError, match="does not answer"):
        convert(journal.path, RegisteredDecoders("edgecodec"))
    assert [path.name for path in folder.iterdir()] == [journal.path.name]

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert convert(journal.path, RegisteredDecoders("edgecodec")).windows == len(mixed)
    assert sorted(path.name for path in folder.iterdir()) == [".gateway", "windows"]
    assert Memory.open(folder, None).newest_journal == 1


def test_a_line_cut_short_by_a_crash_is_left_to_the_broker(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "00000001.journal")
    for each in received([b"first", b"second"]):
        journal.append(each)
    journal.close()
    journal.path.write_text(journal.path.read_text()[:-5])
    assert [each.packet for each in read_journal(journal.path)] == [b"first"]


NODE = NodeParams.model_validate({
    "topic": TOPIC.format(node="a"), "sends": "frames", "interval_seconds": 8.0, "installed": "2029-01-01", "array": "",
    "versions": [{"version": "1", "since": "2029-01-01T00:00:00Z"}, {"version": "2", "since": "2029-06-01T00:00:00Z"}]})


def framed(packets: Sequence[bytes], sequence: int = 0) -> list[bytes]:
    """The packets as frames, numbered from ``sequence`` on."""
    form = PacketFormat.of(load_codec(Path("artifacts/float16")))
    parts = [replace(parts_of(form, packet), sequence=(sequence + number) % 65536)
             for number, packet in enumerate(packets)]
    return [frame(form, packet_of_parts(form, each), Link.RADIO) for each in parts]


def test_frames_become_windows(registered: Path, broker: Broker, mixed: list[bytes]) -> None:
    frames = framed(mixed * 22)  # 264 of them: eight bits of the number are not enough
    flipped = bytes([frames[3][0], frames[3][1] ^ 1, *frames[3][2:]])
    gateway = gateway_on(broker, table=NodeTable(nodes={"turbine-7": NODE}))
    with running(gateway):
        broker.publish("a", [*frames[:3], flipped, *frames[4:8], frames[7], *frames[9:12], frames[8], *frames[12:]])
        broker.publish("b", mixed[:1])
        wait_until(lambda: journaled() == 265 + 1)
    assert (gateway.traffic.missing, gateway.traffic.late, gateway.traffic.restarts) == (1, 1, 0)

    windows = kept("windows")
    of_node = windows[windows["node"] == "turbine-7"]
    assert of_node["sequence"].tolist() == [*range(3), *range(4, 8), 7, *range(9, 12), 8, *range(12, 264)]
    assert of_node["repeated"].tolist().count(True) == 1
    np.testing.assert_array_equal(np.stack(of_node["window"]), expected_windows(of_node["packet"]))
    assert set(of_node["start_from"]) == {"numbers"}
    assert windows[windows["node"].isna()]["start_from"].tolist() == ["arrival"]
    assert kept("undecoded")["packet"].tolist() == [flipped]
    assert "damaged, or of another model" in kept("undecoded")["reason"].iloc[0]


def test_a_series_becomes_its_windows(registered: Path) -> None:
    """Each began when its number says, though all arrive together; one that is late or comes twice is known again."""
    codec = load_codec(Path("artifacts/float16"))
    form, sent = PacketFormat.of(codec), windows_in_a_row(codec, 4 * 16, sequence=0)
    frames = [series(form, sent[first : first + 16], Link.RADIO) for first in (0, 32, 16, 16, 48)]
    arrivals = [datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=8 * windows) for windows in (16, 48, 49, 50, 64)]
    opened = Opening(opening().decoders, NodeTable(nodes={"turbine-7": NODE}),
                     Followed(Path("received/00000001.journal")))
    results = decoded([Received(NODE.topic, arrival, data) for arrival, data in zip(arrivals, frames, strict=True)],
                      opened)
    assert [each.packet for each in results] == [*sent[:16], *sent[32:48], *sent[16:32], *sent[16:32], *sent[48:]]
    assert sum(place.missing for place in opened.places) == sum(place.is_late for place in opened.places) == 16
    length = timedelta(seconds=codec.samples / codec.sample_rate_hz)
    for each in results:
        assert each.start == arrivals[-1] - length - timedelta(seconds=8 * (63 - each.sequence))


def test_a_journal_that_is_converted_twice_gives_the_same_files(registered: Path, mixed: list[bytes]) -> None:
    """The gateway may be killed before the last step, which removes the journal."""
    table = NodeTable(nodes={"turbine-7": NODE})
    Path("received").mkdir()
    frames = framed(mixed * 50)
    found = []
    for sent in (frames[:250], frames[300:]):
        journal = next_journal(Path("received"), newest_number(Path("received")))
        for number, each in enumerate(sent):
            journal.append(Received(NODE.topic, datetime(2030, 1, 1, 0, 0, number % 60, tzinfo=UTC), each))
        journal.close()
        content = journal.path.read_bytes()
        for _ in range(2):
            journal.path.write_bytes(content)
            convert(journal.path, RegisteredDecoders("edgecodec"), table)
            found.append({path: path.read_bytes() for path in files_of(journal.path)})
    assert found[0] == found[1] != found[2] == found[3]
    assert sorted(kept("windows")["sequence"]) == [*range(250), *range(300, 600)]  # 50 frames are lost


def test_a_journal_that_is_converted_twice_is_one_commit(registered: Path, mixed: list[bytes]) -> None:
    deltalake = pytest.importorskip("deltalake", reason="pip install -e .[delta] -c constraints.txt")
    folder = Path("received")
    folder.mkdir()
    sink = SINKS["delta"](folder, "client")
    for number, sent in enumerate((mixed[:5], mixed[5:]), 1):
        journal = next_journal(folder, number - 1)
        for each in received([*sent, b"damaged"]):
            journal.append(each)
        journal.close()
        content = journal.path.read_bytes()
        for _ in range(2):
            journal.path.write_bytes(content)
            convert(journal.path, RegisteredDecoders("edgecodec"), sink=sink)
    table = deltalake.DeltaTable(folder / "windows")
    assert sorted(table.to_pandas()["packet"]) == sorted(mixed)
    assert table.version() == 2  # 0 made the table
    assert table.transaction_version("client") == 2
    assert kept("undecoded")["packet"].tolist() == [b"damaged", b"damaged"]


class Killed(BaseException):
    pass


class Steps:
    """Files appear and go so often, then the process is killed."""

    def __init__(self, left: int, patch: pytest.MonkeyPatch) -> None:
        self.left = left
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, self._counting(getattr(Path, name)))

    def _counting(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if self.left == 0:
                raise Killed
            self.left -= 1
            return step(*arguments, **options)
        return counted


@pytest.mark.parametrize("kind", ["parquet", "delta"])
def test_a_conversion_that_is_killed_at_any_step_loses_and_doubles_nothing(
        kind: str, registered: Path, mixed: list[bytes]) -> None:
    if kind == "delta":
        pytest.importorskip("deltalake", reason="pip install -e .[delta] -c constraints.txt")
    folder = Path("received")
    folder.mkdir()
    sink = SINKS[kind](folder, "client")
    for number, _ in enumerate(("undecoded", "first day", "second day", "followed", "journal")):
        journal = next_journal(folder, number)
        for place, each in enumerate(received([*mixed, b"damaged"])):
            journal.append(replace(each, time=each.time + timedelta(days=place % 2)))
        journal.close()
        with pytest.MonkeyPatch.context() as patch:
            Steps(number, patch)
            with pytest.raises(Killed):
                convert(journal.path, RegisteredDecoders("edgecodec"), sink=sink)
        convert(journal.path, RegisteredDecoders("edgecodec"), sink=sink)
        assert sorted(kept("windows")["packet"]) == sorted(mixed * (number + 1))
        assert kept("undecoded")["packet"].tolist() == [b"damaged"] * (number + 1)
        assert journals(folder) == []


def test_what_an_earlier_attempt_wrote_and_this_one_does_not_goes(registered: Path, mixed: list[bytes]) -> None:
    """A gateway of before was killed behind its flat files; a model that was not registered then is so now."""
    folder = Path("received")
    (folder / "undecoded").mkdir(parents=True)
    journal = next_journal(folder)
    for each in received(mixed):
        journal.append(each)
    journal.close()
    earlier = [folder / "00000001.windows.parquet", folder / "undecoded/00000001.parquet"]
    for path in earlier:
        path.write_bytes(b"PAR1")
    convert(journal.path, RegisteredDecoders("edgecodec"))
    assert not any(path.exists() for path in earlier)
    assert len(kept("windows")) == len(mixed)


def test_a_node_that_runs_another_version_than_listed_is_told(registered: Path, mixed: list[bytes]) -> None:
    codec = load_model(Path("artifacts/model"))
    codec.scale.mul_(1.25)
    frames = framed(mixed)
    save_results(codec, small_params(), Path("artifacts"))
    assert register(small_params(), registered).version.number == "3"
    newest = VersionParams(version="3", since=datetime(2029, 9, 1, tzinfo=UTC))
    node = NODE.model_copy(update={"versions": (*NODE.versions, newest)})
    decoders = RegisteredDecoders("edgecodec")
    decoders.refresh()
    followed = Followed(Path("received/00000001.journal"))
    opened = Opening(decoders, NodeTable(nodes={"turbine-7": node}), followed)
    results = decoded([replace(each, topic=NODE.topic) for each in received(frames)], opened)
    assert {result.version for result in results} == {"2"}
    assert opened.unexpected == {("turbine-7", "2")}


KEPT = Received("a", datetime(2030, 1, 1, tzinfo=UTC), b"1", session="first", message=7)


@pytest.mark.parametrize(("arrival", "delivered_again", "known"), [
    (KEPT, True, True),
    (KEPT, False, False),  # a new message that has the id of one that was acknowledged
    (replace(KEPT, message=8), True, False),
    (replace(KEPT, packet=b"2"), True, False),
    (replace(KEPT, topic="b"), True, False),
    (replace(KEPT, session="second"), True, False),  # the broker has forgotten the session, and counts anew
    (replace(KEPT, message=8, retained=True), False, True),
    (replace(KEPT, message=8, retained=True, topic="b"), False, False),
])
@pytest.mark.parametrize("crash", [False, True])
def test_only_what_mqtt_proves_is_known_again(arrival: Received, delivered_again: bool, known: bool, crash: bool,
                                              tmp_path: Path) -> None:
    memory = Memory.open(tmp_path, None)
    if crash:
        journal = next_journal(tmp_path)
        journal.append(KEPT)
        journal.synchronize()
    else:
        memory.remember(KEPT)
        memory.save(tmp_path)
    assert Memory.open(tmp_path, None).knows(arrival, delivered_again) == known


def test_a_retained_packet_is_known_after_any_number_of_others(tmp_path: Path) -> None:
    memory = Memory.open(tmp_path, None)
    retained = replace(KEPT, retained=True)
    for received in [retained, *(replace(KEPT, packet=b"packet %d" % number) for number in range(2000))]:
        memory.remember(received)
    assert memory.knows(retained, delivered_again=False)


def test_numbers_of_files_that_were_moved_away_do_not_come_again(tmp_path: Path) -> None:
    journal = next_journal(tmp_path, newest=6)
    Memory.open(tmp_path, None)
    journal.path.unlink()
    Gateway(Address("127.0.0.1", 1883, TOPIC), tmp_path, RegisteredDecoders("edgecodec"), Rotation(1, 1))
    assert [path.name for path in journals(tmp_path)] == ["00000008.journal"]


def test_a_removed_journal_keeps_no_packet(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "00000001.journal")
    journal.path.unlink()
    journal.append(KEPT)
    with pytest.raises(FileNotFoundError, match="somebody removed the open journal"):
        journal.synchronize()
