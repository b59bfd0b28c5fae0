"""Gateways on Kafka lose no record, keep none twice, and share a topic.

The cluster is librdkafka's own, in this process; a gateway that is killed is a process of its own.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import confluent_kafka
import pytest
from kafka_cluster import KafkaCluster
from test_cli import Command, edgecodec
from test_gateway import asked, journaled, kept, no_stand_in_is_left, running

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway import kafka
from edgecodec.gateway.decoders import RegisteredDecoders
from edgecodec.gateway.gateway import Gateway, Rotation
from edgecodec.gateway.journal import Received
from edgecodec.gateway.kafka import Cluster
from edgecodec.gateway.memory import UNCOMMITTED, Memory
from edgecodec.gateway.monitoring import Monitoring
from edgecodec.gateway.nodes import NO_NODES, AskParams, NodeParams, NodeTable
from edgecodec.gateway.source import Arrival
from studies.broker import wait_until

__all__ = ["edgecodec", "no_stand_in_is_left"]  # fixtures
TOPIC, GROUP, PARTITIONS = "packets", "gateways", 4
ILLEGAL_GENERATION, TOPIC_AUTHORIZATION_FAILED = 22, 29
NODE = NodeParams(topic="edgecodec/turbine-7/packets", sends="packets", versions=(), interval_seconds=8.0,
                  installed=date(2026, 1, 1), array="")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaCluster]:
    """Its groups wait for a session's length before they deal partitions anew: it is short here."""
    monkeypatch.setattr(kafka, "SESSION_SECONDS", 4)
    cluster = KafkaCluster()
    cluster.create(TOPIC, PARTITIONS)
    yield cluster
    cluster.destroy()


class Process:
    """The gateway as a user runs it. What it says is in FOLDER.log."""

    def __init__(self, cluster: KafkaCluster, folder: str = "received") -> None:
        self.log = Path(f"{folder}.log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from edgecodec.cli import main; main()", "gateway", folder, "--kafka",
                 cluster.address, "--topic", TOPIC, "--group", GROUP, "--rotate-seconds", "3600"], stderr=log)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(120)


def gateway_on(cluster: KafkaCluster, folder: str = "received", topic: str = TOPIC, table: NodeTable = NO_NODES,
               kind: type[Gateway] = Gateway) -> Gateway:
    return kind(Cluster(cluster.address, topic, GROUP), Path(folder), RegisteredDecoders("edgecodec"),
                Rotation(packets=10**6, seconds=3600), table)


def numbered(first: int, end: int) -> list[bytes]:
    return [b"packet %d" % number for number in range(first, end)]


def produce_of_many(cluster: KafkaCluster, packets: Sequence[bytes], nodes: int = 16) -> None:
    """By so many nodes that all partitions get some."""
    for node in range(nodes):
        cluster.produce(TOPIC, f"node{node}", packets[node::nodes])


def undecoded(*folders: str) -> list[bytes]:
    return [packet for folder in folders for packet in kept("undecoded", folder)["packet"]]


def test_records_become_windows_of_the_node_that_their_key_names(registered: Path, cluster: KafkaCluster,
                                                                 mixed: list[bytes]) -> None:
    """By its name, or by its topic of MQTT, as bridges set it."""
    cluster.produce(TOPIC, "turbine-7", mixed[:4])
    cluster.produce(TOPIC, NODE.topic, mixed[4:6])
    cluster.produce(TOPIC, "else", mixed[6:8])
    cluster.produce(TOPIC, None, [mixed[8], b"damaged"])
    with running(gateway_on(cluster, table=NodeTable(nodes={"turbine-7": NODE}))):
        wait_until(lambda: journaled() == 10)
        wait_until(lambda: cluster.committed(TOPIC, GROUP, PARTITIONS) == 10)
    windows = kept("windows")
    assert sorted(windows.loc[windows["node"] == "turbine-7", "packet"]) == sorted(mixed[:6])
    assert sorted(windows.loc[windows["topic"] == "else", "packet"]) == sorted(mixed[6:8])
    assert windows.loc[windows["topic"] == TOPIC, "packet"].tolist() == mixed[8:9]
    assert windows["node"].isna().sum() == 3
    assert undecoded("received") == [b"damaged"]


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_by_kills(registered: Path, cluster: KafkaCluster) -> None:
    """A gateway that was killed holds its partitions until its session is over."""
    sent = numbered(0, 20_000)
    gateway = Process(cluster)
    for first in range(0, len(sent), 5000):
        cluster.produce(TOPIC, f"node{first}", sent[first : first + 5000])
        wait_until(lambda first=first: journaled() > first + 100)
        gateway.end(signal.SIGKILL)
        gateway = Process(cluster)
    wait_until(lambda: journaled() >= len(sent))
    assert gateway.end() == 0
    assert sorted(undecoded("received")) == sorted(sent)
    assert cluster.committed(TOPIC, GROUP, PARTITIONS) == len(sent)


