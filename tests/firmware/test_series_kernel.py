"""The node makes the series that Python makes, window by window."""

from collections.abc import Iterator

import numpy as np
import pytest
from firmware.conftest import BuildLibrary
from firmware.library import Library, RemarksOnNode, Series, as_on_node
from numpy.typing import NDArray
from packets.test_series import BARE, CODEC, windows_in_a_row

from edgecodec.packets.frame import series
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.link import Link
from edgecodec.packets.monitor import error_edges
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, parts_of

ROOM = 4096
Added = tuple[NDArray[np.uint16], RemarksOnNode | None]


@pytest.fixture(scope="module", params=[CODEC, BARE], ids=["with_remarks", "without"])
def library(request: pytest.FixtureRequest, build_library: BuildLibrary) -> Library:
    return build_library(request.param)


@pytest.fixture(scope="module")
def codec(library: Library) -> ExportedCodec:
    return library.codec


def added(codec: ExportedCodec, packets: list[bytes]) -> Iterator[Added]:
    """What makes ``packets`` on the node."""
    form = PacketFormat.of(codec)
    for packet in packets:
        parts = parts_of(form, packet)
        (indices,) = form.payloads(PacketKind.CODED).read(parts.rate, [parts.payload])
        yield as_on_node(indices), _remarks(parts.rate, parts.error_code, parts.unlike, parts.faulty) \
            if parts.is_remarked else None


def _remarks(rate: int, code: int, unlike: bool, faulty: NDArray[np.bool_] | None) -> RemarksOnNode:
    remarks = RemarksOnNode(unlike=2.0 if unlike else 0.5)
    remarks.error_percent[rate - 1] = [*error_edges(), np.inf][code]
    if faulty is not None:
        remarks.faulty_channels = int(faulty.sum())
        for number, byte in enumerate(np.packbits(faulty, bitorder="little").tolist()):
            remarks.faulty[number] = byte
    return remarks


class OnNode:
    """A series, with the frame that it fills."""

    def __init__(self, library: Library, link: Link, rate: int, sequence: int, capacity: int = ROOM) -> None:
        self._library, self._capacity, self.series = library, capacity, Series()
        self._memory = np.full(library.functions.ec_series_size() // 8 + 2, 0xEE, np.uint64)
        self._frame = np.full(capacity + 8, 0xEE, np.uint8)
        self._size = 0
        assert library.begin_series(self.series, link, rate, sequence, self._memory, self._frame, capacity) == "OK"

    def add(self, indices: NDArray[np.uint16], remarks: RemarksOnNode | None) -> tuple[str, bytes]:
        """And the frame, which is whole after every window."""
        status, self._size = self._library.add_to_series(self.series, indices, remarks, self._size)
        assert (self._frame[self._capacity :] == 0xEE).all()
        assert (self._memory[-1] == 0xEE).all()
        return status, self._frame[: self._size].tobytes()


@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize("seed", range(4))
def test_the_frame_is_the_same_after_every_window(
        library: Library, codec: ExportedCodec, link: Link, seed: int) -> None:
    form = PacketFormat.of(codec)
    for rate in form.rates:
        packets = windows_in_a_row(codec, 17, seed, rate)
        node = OnNode(library, link, rate, 0xFFF8)
        for count, (indices, remarks) in enumerate(added(codec, packets), 1):
            expected = ("OK", series(form, packets[:count], link)) if count <= 16 else \
                ("CAPACITY", series(form, packets[:16], link))
            assert node.add(indices, remarks) == expected


@pytest.mark.parametrize("link", Link)
def test_a_window_without_room_leaves_the_frame_as_it_was(
        library: Library, codec: ExportedCodec, link: Link) -> None:
    form, packets = PacketFormat.of(codec), windows_in_a_row(codec, 6, seed=3, steady=0.3)
    frames = [b"", *(series(form, packets[:count], link) for count in range(1, 7))]
    for capacity in range(len(frames[-1]) + 2):
        node = OnNode(library, link, 1, 0xFFF8, capacity)
        held = 0
        for indices, remarks in added(codec, packets):
            fits = len(frames[held + 1]) <= capacity
            assert node.add(indices, remarks) == ("OK" if fits else "CAPACITY", frames[held + fits])
            held += fits
            if not fits:
                break
        assert node.series.windows == held


def test_a_window_that_is_none_leaves_the_series_as_it_was(library: Library, codec: ExportedCodec) -> None:
    form, packets = PacketFormat.of(codec), windows_in_a_row(codec, 4)
    frames = [b"", *(series(form, packets[:count], Link.RADIO) for count in range(1, 5))]
    node = OnNode(library, Link.RADIO, 1, 0xFFF8)
    for count, (indices, remarks) in enumerate(added(codec, packets)):
        no_regime, beyond = indices.copy(), indices.copy()
        no_regime[0] = 0xFFFF
        beyond[-1] = 0xFFFF
        assert node.add(no_regime, remarks) == ("INDEX", frames[count])
        assert node.add(beyond, remarks) == ("INDEX", frames[count])
        assert node.add(indices, None if remarks else RemarksOnNode()) == ("REMARKS", frames[count])
        assert node.series.windows == count
        assert node.add(indices, remarks) == ("OK", frames[count + 1])


def test_wrong_arguments_are_refused(library: Library, codec: ExportedCodec) -> None:
    memory, frame = np.zeros(library.functions.ec_series_size() // 8 + 2, np.uint64), np.zeros(ROOM, np.uint8)
    rates = PacketFormat.of(codec).rates
    begin, unbegun = library.begin_series, Series()
    for rate in (0, len(rates) + 1):
        assert begin(unbegun, Link.RADIO, rate, 0, memory, frame, ROOM) == "RATE"
    assert begin(None, Link.RADIO, 1, 0, memory, frame, ROOM) == "NULL"
    assert begin(unbegun, Link.RADIO, 1, 0, None, frame, ROOM) == "NULL"
    assert begin(unbegun, Link.RADIO, 1, 0, memory, None, ROOM) == "NULL"
    assert begin(unbegun, Link.RADIO, 1, 0, memory, frame, ROOM, misplaced=1) == "ALIGNMENT"
    size = library.functions.ec_series_size()
    assert begin(unbegun, Link.RADIO, 1, 0, memory, frame, ROOM, memory_bytes=size - 1) == "ARENA"
    ((indices, remarks),) = added(codec, windows_in_a_row(codec, 1))
    assert library.add_to_series(unbegun, indices, remarks, 7) == ("CONTEXT", 7)
