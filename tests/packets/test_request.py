"""A request says what it said, and nothing else passes for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.request import REQUEST_BYTES, WindowRequest

REQUESTS = st.one_of(
    st.builds(WindowRequest, st.just(PacketKind.EXACT), st.integers(1, 255)),
    st.builds(WindowRequest, st.just(PacketKind.ESCAPE), st.integers(1, 255),
              st.integers(1, 255).map(lambda tenths: tenths / 10)))


@given(REQUESTS)
def test_a_request_comes_back(request: WindowRequest) -> None:
    assert WindowRequest.from_bytes(request.to_bytes()) == request


def test_its_bytes_are_these() -> None:
    assert WindowRequest(PacketKind.EXACT, 4).to_bytes().hex() == "140400fb9f"
    assert WindowRequest(PacketKind.ESCAPE, 255, 0.5).to_bytes().hex() == "13ff05f585"


@given(REQUESTS, st.integers(1, (1 << 8 * REQUEST_BYTES) - 1).filter(lambda flips: flips.bit_count() <= 3))
def test_up_to_three_flipped_bits_are_refused(request: WindowRequest, flips: int) -> None:
    damaged = int.from_bytes(request.to_bytes()) ^ flips
    with pytest.raises(EdgeCodecError, match="damaged"):
        WindowRequest.from_bytes(damaged.to_bytes(REQUEST_BYTES))


@pytest.mark.parametrize(("kind", "windows", "bound", "message"), [
    (PacketKind.CODED, 1, 0.0, "of coded packets; escapes and exact ones can be asked for"),
    (PacketKind.EXACT, 0, 0.0, "of 0 windows; ask for 1 to 255"),
    (PacketKind.EXACT, 256, 0.0, "of 256 windows; ask for 1 to 255"),
    (PacketKind.EXACT, 1, 1.0, "exact packets within 1.0 per cent"),
    (PacketKind.ESCAPE, 1, 0.0, "escape packets within 0.0 per cent"),
    (PacketKind.ESCAPE, 1, 26.0, "escape packets within 26.0 per cent"),
])
def test_what_cannot_be_asked_for_is_named(kind: PacketKind, windows: int, bound: float, message: str) -> None:
    with pytest.raises(EdgeCodecError, match=message):
        WindowRequest(kind, windows, bound)


@pytest.mark.parametrize("message", [b"", b"\x14\x04\x00\xfb", b"\x14\x04\x00\xfb\x9f\x00"])
def test_another_length_is_damage(message: bytes) -> None:
    with pytest.raises(EdgeCodecError, match="damaged"):
        WindowRequest.from_bytes(message)