class Crashing(Gateway):
    """Its power fails between keeping records and committing them."""

    def receive(self, arrivals: Sequence[Arrival]) -> None:
        super().receive(arrivals)
        raise EdgeCodecError("power failure")


def test_what_was_kept_and_not_committed_is_not_kept_again(registered: Path, cluster: KafkaCluster) -> None:
    sent = numbered(0, 3000)
    cluster.produce(TOPIC, "a", sent)
    with pytest.raises(EdgeCodecError, match="power failure"), running(gateway_on(cluster, kind=Crashing)):
        pass
    before = len(undecoded("received"))
    assert 1 <= before <= UNCOMMITTED
    assert cluster.committed(TOPIC, GROUP, PARTITIONS) == 0
    gateway = gateway_on(cluster)
    with running(gateway):
        wait_until(lambda: gateway.traffic.packets == len(sent))
    assert gateway.traffic.known == before
    assert sorted(undecoded("received")) == sorted(sent)


def test_a_member_that_the_group_has_given_up_keeps_nothing_twice(registered: Path, cluster: KafkaCluster) -> None:
    """Its records come again when the partitions are dealt anew, many being fetched already."""
    sent = numbered(0, 20_000)
    gateway = gateway_on(cluster)
    with running(gateway):
        cluster.refuse_commit(ILLEGAL_GENERATION)
        cluster.produce(TOPIC, "a", sent)
        wait_until(lambda: cluster.committed(TOPIC, GROUP, PARTITIONS) == len(sent))
    assert sorted(undecoded("received")) == sorted(sent)
    assert gateway.traffic.known > 0


def test_gateways_of_a_group_share_the_partitions(registered: Path, cluster: KafkaCluster) -> None:
    """They are dealt while no records come: this broker refuses to commit as soon as a member comes, others do not."""
    sent = numbered(0, 6000)
    one, other = gateway_on(cluster, "one"), gateway_on(cluster, "other")
    with running(one):
        with running(other):
            produce_of_many(cluster, sent[:4000])
            wait_until(lambda: cluster.committed(TOPIC, GROUP, PARTITIONS) == 4000)
        assert len(undecoded("other")) == other.traffic.packets > 0
        produce_of_many(cluster, sent[4000:])
        wait_until(lambda: cluster.committed(TOPIC, GROUP, PARTITIONS) == len(sent))
    assert sorted(undecoded("one", "other")) == sorted(sent)


