"""Frames hold what packets hold; damage and frames of other models are refused."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, random_windows
from hypothesis import given, settings
from hypothesis import strategies as st
from packets.random_indices import random_indices

from edgecodec.deploy.golden import escape_of, packets
from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.frame import frame, frame_bytes, series, unframe, unframe_all
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.link import CHECKSUM_BYTES, Link
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, pack, pack_exact, packet_of_parts, parts_of
from edgecodec.packets.payloads import FixedLengthPayloads

CODEC = edge_like(Sizes(seed=4, regimes=3, rates=4, coded_classes=9, monitored=True, channels=9))
BARE = paper_like(Sizes(seed=4, rates=3, regimes=2))  # makes no remarks


def packets_of(codec: ExportedCodec, sequence: int = 0) -> list[bytes]:
    """Of every kind, with faulty channels and without."""
    windows = random_windows(codec, 6)
    windows[1, :, 2] = np.nan if codec.monitor is not None else 0
    encoding, form = encode(codec, windows), PacketFormat.of(codec)
    found = [packet for window in range(6) for kind in codec.quantizers
             for packet in packets(codec, encoding, window, kind).values()]
    if codec.monitor is not None:
        found += [escape_of(codec, encoding, window, bound) for window in (0, 1) for bound in (1.0, 50.0)]
    counts = np.arange(codec.channels * codec.samples, dtype=np.int32).reshape(codec.channels, codec.samples)
    found.append(pack_exact(form, 3, counts, 0.5))
    return [packet_of_parts(form, replace(parts_of(form, packet), sequence=(sequence + number) & 0xFFFF))
            for number, packet in enumerate(found)]


@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize("codec", [CODEC, BARE], ids=["with_remarks", "without"])
def test_a_frame_is_its_packet_in_fewer_bytes(codec: ExportedCodec, link: Link) -> None:
    form, sent = PacketFormat.of(codec), packets_of(codec, sequence=0xFFF0)
    framed = [frame(form, packet, link) for packet in sent]
    assert list(unframe_all(form, framed, link, first=0xFFF0)) == sent
    assert all(len(short) <= len(packet) - 6 for short, packet in zip(framed, sent, strict=True))


def test_of_the_two_links_both_have_faulty_channels_and_all_kinds() -> None:
    """So that the tests above and below mean something."""
    parts = [parts_of(PacketFormat.of(CODEC), packet) for packet in packets_of(CODEC)]
    assert {each.kind for each in parts} == set(PacketKind)
    assert {each.faulty is None for each in parts} == {True, False}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), lost=st.lists(st.integers(0, 255), min_size=1, max_size=12), link=st.just(Link.RADIO))
def test_numbers_go_on_over_gaps(seed: int, lost: list[int], link: Link) -> None:
    """Up to 255 frames may be lost in a row."""
    form, sequence, sent = PacketFormat.of(BARE), seed, []
    for gap in lost:
        sequence += 1 + gap
        sent.append(pack(form, 1, sequence & 0xFFFF, random_indices(form.fixed_length, seed)))
    framed = [frame(form, packet, link) for packet in sent]
    assert list(unframe_all(form, framed, link, first=seed + 1)) == sent


def test_a_checked_link_brings_the_number() -> None:
    form = PacketFormat.of(BARE)
    packet = pack(form, 2, 40_000, random_indices(form.fixed_length, 0))
    assert unframe(form, frame(form, packet, Link.CHECKED), Link.CHECKED, 40_000) == [packet]


def test_sizes_of_the_papers_rate() -> None:
    """90 bits, kind, rate, number, error and checksum are 16 bytes; 13 where the link checks and counts."""
    payloads = FixedLengthPayloads((15, 30, 45, 60), 1, (64,) * 60)
    form = PacketFormat("ab" * 32, {PacketKind.FIXED_LENGTH: payloads}, 36, makes_remarks=True)
    assert form.payload_bits(1) == 90
    assert [frame_bytes(form, 1, link) for link in Link] == [16, 13]
    assert form.packet_bytes(1) == 24
    packet = next(packet for packet in packets_of(CODEC) if parts_of(PacketFormat.of(CODEC), packet).faulty is None)
    short = frame(PacketFormat.of(CODEC), packet, Link.RADIO)
    assert len(short) == frame_bytes(PacketFormat.of(CODEC), parts_of(PacketFormat.of(CODEC), packet).rate, Link.RADIO)


def test_any_three_flipped_bits_and_any_burst_are_found() -> None:
    form = PacketFormat.of(CODEC)
    data = frame(form, packets_of(CODEC)[0], Link.RADIO)
    generator, size = np.random.default_rng(0), 8 * len(data)
    patterns = [generator.choice(size, count, replace=False) for count in (1, 2, 3) for _ in range(200)]
    for length in range(2, 17):
        start = int(generator.integers(0, size - length))
        inside = start + np.flatnonzero(generator.random(length) < 0.5)
        patterns.append(np.unique([start, *inside, start + length - 1]))
    for pattern in patterns:
        with pytest.raises(EdgeCodecError, match="frame: damaged, or of another model than"):
            unframe(form, flipped(data, pattern), Link.RADIO)


def flipped(data: bytes, places: np.ndarray) -> bytes:
    """The first place is the lowest bit of the first byte, which goes on air first."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    bits[places] ^= 1
    return np.packbits(bits, bitorder="little").tobytes()


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=40), link=st.sampled_from(Link))
def test_whatever_comes_is_a_packet_or_refused(data: bytes, link: Link) -> None:
    form = PacketFormat.of(CODEC)
    with suppress(EdgeCodecError):
        packets = unframe(form, data, link, 7)
        assert (series(form, packets, link) if data[0] & 0xC3 == 0xC2 else frame(form, *packets, link)) == data


def test_a_frame_of_another_model_is_damaged() -> None:
    form, other = PacketFormat.of(CODEC), PacketFormat.of(edge_like(Sizes(seed=5, monitored=True, channels=9)))
    with pytest.raises(EdgeCodecError, match="damaged, or of another model"):
        unframe(other, frame(form, packets_of(CODEC)[0], Link.RADIO), Link.RADIO)


@pytest.mark.parametrize("link", Link)
def test_a_frame_cut_short_or_too_long_is_refused(link: Link) -> None:
    form, codec = PacketFormat.of(BARE), BARE
    data = frame(form, packets_of(codec)[0], Link.CHECKED)
    for wrong in (data[:-1], data + b"\0", b""):
        with pytest.raises(EdgeCodecError, match=r"^frame: "):
            unframe(form, wrong, link)


def test_a_packet_without_its_remarks_is_refused() -> None:
    form = PacketFormat.of(CODEC)
    bare = pack(form, 1, 0, random_indices(form.fixed_length, 0))
    with pytest.raises(EdgeCodecError, match="without remarks, which frames of this model have"):
        frame(form, bare, Link.RADIO)


def test_the_number_of_a_damaged_frame_is_told() -> None:
    form = PacketFormat.of(BARE)
    data = [frame(form, packet, Link.RADIO) for packet in packets_of(BARE)]
    data[2] = data[2][:-CHECKSUM_BYTES] + b"\0\0"
    with pytest.raises(EdgeCodecError, match=r"^frame 2: damaged"):
        list(unframe_all(form, data, Link.RADIO))
