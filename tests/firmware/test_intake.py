"""A window that is pushed sample by sample gives the packet that it gives at once."""

from dataclasses import replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, random_windows, with_layer
from firmware.conftest import BuildLibrary
from firmware.library import Context, Intake, Library, RemarksOnNode
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecodec.deploy.memory import intake_bytes
from edgecodec.packets.network import ExportedCodec, Filter

CODEC = edge_like(Sizes(seed=4, regimes=3, coded_classes=9, monitored=True))
ROWS = paper_like(Sizes(seed=4))  # begins without filters


@pytest.fixture(scope="module")
def library(build_library: BuildLibrary) -> Library:
    return build_library(CODEC)


def no_indices(codec: ExportedCodec) -> NDArray[np.uint16]:
    words = max(each.stages_of_rate[-1] * each.tokens for each in codec.quantizers.values())
    return np.zeros(1 + words, np.uint16)


def packet_of(library: Library, window: NDArray[np.float32], coded: bool = False) -> tuple[str, bytes]:
    return finish(library, coded, lambda context, indices, remarks: library.encode(
        context, library.team(), np.ascontiguousarray(window), 1, indices, coded, remarks))


def packet_of_full(library: Library, intake: Intake, coded: bool = False) -> tuple[str, bytes]:
    return finish(library, coded, lambda context, indices, remarks: library.encode_intake(
        context, library.team(), intake, 1, indices, coded, remarks))


def finish(library: Library, coded: bool, encode: object) -> tuple[str, bytes]:
    context, indices, codec = library.ready(), no_indices(library.codec), library.codec
    remarks = None if codec.monitor is None else RemarksOnNode()
    status = encode(context, indices, remarks)  # type: ignore[operator]
    if status != "OK":
        return status, b""
    if coded:
        return library.pack_coded(context, 1, 7, indices, 4096, remarks)
    return library.pack(1, 7, indices, 4096, remarks)


def push_all(library: Library, intake: Intake, window: NDArray[np.float32]) -> None:
    for sample in np.ascontiguousarray(window):
        assert not library.is_full(intake)
        assert library.push(intake, sample) == "OK"
    assert library.is_full(intake)


@pytest.mark.parametrize("coded", [False, True])
def test_one_window_after_the_other(library: Library, coded: bool) -> None:
    """Of some a sensor fails, of one the last half is NaN; nothing of a window is left in the next one's."""
    intake, windows = library.open_intake(library.ready()), random_windows(CODEC, 6)
    windows[1, :, 2] = np.nan
    windows[3, 20:] = np.nan
    windows[4, 5] = 1e30
    statuses = []
    for window in windows:
        push_all(library, intake, window)
        pushed = packet_of_full(library, intake, coded)
        assert pushed == packet_of(library, window, coded)
        assert not library.is_full(intake)
        statuses.append(pushed[0])
    assert set(statuses) == {"OK", "WINDOW"}


# Every example is compiled.
@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(samples=40, taps=6, stride=6, seed=0)
@given(samples=st.integers(16, 70), taps=st.integers(1, 12), stride=st.integers(1, 12), seed=st.integers(0, 999))
def test_whatever_the_filters_look_back_at(
        build_library: BuildLibrary, samples: int, taps: int, stride: int, seed: int) -> None:
    codec = edge_like(Sizes(seed=seed, samples=samples, taps=taps, stride=stride))
    first = codec.layers[0]
    assert isinstance(first, Filter)
    library, window = build_library(codec), random_windows(codec, 1, seed)[0]
    assert library.functions.ec_intake_size() == intake_bytes(first, codec.arithmetic)
    intake = library.open_intake(library.ready())
    push_all(library, intake, window)
    assert packet_of_full(library, intake) == packet_of(library, window)


def test_a_codec_without_filters_takes_rows(build_library: BuildLibrary) -> None:
    library, windows = build_library(ROWS), random_windows(ROWS, 2)
    assert library.functions.ec_intake_size() == intake_bytes(ROWS.layers[0], ROWS.arithmetic)
    intake = library.open_intake(library.ready())
    for window in windows:
        push_all(library, intake, window)
        assert packet_of_full(library, intake) == packet_of(library, window)
    windows[1, 3, 1] = np.inf
    push_all(library, intake, windows[1])
    assert packet_of_full(library, intake) == ("WINDOW", b"")


