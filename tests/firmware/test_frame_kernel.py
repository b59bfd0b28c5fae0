"""The node makes the frames that Python makes."""

import numpy as np
import pytest
from firmware.conftest import BuildLibrary
from firmware.library import Library
from hypothesis import given, settings
from hypothesis import strategies as st
from packets.test_frame import BARE, CODEC, packets_of

from edgecodec.packets.frame import frame, frame_bytes
from edgecodec.packets.link import Link
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, parts_of


@pytest.fixture(scope="module", params=[CODEC, BARE], ids=["with_remarks", "without"])
def library(request: pytest.FixtureRequest, build_library: BuildLibrary) -> Library:
    return build_library(request.param)


@pytest.fixture(scope="module")
def codec(library: Library) -> ExportedCodec:
    return library.codec


@pytest.mark.parametrize("link", Link)
def test_frames_of_every_kind_are_the_same(library: Library, codec: ExportedCodec, link: Link) -> None:
    form = PacketFormat.of(codec)
    for packet in packets_of(codec, sequence=0xFFF0):
        expected = frame(form, packet, link)
        assert library.frame(link, packet, len(expected)) == ("OK", expected)
        assert library.frame(link, packet, len(packet), in_place=True) == ("OK", expected)
        assert library.frame(link, packet, len(expected) - 1) == ("CAPACITY", b"")


@pytest.mark.parametrize("link", Link)
def test_sizes_are_told(library: Library, codec: ExportedCodec, link: Link) -> None:
    form = PacketFormat.of(codec)
    sizes = [library.functions.ec_frame_size(list(Link).index(link), rate) for rate in range(len(form.rates) + 2)]
    assert sizes == [0, *(frame_bytes(form, rate, link) for rate in form.rates), 0]


def test_what_is_no_packet_of_the_model_is_refused(library: Library, codec: ExportedCodec) -> None:
    packet = packets_of(codec)[0]
    kind, remarks, model = (bytes([packet[0] ^ 0x70]) + packet[1:], bytes([packet[0] ^ 0x80]) + packet[1:],
                            packet[:1] + bytes([packet[1] ^ 1]) + packet[2:])
    for wrong in (b"", packet[:11], packet[:-1], packet + b"\0", kind, remarks, model):
        assert library.frame(Link.RADIO, wrong, 64) == ("PACKET", b""), wrong.hex()


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=40), first=st.integers(0, 255), capacity=st.integers(0, 40))
def test_nothing_is_written_where_there_is_no_room(
        library: Library, codec: ExportedCodec, data: bytes, first: int, capacity: int) -> None:
    """The guard behind the frame is looked at in :meth:`Library.frame`."""
    packet = bytes([first]) + PacketFormat.of(codec).model_id + data
    status, written = library.frame(Link.RADIO, packet, capacity)
    assert (status == "OK") == (len(written) > 0)


def test_a_flipped_bit_of_the_packet_is_one_of_the_frame(library: Library, codec: ExportedCodec) -> None:
    """Else none of the comparisons above would tell a fault."""
    form, packet = PacketFormat.of(codec), packets_of(codec)[0]
    assert parts_of(form, packet).faulty is None
    changed = bytearray(packet)
    changed[-6] ^= 0x10  # of the payload
    frames = [library.frame(Link.CHECKED, bytes(each), 64)[1] for each in (packet, changed)]
    bits = [np.unpackbits(np.frombuffer(each, np.uint8)) for each in frames]
    assert (bits[0] != bits[1]).sum() == 1
