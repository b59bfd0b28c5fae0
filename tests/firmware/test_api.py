"""Every status of the API, one bad argument at a time; and packets that equal the Python ones."""

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, random_windows, random_words, with_layer
from firmware.conftest import BuildLibrary
from firmware.library import Context, Library, RemarksOnNode, as_on_node
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from packets.random_indices import assert_same, random_indices

from edgecodec.deploy.golden import escape_of
from edgecodec.deploy.memory import BLOB_HEADER_BYTES
from edgecodec.deploy.oracle import encode
from edgecodec.packets.counts import COUNT_MAX
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import OVERHEAD_BYTES, PacketFormat, pack, pack_exact, unpack

CODEC = paper_like(Sizes(seed=9, codewords=20, rates=3, stages_per_rate=2))


@pytest.fixture(scope="module")
def library(build_library: BuildLibrary) -> Library:
    return build_library(CODEC)


def no_indices(codec: ExportedCodec = CODEC) -> NDArray[np.uint16]:
    return np.full(1 + (len(codec.quantizer.stages) + 1) * codec.quantizer.tokens, 0xEEEE, np.uint16)


def window(codec: ExportedCodec = CODEC) -> NDArray[np.float32]:
    return np.ascontiguousarray(random_windows(codec, 1)[0])


def test_model_info_tells_what_was_exported(library: Library) -> None:
    model = library.model
    assert model.codec == b"paper"
    assert len(bytes.fromhex(model.shape_hash.decode())) == 32
    assert (model.samples, model.channels, model.tokens, model.stages, model.rates) == (48, 5, 3, 6, 3)
    assert model.stages_of_rate[:3] == [2, 4, 6]
    names = [library.functions.ec_layer_name(step) for step in range(model.layers + 1)]
    assert names == [*(layer.name.encode() for layer in CODEC.layers), None]


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_a_rate_writes_its_own_stages_and_no_more(library: Library, rate: int) -> None:
    indices = no_indices()
    assert library.encode(library.ready(), library.team(), window(), rate, indices) == "OK"
    (wanted,) = encode(CODEC, window()[None]).indices()
    np.testing.assert_array_equal(indices[: 1 + 3 * 2 * rate], as_on_node(wanted.sent(2 * rate)))
    assert (indices[1 + 3 * 2 * rate :] == 0xEEEE).all()


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_any_rate_chooses_the_same_regime(build_library: BuildLibrary, rate: int) -> None:
    codec = paper_like(Sizes(seed=7, codewords=20, stages_per_rate=2, regimes=4))
    library, windows = build_library(codec), random_windows(codec, 8)
    expected = encode(codec, windows).indices()
    assert len(set(expected.regime.tolist())) > 1
    for samples, wanted in zip(windows, expected, strict=True):
        indices = no_indices(codec)
        assert library.encode(library.ready(), library.team(), np.ascontiguousarray(samples), rate, indices) == "OK"
        np.testing.assert_array_equal(indices[: 1 + 3 * 2 * rate], as_on_node(wanted.sent(2 * rate)))
        assert (indices[1 + 3 * 2 * rate :] == 0xEEEE).all()


def test_init_refuses_what_is_missing_small_or_misaligned(library: Library) -> None:
    size, weights, codebooks = library.arena_bytes, library.weights, library.codebooks
    assert library.init(None, library.arena, size, weights, codebooks) == "NULL"
    assert library.init(Context(), None, size, weights, codebooks) == "NULL"
    assert library.init(Context(), library.arena, size, None, codebooks) == "NULL"
    assert library.init(Context(), library.arena, size, weights, None) == "NULL"
    assert library.init(Context(), library.arena, size - 1, weights, codebooks) == "ARENA"
    assert library.init(Context(), library.arena, 0, weights, codebooks) == "ARENA"
    assert library.init(Context(), library.arena + 8, size, weights, codebooks) == "ALIGNMENT"
    assert library.init(Context(), library.arena, size, weights + 2, codebooks) == "ALIGNMENT"


