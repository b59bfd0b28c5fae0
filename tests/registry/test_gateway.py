"""The gateway loses no packet, keeps none twice, and decodes to the bits of the registered model.

It runs as a process of its own, on a real broker: mosquitto where it is installed, else amqtt.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from small_project import save_results, small_params

from edgecodec.deploy.packet_file import read_packets
from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.conversion import Undecoded, convert, decode
from edgecodec.gateway.decoders import RegisteredDecoders
from edgecodec.gateway.journal import Journal, Received, journals, next_journal, read_journal
from edgecodec.gateway.sequences import Sequences
from edgecodec.model.codec import load_model
from edgecodec.registry.register import register

TOPIC = "edgecodec/{node}/packets"
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
MOSQUITTO_SETTINGS = """
listener {port} 127.0.0.1
allow_anonymous true
"""
AMQTT = """
listeners: {{default: {{type: tcp, bind: "127.0.0.1:{port}"}}}}
plugins: {{amqtt.plugins.authentication.AnonymousAuthPlugin: {{allow_anonymous: true}}}}
"""


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.1)


class Broker:
    """A broker that can be stopped, and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self) -> None:
        settings = self.folder / "broker.yaml"
        settings.write_text((AMQTT if MOSQUITTO is None else MOSQUITTO_SETTINGS).format(port=self.port))
        command = [sys.executable, "-m", "amqtt.scripts.broker_script"] if MOSQUITTO is None else [MOSQUITTO]
        self.process = subprocess.Popen([*command, "-c", str(settings)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_until(self._answers)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the broker does not start"
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def publish(self, node: str, packets: Sequence[bytes]) -> None:
        """Until the broker has them."""
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        for sent in [client.publish(TOPIC.format(node=node), packet, qos=1) for packet in packets]:
            sent.wait_for_publish(60)
        client.disconnect()
        client.loop_stop()


def connections() -> int:
    """How often gateways reached the broker."""
    log = Path("gateway.log")
    return log.read_text().count("connected to") if log.exists() else 0


class Process:
    """The gateway as a user runs it."""

    def __init__(self, broker: Broker) -> None:
        before = connections()
        with Path("gateway.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from edgecodec.cli import main; main()", "gateway", "received",
                 "--broker", f"127.0.0.1:{broker.port}", "--rotate-seconds", "3600"], stderr=log)
        wait_until(lambda: connections() > before or self.has_ended())

    def has_ended(self) -> bool:
        assert self.process.poll() is None, Path("gateway.log").read_text()
        return False

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(120)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def registered(project: Path) -> Path:
    register(small_params(), project)
    return project


def expected_windows(packets: Sequence[bytes], version: str = "1") -> NDArray[np.float32]:
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    model = mlflow.pyfunc.load_model(f"models:/edgecodec/{version}")
    return np.stack(model.predict(pd.DataFrame({"packet": list(packets)}))["window"])


def kept(kind: str) -> pd.DataFrame:
    """All rows of the gateway's files of a kind."""
    paths = sorted(Path("received").glob(f"*.{kind}.parquet"))
    return pd.concat([pd.DataFrame({"packet": []}), *map(pd.read_parquet, paths)])


def journaled() -> int:
    return sum(len(list(read_journal(path))) for path in journals(Path("received")))


def of_unknown_model(packet: bytes) -> bytes:
    content = packet[:1] + b"\xff\xff\xff\xff" + packet[5:-4]
    return content + zlib.crc32(content).to_bytes(4, "little")


def test_packets_become_windows(registered: Path, broker: Broker, mixed: list[bytes]) -> None:
    damaged, unknown = mixed[0][:-1], of_unknown_model(mixed[1])
    gateway = Process(broker)
    broker.publish("a", [*mixed[6:], *mixed[:4], mixed[2], damaged, unknown])  # late, lost, repeated, damaged, foreign
    broker.publish("b", mixed)
    wait_until(lambda: journaled() == 10 + 2 + 12)
    assert gateway.end() == 0

    windows = kept("windows")
    assert windows["topic"].value_counts().to_dict() == {TOPIC.format(node="a"): 10, TOPIC.format(node="b"): 12}
    np.testing.assert_array_equal(np.stack(windows["window"]), expected_windows(windows["packet"]))
    assert set(windows["packet"]) == set(mixed)
    assert set(windows["version"]) == {"1"}
    undecoded = kept("undecoded")
    assert undecoded["packet"].tolist() == [damaged, unknown]
    assert "damaged or cut short" in undecoded["reason"].iloc[0]
    assert "no version of edgecodec has the model id ffffffff" in undecoded["reason"].iloc[1]
    assert read_packets(next(Path("received").glob("*.undecoded.parquet"))) == [damaged, unknown]
    assert "25 packets, 1 repeated" in Path("gateway.log").read_text()
    assert journals(Path("received")) == []


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; amqtt does not deliver again what a client "
                                              "has not acknowledged")
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