def test_counts_are_their_product_with_the_unit(library: Library) -> None:
    unit = np.float32(2.0**-12)
    counts = np.round(random_windows(CODEC, 1)[0] / unit).astype(np.int32)
    intake = library.open_intake(library.ready())
    for sample in counts:
        assert library.push_counts(intake, np.ascontiguousarray(sample), float(unit)) == "OK"
    assert packet_of_full(library, intake) == packet_of(library, counts.astype(np.float32) * unit)


def test_a_bit_of_what_was_kept_makes_another_packet(library: Library) -> None:
    """Else none of the comparisons above would tell a fault."""
    window, packets = random_windows(CODEC, 1)[0], set()
    for flipped in (0, 1 << 13):
        intake = library.open_intake(library.ready())
        for number, sample in enumerate(np.ascontiguousarray(window)):
            library.push(intake, sample)
            if number == 30:
                library.intake_memory.view(np.uint16)[:] ^= flipped
        packets.add(packet_of_full(library, intake))
    assert len(packets) == 2


def test_a_full_intake_takes_no_more_and_keeps_what_it_has(library: Library) -> None:
    window, more = random_windows(CODEC, 2)
    intake = library.open_intake(library.ready())
    push_all(library, intake, window)
    for sample in np.ascontiguousarray(more[:3]):
        assert library.push(intake, sample) == "INTAKE"
    assert packet_of_full(library, intake) == packet_of(library, window)


def test_what_is_missing_misplaced_or_not_full_is_refused(library: Library, build_library: BuildLibrary) -> None:
    context, team, indices = library.ready(), library.team(), no_indices(CODEC)
    sample, size = np.zeros(CODEC.channels, np.float32), library.functions.ec_intake_size()
    memory = library.intake_memory.ctypes.data
    assert library.begin_intake(None, context, memory, size) == "NULL"
    assert library.begin_intake(Intake(), None, memory, size) == "NULL"
    assert library.begin_intake(Intake(), context, None, size) == "NULL"
    assert library.begin_intake(Intake(), Context(), memory, size) == "CONTEXT"
    assert library.begin_intake(Intake(), context, memory + 2, size) == "ALIGNMENT"
    assert library.begin_intake(Intake(), context, memory, size - 1) == "ARENA"
    assert library.push(Intake(), sample) == "CONTEXT"
    assert library.push(None, sample) == "NULL"
    intake = library.open_intake(context)
    assert library.push(intake, None) == "NULL"
    assert library.push(intake, np.zeros(4 * CODEC.channels + 4, np.uint8)[1:].view(np.uint8)) == "ALIGNMENT"  # type: ignore[arg-type]
    assert library.push(intake, sample) == "OK"
    assert library.encode_intake(context, team, None, 1, indices) == "NULL"
    assert library.encode_intake(context, team, Intake(), 1, indices) == "CONTEXT"
    assert library.encode_intake(context, team, intake, 1, indices) == "INTAKE"
    stranger = build_library(replace(ROWS, sample_rate_hz=1.0))
    assert library.encode_intake(context, team, stranger.open_intake(stranger.ready()), 1, indices) == "CONTEXT"


def test_a_codec_without_coded_packets_says_so(build_library: BuildLibrary) -> None:
    library, window = build_library(ROWS), random_windows(ROWS, 1)[0]
    intake = library.open_intake(library.ready())
    push_all(library, intake, window)
    assert packet_of_full(library, intake, coded=True) == ("CODED", b"")
    assert library.is_full(intake)


def test_an_overflow_empties_the_intake(build_library: BuildLibrary) -> None:
    """The window is lost, as it is where it is encoded at once; the next one is not."""
    codec = edge_like(Sizes(seed=4))
    codec = with_layer(codec, "decimate", scale=np.full(codec.channels, 1e4, np.float32))
    library, window = build_library(codec), random_windows(codec, 1)[0]
    intake = library.open_intake(library.ready())
    push_all(library, intake, 1e3 * window)
    assert packet_of_full(library, intake) == ("WINDOW", b"")
    push_all(library, intake, 1e-4 * window)
    assert packet_of_full(library, intake) == packet_of(library, np.float32(1e-4) * window)