def test_init_refuses_data_of_two_models(library: Library, build_library: BuildLibrary) -> None:
    stranger = build_library(with_layer(CODEC, "first", slope=0.5))
    good = (library.arena, library.arena_bytes)
    assert library.init(Context(), *good, stranger.weights, library.codebooks) == "MODEL"
    assert library.init(Context(), *good, library.weights, stranger.codebooks) == "MODEL"
    assert library.init(Context(), *good, library.codebooks, library.weights) == "MODEL"


def test_a_refused_context_encodes_nothing(library: Library) -> None:
    context = library.ready()
    assert library.init(context, library.arena + 8, library.arena_bytes, library.weights, library.codebooks) != "OK"
    assert library.encode(context, library.team(), window(), 1, no_indices()) == "CONTEXT"
    assert library.encode(Context(), library.team(), window(), 1, no_indices()) == "CONTEXT"


def test_encode_refuses_what_is_missing_misaligned_or_out_of_range(library: Library) -> None:
    context, team = library.ready(), library.team()
    assert library.encode(None, team, window(), 1, no_indices()) == "NULL"
    assert library.encode(context, None, window(), 1, no_indices()) == "NULL"
    assert library.encode(context, team, None, 1, no_indices()) == "NULL"
    assert library.encode(context, team, window(), 1, None) == "NULL"
    assert library.encode(context, team, window(), 0, no_indices()) == "RATE"
    assert library.encode(context, team, window(), 4, no_indices()) == "RATE"
    shifted = np.zeros(4 * window().size + 4, np.uint8)[1:].view(np.uint8)
    assert library.encode(context, team, shifted, 1, no_indices()) == "ALIGNMENT"
    odd = np.zeros(2 * no_indices().size + 2, np.uint8)[1:]
    assert library.encode(context, team, window(), 1, odd) == "ALIGNMENT"


@pytest.mark.parametrize(("field", "value", "status"), [
    ("workers", 0, "TEAM"), ("workers", 17, "TEAM"), ("worker", 1, "TEAM"), ("barrier", None, "NULL"),
    ("fetch", None, "NULL")])
def test_encode_refuses_an_impossible_team(library: Library, field: str, value: int | None, status: str) -> None:
    team = library.team()
    setattr(team, field, value)
    assert library.encode(library.ready(), team, window(), 1, no_indices()) == status


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e9, -3e38])
@pytest.mark.parametrize("place", [(0, 0), (47, 4), (20, 2)])
def test_a_window_that_is_no_window_leaves_no_indices(
        library: Library, value: float, place: tuple[int, int]) -> None:
    broken, indices = window(), no_indices()
    broken[place] = value
    assert library.encode(library.ready(), library.team(), broken, 3, indices) == "WINDOW"
    assert (indices == 0xEEEE).all()
    assert library.encode(library.ready(), library.team(), window(), 3, indices) == "OK"


