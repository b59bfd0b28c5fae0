"""Remarks in packets: what is said comes back, and packets from before say nothing."""

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, random_windows
from hypothesis import given
from hypothesis import strategies as st

from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.monitor import CODES, Remarks, error_code, error_edges, inverse_root, rate_within
from edgecodec.packets.packet import PacketFormat, pack, unpack

CODEC = edge_like(Sizes(channels=13, monitored=True))
FORM = PacketFormat.of(CODEC)
(INDICES,) = encode(CODEC, random_windows(CODEC, 1)).indices()


def remarks(errors: list[float], unlike: float = 0.5, faulty: tuple[int, ...] = ()) -> Remarks:
    mask = np.zeros(CODEC.channels, bool)
    mask[list(faulty)] = True
    return Remarks(np.array(errors, np.float32), np.zeros(3, np.float32), 1.0, np.float32(unlike), mask)  # type: ignore[arg-type]


@given(errors=st.lists(st.floats(0, 1e6, width=32), min_size=3, max_size=3), unlike=st.sampled_from([0.5, 1.0, 1.5]),
       faulty=st.sets(st.integers(0, 12), max_size=4), rate=st.integers(1, 3))
def test_what_is_said_comes_back(errors: list[float], unlike: float, faulty: set[int], rate: int) -> None:
    packet = pack(FORM, rate, 5, INDICES, remarks=remarks(errors, unlike, tuple(faulty)))
    said = unpack(FORM, packet).said
    assert said is not None
    assert errors[rate - 1] <= said.error_percent
    assert said.error_percent <= max(errors[rate - 1] * 1.0906, 0.5) or said.error_percent == np.inf
    assert (said.unlike, set(np.flatnonzero(said.faulty))) == (unlike > 1, faulty)
    assert len(packet) == FORM.packet_bytes(rate) + (2 if faulty else 0)


def test_a_packet_without_remarks_says_nothing() -> None:
    packet = pack(FORM, 2, 5, INDICES)
    assert packet[0] >> 4 == 1
    assert unpack(FORM, packet).said is None
    assert len(packet) == FORM.packet_bytes(2) - 1


def test_the_scale_of_errors() -> None:
    edges = error_edges()
    assert len(edges) == CODES - 1
    assert [error_code(float(edge)) for edge in edges] == list(range(CODES - 1))
    assert error_code(float(np.nextafter(edges[7], np.float32(100)))) == 8
    assert error_code(np.nan) == error_code(np.inf) == CODES - 1


@pytest.mark.parametrize("change", ["no channel", "a channel too many", "cut"])
def test_remarks_that_no_node_makes_are_refused(change: str) -> None:
    import zlib

    content = bytearray(pack(FORM, 1, 5, INDICES, remarks=remarks([1, 1, 1], faulty=(3,)))[:-4])
    if change == "cut":
        del content[8:]
    else:
        content[8:10] = bytes(2) if change == "no channel" else b"\x00\x80"
    with pytest.raises(EdgeCodecError, match="the sender is faulty"):
        unpack(FORM, bytes(content) + zlib.crc32(content).to_bytes(4, "little"))


def test_the_lowest_rate_that_keeps_a_bound() -> None:
    found = remarks([4.0, 3.0, 2.0])
    assert [rate_within(found, bound, 3) for bound in (5, 3.5, 3, 2, 1.9)] == [1, 2, 2, 3, None]
    assert rate_within(found, 2, 2) is None


@given(st.floats(2**-100, 2**100, width=32))
def test_the_inverse_root_is_right_to_the_last_bits(x: float) -> None:
    assert float(inverse_root(np.float32(x))) == pytest.approx(x**-0.5, rel=1e-6)  # type: ignore[arg-type]
