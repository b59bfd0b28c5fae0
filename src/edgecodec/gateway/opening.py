"""What a message holds: the packet, the version that decodes it, the node that sent it, and when its window began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.followed import Followed
from edgecodec.gateway.journal import Received
from edgecodec.gateway.nodes import NodeParams, NodeTable
from edgecodec.gateway.sequences import Place
from edgecodec.gateway.starts import Starts
from edgecodec.gateway.versions import Decoders, VersionDecoder
from edgecodec.packets.frame import unframe
from edgecodec.packets.link import Link
from edgecodec.packets.packet import PacketFormat, read_header

StartFrom = Literal["arrival", "numbers"]


@dataclass(frozen=True, eq=False)
class Opened:
    """A packet whose decoder is known."""

    received: Received
    node: str | None  # None: the table of nodes does not have the topic
    start: datetime | None  # of the window; None: nothing tells
    start_from: StartFrom | None  # what tells: its arrival alone, or the numbers and arrivals around it
    packet: bytes
    decoder: VersionDecoder


@dataclass(frozen=True)
class Undecoded:
    """A message that is kept as it came."""

    received: Received
    reason: str


@dataclass
class Opening:
    """Opens the messages of one journal, in the order in which they came."""

    decoders: Decoders
    table: NodeTable
    followed: Followed
    places: list[Place] = field(default_factory=list)  # of the packets whose number could be read
    channels: dict[str, tuple[str, ...]] = field(default_factory=dict)  # names by version
    unexpected: set[tuple[str, str]] = field(default_factory=set)  # nodes, and versions that the table does not give

    def open(self, received: Received) -> list[Opened | Undecoded]:
        """The windows of a message: one, or those of a series.

        Raises:
            EdgeCodecError: the registry cannot be reached.
        """
        name, topic = self.table.name_of(received.topic), self.followed.of(received.topic)
        node = None if name is None else self.table.nodes[name]
        forms = self._forms(node) if node is not None and node.sends == "frames" else None
        try:
            packets = [received.packet] if forms is None else \
                _unframed(received.packet, forms, topic.sequence.least_of_frames)
            headers = [read_header(packet) for packet in packets]
        except EdgeCodecError as error:
            return [Undecoded(received, str(error))]
        places = [topic.sequence.follow(header.sequence) for header in headers]
        self.places += places
        if any(place.is_restart for place in places):
            topic.starts = Starts()
        decoder = self.decoders.of(headers[0].model_id)
        if isinstance(decoder, str):
            return [Undecoded(received, decoder)]
        self.channels[decoder.version] = decoder.packets.codec.channel_names
        if name is not None and node is not None:
            self._compare(name, node, received, decoder)
        start, start_from = _start(received, places[-1], decoder, node, topic.starts)
        apart = timedelta(seconds=_seconds_apart(decoder, node))
        return [Opened(received, name, start and start - apart * before, start_from, packet, decoder)
                for before, packet in zip(reversed(range(len(packets))), packets, strict=True)]

    def _forms(self, node: NodeParams) -> list[PacketFormat]:
        """What its frames may be of, the newest first."""
        found = [self.decoders.version(each.version) for each in node.newest_first]
        return [decoder.packets.form for decoder in found if not isinstance(decoder, str)]

    def _compare(self, name: str, node: NodeParams, received: Received, decoder: VersionDecoder) -> None:
        """Note a node that runs another model than the table says."""
        listed = node.version_at(received.time)
        if listed is not None and self.decoders.model_id(listed) != decoder.packets.form.model_id:
            self.unexpected.add((name, decoder.version))


def _unframed(frame: bytes, forms: Sequence[PacketFormat], least: int) -> list[bytes]:
    """The packets of a frame of one of ``forms``, with the first sequence number from ``least`` on that fits.

    Raises:
        EdgeCodecError: it is of none.
    """
    reason = "frame: none of the versions that the table of nodes lists is registered; register one, or correct it"
    for form in forms:
        try:
            return unframe(form, frame, Link.RADIO, least)
        except EdgeCodecError as error:
            reason = str(error)
    raise EdgeCodecError(reason)


def _start(received: Received, place: Place, decoder: VersionDecoder, node: NodeParams | None,
           starts: Starts) -> tuple[datetime | None, StartFrom | None]:
    """When the last window of the message began, and what tells. Nothing tells when a retained packet was sent."""
    if received.retained:
        return None, None
    length, arrival = _window_seconds(decoder), received.time.timestamp()
    if node is None or node.interval_seconds is None:
        return datetime.fromtimestamp(arrival - length, UTC), "arrival"
    began = starts.follow(place.number, arrival, node.interval_seconds, length)
    return datetime.fromtimestamp(began, UTC), "numbers"


def _seconds_apart(decoder: VersionDecoder, node: NodeParams | None) -> float:
    """Of the beginnings of windows in a series: a node that does not tell takes them end to end."""
    interval = None if node is None else node.interval_seconds
    return _window_seconds(decoder) if interval is None else interval


def _window_seconds(decoder: VersionDecoder) -> float:
    codec = decoder.packets.codec
    return codec.samples / codec.sample_rate_hz