@pytest.mark.parametrize("kind", [paper_like, edge_like])
def test_nan_in_any_weight_is_refused_unless_it_stands_for_padding(
        kind: Callable[[Sizes], ExportedCodec], build_library: BuildLibrary) -> None:
    codec = kind(Sizes(seed=9, codewords=20, rates=3, stages_per_rate=2, regimes=5))
    library, samples, clean = build_library(codec), window(codec), no_indices(codec)
    assert library.encode(library.ready(), library.team(), samples, 3, clean) == "OK"
    size = int(np.frombuffer(ctypes.string_at(library.weights, 8), np.uint32)[1])
    weights = np.frombuffer(ctypes.string_at(library.weights, size), np.uint32).copy()
    refused, context = 0, Context()
    assert library.init(context, library.arena, library.arena_bytes, weights.ctypes.data, library.codebooks) == "OK"
    for place in range(BLOB_HEADER_BYTES // 4, len(weights)):
        good, weights[place] = weights[place], 0x7FC07FC0  # NaN as float and as two float16
        indices = no_indices(codec)
        status = library.encode(context, library.team(), samples, 3, indices)
        assert status in ("OK", "WINDOW", "OVERFLOW")
        np.testing.assert_array_equal(indices, clean if status == "OK" else no_indices(codec))
        weights[place], refused = good, refused + (status != "OK")
    assert refused > 0.9 * (len(weights) - BLOB_HEADER_BYTES // 4)


def test_an_overflow_inside_the_encoder_is_a_status(build_library: BuildLibrary) -> None:
    steep = with_layer(CODEC, "first", weight=np.full((6, 5, 6), 8, np.float16))
    library, indices = build_library(steep), no_indices()
    assert library.encode(library.ready(), library.team(), np.full((48, 5), 9999, np.float32), 1, indices) == "OVERFLOW"
    assert (indices == 0xEEEE).all()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kind", [paper_like, edge_like])
@given(seed=st.integers(0, 1000), sequence=st.integers(0, 65535))
def test_packets_are_those_of_the_python_packer(
        kind: Callable[[Sizes], ExportedCodec], build_library: BuildLibrary, seed: int, sequence: int) -> None:
    codec = kind(Sizes(seed=9, codewords=20, rates=3, stages_per_rate=2, regimes=5))
    library, form = build_library(codec), PacketFormat.of(codec)
    indices = random_indices(form.fixed_length, seed)
    for rate in form.rates:
        status, packet = library.pack(rate, sequence, as_on_node(indices), form.packet_bytes(rate))
        assert (status, packet) == ("OK", pack(form, rate, sequence, indices))
        assert_same(unpack(form, packet).indices, indices.sent(form.fixed_length.stages(rate)))


def test_pack_refuses_a_regime_that_there_is_not(build_library: BuildLibrary) -> None:
    codec = paper_like(Sizes(seed=9, codewords=20, regimes=2))
    library, form = build_library(codec), PacketFormat.of(codec)
    assert library.model.regimes == 2
    for regime, word, status in ((0, 19, "OK"), (1, 19, "OK"), (0, 20, "INDEX"), (1, 20, "INDEX"), (2, 0, "INDEX"),
                                 (0xFFFF, 0, "INDEX")):
        indices = np.array([regime, 0, word, 5], np.uint16)
        assert library.pack(1, 0, indices, form.packet_bytes(1))[0] == status


def test_pack_refuses_bad_rates_indices_and_buffers(library: Library) -> None:
    form = PacketFormat.of(CODEC)
    indices = np.zeros(1 + 6 * 3, np.uint16)
    assert [library.functions.ec_packet_size(rate) for rate in range(5)] == [
        0, *(form.packet_bytes(rate) for rate in (1, 2, 3)), 0]
    assert library.pack(0, 0, indices, 100) == ("RATE", b"")
    assert library.pack(4, 0, indices, 100) == ("RATE", b"")
    assert library.pack(1, 0, None, 100)[0] == "NULL"
    assert library.pack(3, 0, indices, form.packet_bytes(3) - 1) == ("CAPACITY", b"")
    indices[1 + 3 * 3 + 2] = form.fixed_length.codewords[3]
    assert library.pack(2, 0, indices, 100) == ("INDEX", b"")
    assert library.pack(1, 0, indices, 100)[0] == "OK"  # that stage is not sent


@pytest.fixture(scope="module")
def with_coded(build_library: BuildLibrary) -> Library:
    """One token of 14 coordinates, three rates, nine classes of coded words, three regimes."""
    return build_library(edge_like(Sizes(seed=9, stages_per_rate=2, regimes=3, coded_classes=9)))


def test_model_info_tells_the_coded_words(library: Library, with_coded: Library) -> None:
    assert (with_coded.model.coded_words, library.model.coded_words) == (14, 0)


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_coded_indices_and_packets_are_the_oracles(with_coded: Library, rate: int) -> None:
    codec, library = with_coded.codec, with_coded
    form, windows = PacketFormat.of(codec), random_windows(codec, 8)
    expected = encode(codec, windows).indices(PacketKind.CODED)
    assert len(set(expected.regime.tolist())) > 1
    context = library.ready()
    for samples, wanted in zip(windows, expected, strict=True):
        indices = np.full(2 + 14 * 3, 0xEEEE, np.uint16)
        assert library.encode(context, library.team(), np.ascontiguousarray(samples), rate, indices, coded=True) == "OK"
        np.testing.assert_array_equal(indices[: 1 + 14 * rate], as_on_node(wanted.sent(rate)))
        assert (indices[1 + 14 * rate :] == 0xEEEE).all()
        packet = pack(form, rate, 77, wanted, PacketKind.CODED)
        assert library.pack_coded(context, rate, 77, indices, len(packet)) == ("OK", packet)
        assert library.pack_coded(context, rate, 77, indices, len(packet) - 1) == ("CAPACITY", b"")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), sequence=st.integers(0, 65535))
