"""A broker of Kafka in this process: the one that librdkafka tests itself on, which speaks the protocol over TCP.

It comes with confluent-kafka, whose Python does not show it. Topics, groups and offsets are in memory, and live as long
as the process. It knows neither TLS nor users.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import confluent_kafka

BROKER = 1
OFFSET_COMMIT = 8  # the number of the request
DEAL_SECONDS = 0.1  # for members to come, when a group is new


def _library() -> ctypes.CDLL:
    package = Path(confluent_kafka.__file__).parent
    (path,) = [*package.parent.glob("confluent_kafka.libs/librdkafka*"), *package.glob(".dylibs/librdkafka*")]
    library = ctypes.CDLL(str(path))
    for made in ("rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, made).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


class KafkaCluster:
    """Of one broker."""

    def __init__(self) -> None:
        self._library = _library()
        self._owner = ctypes.c_void_p(self._library.rd_kafka_new(0, None, None, 0))
        self._cluster = ctypes.c_void_p(self._library.rd_kafka_mock_cluster_new(self._owner, 1))
        self.address: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, int(DEAL_SECONDS * 1000))

    def create(self, topic: str, partitions: int) -> None:
        self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)

    def refuse(self, topic: str, error: int) -> None:
        """Whoever asks for ``topic`` is told ``error`` from now on."""
        self._library.rd_kafka_mock_topic_set_error(self._cluster, topic.encode(), error)

    def refuse_commit(self, error: int) -> None:
        """The next one."""
        self._library.rd_kafka_mock_push_request_errors(
            self._cluster, ctypes.c_int16(OFFSET_COMMIT), ctypes.c_size_t(1), ctypes.c_int(error))

    def produce(self, topic: str, key: str | None, packets: Sequence[bytes]) -> None:
        """Until the broker has them."""
        producer = confluent_kafka.Producer({"bootstrap.servers": self.address, "linger.ms": 1})
        for packet in packets:
            producer.produce(topic, packet, key)
        assert producer.flush(60) == 0

    def committed(self, topic: str, group: str, partitions: int) -> int:
        """Records of ``topic`` that ``group`` need not get again."""
        asking = confluent_kafka.Consumer({"bootstrap.servers": self.address, "group.id": group})
        places = [confluent_kafka.TopicPartition(topic, each) for each in range(partitions)]
        found = asking.committed(places, timeout=60)
        asking.close()
        return sum(max(each.offset, 0) for each in found)

    def go_away(self) -> None:
        """Close all connections, and accept none until :meth:`come_back`."""
        self._library.rd_kafka_mock_broker_set_down(self._cluster, BROKER)

    def come_back(self) -> None:
        self._library.rd_kafka_mock_broker_set_up(self._cluster, BROKER)

    def destroy(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._owner)
