"""The node's remarks through the C API: the oracle's bits, faults found, bounds kept."""

import ctypes
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, random_windows
from firmware.conftest import BuildLibrary, RunOnHost
from firmware.library import RemarksOnNode, as_on_node
from numpy.typing import NDArray

from edgecodec.deploy.golden import remarks_on_node
from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import rate_within
from edgecodec.packets.network import Single
from edgecodec.packets.packet import PacketFormat, pack
from edgecodec.simulators.comparison import compare_with_oracle

CODEC = edge_like(Sizes(channels=16, samples=60, regimes=3, coded_classes=9, monitored=True, seed=1))
PLAIN = edge_like(Sizes())


def faulty_windows() -> Single:
    windows = random_windows(CODEC, 6, seed=3)
    windows[1, :, 2] = np.nan
    windows[2, :, 3] = 0.25
    windows[3, 20:, 1] = 1e30
    windows[4, 30:, 5] += 9
    windows[5, :, :2] = np.inf
    return windows


@pytest.mark.parametrize("threads", [None, 3])
def test_faulty_windows_give_the_oracles_bits(run_on_host: RunOnHost, threads: int | None) -> None:
    windows = faulty_windows()
    found = compare_with_oracle(CODEC, windows, run_on_host(CODEC, windows, threads))
    assert found.bit_exact, found.first_difference


def test_another_bit_of_the_monitor_shows(run_on_host: RunOnHost) -> None:
    assert CODEC.monitor is not None
    share = CODEC.monitor.share.copy()
    share.view(np.uint32)[0] ^= 1 << 12
    other = replace(CODEC, monitor=replace(CODEC.monitor, share=share))
    windows = faulty_windows()
    found = compare_with_oracle(other, windows, replace(run_on_host(CODEC, windows), model=other.model_hash[:16]))
    assert found.first_difference is not None
    assert found.first_difference.place == "remarks"


@pytest.mark.parametrize("kind", list(PacketKind)[:2])
def test_remarks_and_packets_are_the_oracles(build_library: BuildLibrary, kind: PacketKind) -> None:
    library, windows, form = build_library(CODEC), faulty_windows(), PacketFormat.of(CODEC)
    encoding, context = encode(CODEC, windows), library.ready()
    indices = np.zeros(200, np.uint16)
    send: Callable[..., tuple[str, bytes]] = library.pack
    for number, window in enumerate(windows):
        remarks = RemarksOnNode()
        coded = kind is PacketKind.CODED
        assert library.encode(context, library.team(), window, 3, indices, coded, remarks) == "OK"
        expected = encoding.remarks[kind][number]
        assert bytes(remarks) == remarks_on_node(expected)
        if coded:
            status, packet = library.pack_coded(context, 2, number, indices, 500, remarks)
        else:
            status, packet = send(2, number, indices, 500, remarks)
        assert (status, packet) == ("OK", pack(form, 2, number, encoding.indices(kind)[number], kind, expected))
        for bound in (0.5, 2.0, 3.0, 8.0):
            kept = rate_within(expected, bound, 3)
            assert library.rate_within(remarks, bound, 3) == (("BOUND", 0) if kept is None else ("OK", kept))


def test_the_faults_are_found() -> None:
    faulty = encode(CODEC, faulty_windows()).remarks[PacketKind.FIXED_LENGTH].faulty
    sound = encode(CODEC, random_windows(CODEC, 6, seed=3)).remarks[PacketKind.FIXED_LENGTH].faulty
    for window, channels in enumerate(([], [2], [3], [1], [], [0, 1])):
        assert set(np.flatnonzero(faulty[window])) >= set(channels)
        assert set(np.flatnonzero(faulty[window])) - set(np.flatnonzero(sound[window])) <= {*channels, 5}


def test_too_many_faults_are_the_windows_own(build_library: BuildLibrary) -> None:
    library, indices = build_library(CODEC), np.zeros(200, np.uint16)
    windows = random_windows(CODEC, 1, seed=3)
    windows[0, :, :5] = np.nan
    assert library.encode(library.ready(), library.team(), windows[0], 1, indices, remarks=RemarksOnNode()) == "WINDOW"
    with pytest.raises(EdgeCodecError, match="channels are faulty; leave it out"):
        encode(CODEC, windows)
    windows[0, :, :5] = 0
    assert not encode(CODEC, windows).remarks[PacketKind.FIXED_LENGTH].faulty.any()


@pytest.mark.parametrize("codec", [PLAIN, paper_like(Sizes())])
def test_a_model_without_monitor_makes_none(build_library: BuildLibrary, codec: object) -> None:
    library = build_library(codec)  # type: ignore[arg-type]
    window: NDArray[np.float32] = random_windows(library.codec, 1)[0]
    indices, remarks = np.zeros(500, np.uint16), RemarksOnNode()
    assert library.encode(library.ready(), library.team(), window, 1, indices, remarks=remarks) == "REMARKS"
    assert bytes(remarks) == bytes(ctypes.sizeof(RemarksOnNode))
    assert library.encode(library.ready(), library.team(), window, 1, indices) == "OK"
    assert library.pack(1, 0, indices, 500, remarks)[0] == "REMARKS"
    assert library.rate_within(remarks, 3.0, 1)[0] == "REMARKS"
    (expected,) = encode(library.codec, window[None]).indices()
    assert (indices[: len(as_on_node(expected.sent(1)))] == as_on_node(expected.sent(1))).all()