def test_coded_packets_are_those_of_the_python_packer(
        with_coded: Library, data: st.DataObject, sequence: int) -> None:
    form, regime = PacketFormat.of(with_coded.codec), data.draw(st.integers(0, 2))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    indices = Indices(np.uint16(regime), random_words(generator, with_coded.codec.coded, 3, regime))
    context = with_coded.ready()
    for rate in form.rates:
        packet = pack(form, rate, sequence, indices, PacketKind.CODED)
        assert len(packet) <= with_coded.coded_packet_size(rate) <= form.packet_bytes_max(rate)
        assert with_coded.pack_coded(context, rate, sequence, as_on_node(indices), len(packet)) == ("OK", packet)
        received = unpack(form, packet)
        assert (received.kind, received.rate, received.sequence) == (PacketKind.CODED, rate, sequence)
        assert (received.indices.words[-1] == indices.words[rate - 1]).all()
        assert received.indices.regime == regime


def test_pack_coded_refuses_bad_rates_indices_and_buffers(with_coded: Library) -> None:
    library, context = with_coded, with_coded.ready()
    indices = np.zeros(1 + 14 * 3, np.uint16)
    scalars = library.codec.coded.scalars
    sizes = [library.coded_packet_size(rate) for rate in range(5)]
    assert sizes == [0, *(OVERHEAD_BYTES + scalars.payload_bytes(rate) for rate in (1, 2, 3)), 0]
    assert library.pack_coded(context, 0, 0, indices, 100) == ("RATE", b"")
    assert library.pack_coded(context, 4, 0, indices, 100) == ("RATE", b"")
    assert library.pack_coded(None, 1, 0, indices, 100)[0] == "NULL"
    assert library.pack_coded(context, 1, 0, None, 100)[0] == "NULL"
    assert library.pack_coded(Context(), 1, 0, indices, 100) == ("CONTEXT", b"")
    for capacity in range(OVERHEAD_BYTES):
        assert library.pack_coded(context, 1, 0, indices, capacity) == ("CAPACITY", b"")
    most = 2 * int(scalars.reach[scalars.classes[1, 0, 5]])
    indices[1 + 14 + 5] = most + 1
    assert library.pack_coded(context, 2, 0, indices, 100) == ("INDEX", b"")
    assert library.pack_coded(context, 1, 0, indices, 100)[0] == "OK"  # that rate is not sent
    most = 2 * int(scalars.reach[scalars.classes[0, 2, 0]])
    for regime, word, status in ((2, most, "OK"), (2, most + 1, "INDEX"), (3, 0, "INDEX"), (0xFFFF, 0, "INDEX")):
        indices[:2] = regime, word
        assert library.pack_coded(context, 1, 0, indices, 100)[0] == status


def test_encode_coded_refuses_what_encode_refuses(with_coded: Library) -> None:
    library, indices = with_coded, np.full(1 + 14 * 3, 0xEEEE, np.uint16)
    context, team, samples = library.ready(), library.team(), window(library.codec)
    broken = samples.copy()
    broken[3, 2] = np.nan
    for arguments, status in (((None, team, samples, 1, indices), "NULL"), ((context, team, None, 1, indices), "NULL"),
                              ((context, team, samples, 0, indices), "RATE"),
                              ((context, team, samples, 4, indices), "RATE"),
                              ((Context(), team, samples, 1, indices), "CONTEXT"),
                              ((context, team, broken, 1, indices), "WINDOW")):
        assert library.encode(*arguments, coded=True) == status
    assert (indices == 0xEEEE).all()