def test_a_broker_that_comes_back_is_found_again(registered: Path, broker: Broker, mixed: list[bytes]) -> None:
    gateway = Process(broker)
    broker.publish("a", mixed[:6])
    wait_until(lambda: journaled() == 6)
    before = connections()
    broker.stop()
    broker.start()
    wait_until(lambda: connections() > before)
    broker.publish("a", mixed)
    wait_until(lambda: journaled() == len(mixed))
    assert gateway.end() == 0
    assert sorted(kept("windows")["packet"]) == sorted(mixed)


def received(packets: Sequence[bytes]) -> list[Received]:
    return [Received("a", pd.Timestamp("2030-01-01", tz="UTC").to_pydatetime(), packet) for packet in packets]


def test_a_node_with_old_firmware_is_decoded_by_its_own_version(registered: Path, mixed: list[bytes]) -> None:
    codec = load_model(Path("artifacts/model"))
    codec.scale.mul_(1.25)
    save_results(codec, small_params(), Path("artifacts"))
    assert register(small_params(), registered).version.number == "2"

    decoders = RegisteredDecoders("edgecodec")
    decoders.refresh()
    results = decode(received(mixed), decoders)
    assert {result.version for result in results} == {"1"}
    np.testing.assert_array_equal(np.stack([result.window for result in results]), expected_windows(mixed))


def test_a_version_that_was_tampered_with_decodes_nothing(registered: Path, mixed: list[bytes]) -> None:
    (codebooks,) = Path("mlartifacts").rglob("encoder/codec.safetensors")
    codebooks.write_bytes(codebooks.read_bytes() + b" ")
    decoders = RegisteredDecoders("edgecodec")
    decoders.refresh()
    (result,) = decode(received(mixed[:1]), decoders)
    assert isinstance(result, Undecoded)
    assert "version 1 of edgecodec does not load" in result.reason


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
    assert [path.name for path in folder.iterdir()] == ["00000001.windows.parquet"]
    assert next_journal(folder).path.name == "00000002.journal"


def test_a_line_cut_short_by_a_crash_is_left_to_the_broker(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "00000001.journal")
    for each in received([b"first", b"second"]):
        journal.append(each)
    journal.close()
    journal.path.write_text(journal.path.read_text()[:-5])
    assert [each.packet for each in read_journal(journal.path)] == [b"first"]


@pytest.mark.parametrize(("numbers", "missing", "late"), [
    ([1, 2, 3], 0, 0),
    ([1, 4, 5], 2, 0),
    ([1, 3, 2], 0, 1),
    ([65534, 65535, 1], 1, 0),
    ([65535, 1, 0], 0, 1),
])
def test_sequence_numbers_tell_what_is_missing_or_late(numbers: list[int], missing: int, late: int) -> None:
    sequences = Sequences()
    for number in numbers:
        sequences.follow("a", number)
    assert (sequences.traffic.missing, sequences.traffic.late) == (missing, late)


def test_only_the_same_packet_on_the_same_topic_is_a_repetition() -> None:
    sequences = Sequences()
    arrivals = [("a", b"1"), ("b", b"1"), ("a", b"2"), ("a", b"1")]
    assert [sequences.is_repeated(*arrival) for arrival in arrivals] == [False, False, False, True]