def test_brokers_that_come_back_are_found_again(registered: Path, cluster: KafkaCluster,
                                                caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    gateway, monitoring = gateway_on(cluster), Monitoring(Path("received"))
    with monitoring.serving(gateway, "127.0.0.1", 0) as port, running(gateway):
        cluster.produce(TOPIC, "a", numbered(0, 6))
        wait_until(lambda: gateway.is_connected and cluster.committed(TOPIC, GROUP, PARTITIONS) == 6)
        cluster.go_away()
        wait_until(lambda: not gateway.is_connected)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            asked(port, "/readyz")
        cluster.come_back()
        wait_until(lambda: gateway.is_connected)
        assert asked(port, "/readyz") == "200 OK\n"
        cluster.produce(TOPIC, "a", numbered(6, 12))
        wait_until(lambda: journaled() == 12)
    assert sorted(undecoded("received")) == sorted(numbered(0, 12))
    told = [record.getMessage() for record in caplog.records if "connect" in record.getMessage()]
    assert [line.split()[1] for line in told] == ["to", "lost:", "to"]
    assert re.search(r"\(.*127\.0\.0\.1.*\); trying again", told[1])


def test_brokers_that_go_between_keeping_and_committing_are_waited_for(
        registered: Path, cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, sent = gateway_on(cluster), numbered(0, 3000)
    receive = gateway.receive

    def receive_and_lose(arrivals: Sequence[Arrival]) -> None:
        receive(arrivals)
        cluster.go_away()
        monkeypatch.setattr(gateway, "receive", receive)

    monkeypatch.setattr(gateway, "receive", receive_and_lose)
    cluster.produce(TOPIC, "a", sent)
    with ThreadPoolExecutor() as threads:
        run = threads.submit(gateway.run)
        wait_until(lambda: gateway.receive == receive)
        kept_before = gateway.traffic.packets
        time.sleep(3)
        assert gateway.traffic.packets <= UNCOMMITTED
        assert kept_before > 0
        assert not gateway.is_connected
        cluster.come_back()
        wait_until(lambda: cluster.committed(TOPIC, GROUP, PARTITIONS) == len(sent))
        gateway.stop()
        run.result(30)
    assert sorted(undecoded("received")) == sorted(sent)


def test_brokers_that_are_not_there_are_told_once(tmp_path: Path, cluster: KafkaCluster,
                                                  caplog: pytest.LogCaptureFixture) -> None:
    cluster.go_away()
    gateway = gateway_on(cluster, str(tmp_path / "received"))
    with ThreadPoolExecutor() as threads:
        run = threads.submit(gateway.run)
        wait_until(lambda: bool(caplog.messages))
        gateway.stop()
        run.result(30)
    (line,) = caplog.messages
    assert re.match(rf"cannot connect to {cluster.address} \(.* refused .*\); trying again", line)


def test_a_topic_that_is_not_there_is_named(tmp_path: Path, cluster: KafkaCluster) -> None:
    gateway = gateway_on(cluster, str(tmp_path / "received"), topic="else")
    with pytest.raises(EdgeCodecError, match=rf"{cluster.address} has no topic else; create it, or give another"), \
            running(gateway):
        wait_until(lambda: gateway.has_stopped)


def test_a_topic_that_is_not_permitted_is_named(tmp_path: Path, cluster: KafkaCluster) -> None:
    cluster.refuse(TOPIC, TOPIC_AUTHORIZATION_FAILED)
    gateway = gateway_on(cluster, str(tmp_path / "received"))
    with pytest.raises(EdgeCodecError, match=rf"{cluster.address} refuses topic {TOPIC} or group {GROUP}"), \
            running(gateway):
        wait_until(lambda: gateway.has_stopped)


def test_nodes_are_not_asked_over_kafka(tmp_path: Path, cluster: KafkaCluster) -> None:
    table = NodeTable(nodes={"turbine-7": NODE.model_copy(update={"ask": AskParams(windows_a_day=4)})})
    with pytest.raises(EdgeCodecError, match=r"asked for windows, but Kafka brings no requests to nodes; ask by"):
        gateway_on(cluster, str(tmp_path / "received"), table=table)


@pytest.mark.parametrize(("options", "said"), [
    (["--topic", "a"], "--group is missing"),
    (["--topic", "a", "--group", ""], "--group is missing"),
    (["--group", "a"], "--topic is missing"),
    (["--topic", "edgecodec/+/packets", "--group", "a"], "without wildcards"),
    (["--topic", "a", "--group", "a", "--broker", "localhost"], "--broker localhost: is for MQTT"),
])
def test_options_that_do_not_fit_kafka_are_refused(options: list[str], said: str, tmp_path: Path,
                                                   edgecodec: Command) -> None:
    refused = edgecodec("gateway", str(tmp_path), "--kafka", "localhost:9092,localhost:9093", *options)
    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert said in refused.err


@pytest.mark.parametrize(("tls", "username", "protocol"), [
    (True, None, "SSL"), (False, "ada", "SASL_PLAINTEXT"), (True, "ada", "SASL_SSL"),
])
def test_the_library_takes_the_settings_of_users(tls: bool, username: str | None, protocol: str) -> None:
    settings = Cluster("127.0.0.1:9", TOPIC, GROUP, tls=tls, username=username, password="secret").settings()
    confluent_kafka.Consumer(settings).close()  # it refuses a mechanism or protocol that it was not built with
    assert settings["security.protocol"] == protocol


KEPT = Received("a", datetime(2030, 1, 1, tzinfo=UTC), b"1", session="packets@1", message=7, partition=3)


@pytest.mark.parametrize(("arrival", "known"), [
    (KEPT, True),
    (replace(KEPT, message=8), False),
    (replace(KEPT, message=7 + UNCOMMITTED), False),
    (replace(KEPT, partition=2), False),
    (replace(KEPT, session="packets@2"), False),  # a topic of that name was made anew, and counts anew
    (replace(KEPT, packet=b"2"), False),
    (replace(KEPT, topic="b"), False),
])
def test_only_a_record_of_the_same_offset_is_known_again(arrival: Received, known: bool, tmp_path: Path) -> None:
    memory = Memory.open(tmp_path, None)
    memory.remember(KEPT)
    memory.save(tmp_path)
    assert Memory.open(tmp_path, None).knows(arrival, delivered_again=True) == known