def test_a_model_without_coded_packets_says_so(library: Library) -> None:
    indices = no_indices()
    assert library.encode(library.ready(), library.team(), window(), 1, indices, coded=True) == "CODED"
    assert library.pack_coded(library.ready(), 1, 0, indices, 100)[0] == "CODED"
    assert library.coded_packet_size(1) == 0
    assert (indices == 0xEEEE).all()


@pytest.fixture(scope="module")
def monitored(build_library: BuildLibrary) -> Library:
    return build_library(edge_like(Sizes(seed=9, channels=12, regimes=2, coded_classes=5, monitored=True)))


@pytest.mark.parametrize("coded", [False, True])
def test_escapes_are_the_oracles(monitored: Library, coded: bool) -> None:
    codec, context, said = monitored.codec, monitored.ready(), RemarksOnNode()
    windows = random_windows(codec, 8)
    windows[1] *= 2000  # noise far beyond the training
    windows[2, 3:, 2] = np.nan
    windows[3] /= 1000
    encoding, most = encode(codec, windows), monitored.functions.ec_escape_packet_size()
    assert most == PacketFormat.of(codec).escape_bytes_max
    for number, samples in enumerate(windows):
        assert monitored.encode(context, monitored.team(), np.ascontiguousarray(samples), 3,
                                np.zeros(1 + 20 * 3, np.uint16), coded, said) == "OK"
        for bound in (-1.0, 0.0, 0.3, 3.0, 1e3, np.inf, np.nan):
            packet = escape_of(codec, encoding, number, bound)
            assert monitored.pack_escape(context, bound, number, said, most) == ("OK", packet)
            assert monitored.pack_escape(context, bound, number, said, len(packet)) == ("OK", packet)
            for capacity in (len(packet) - 1, 12, 0):
                assert monitored.pack_escape(context, bound, number, said, capacity) == ("CAPACITY", b"")


def test_pack_escape_refuses_what_is_missing(monitored: Library, library: Library) -> None:
    said = RemarksOnNode()
    assert monitored.pack_escape(None, 3, 0, said, 100)[0] == "NULL"
    assert monitored.pack_escape(monitored.ready(), 3, 0, None, 100)[0] == "NULL"
    assert monitored.pack_escape(Context(), 3, 0, said, 100) == ("CONTEXT", b"")
    assert library.pack_escape(library.ready(), 3, 0, said, 100)[0] == "REMARKS"
    assert library.functions.ec_escape_packet_size() == 0


def test_exact_packets_are_pythons(library: Library) -> None:
    codec = library.codec
    form, most = PacketFormat.of(codec), library.functions.ec_exact_packet_size()
    generator = np.random.default_rng(1)
    for spread in (0, 30, COUNT_MAX):
        counts = generator.integers(-spread, spread + 1, (codec.channels, codec.samples), np.int32)
        packet = pack_exact(form, 700, counts, 0.25)
        by_sample = np.ascontiguousarray(counts.T)
        assert library.pack_exact(by_sample, 0.25, 700, most) == ("OK", packet)
        assert library.pack_exact(by_sample, 0.25, 700, len(packet)) == ("OK", packet)
        for capacity in (len(packet) - 1, 12, 0):
            assert library.pack_exact(by_sample, 0.25, 700, capacity) == ("CAPACITY", b"")
    assert len(packet) <= most  # of noise over all 24 bits


def test_pack_exact_refuses_what_it_cannot_send(library: Library) -> None:
    counts = np.zeros((library.codec.samples, library.codec.channels), np.int32)
    assert library.pack_exact(None, 1, 0, 100)[0] == "NULL"
    for unit in (0.0, -1.0, np.inf, np.nan):
        assert library.pack_exact(counts, unit, 0, 100) == ("WINDOW", b"")
    counts[3, 1] = COUNT_MAX + 1
    assert library.pack_exact(counts, 1, 0, 10_000) == ("WINDOW", b"")
