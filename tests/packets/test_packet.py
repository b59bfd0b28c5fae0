"""Packets: there and back at every rate; damage, strangers and cuts are refused."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, random_windows, with_quantizer
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from packets.count_windows import COUNTS
from packets.entropy_tables import random_table
from packets.random_indices import assert_same, random_indices

from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.packet import (
    OVERHEAD_BYTES,
    PacketFormat,
    compression_ratios,
    open_packet,
    pack,
    pack_exact,
    read_exact,
    unpack,
)
from edgecodec.packets.payloads import CodedPayloads, FixedLengthPayloads
from edgecodec.packets.scalar import SHIFTS, Scalars, costs_of

CODED = PacketKind.CODED
HASH = "0123456789abcdef" * 4


def fixed_length(tokens: int, codewords: tuple[int, ...], regimes: int = 1,
                 stages_of_rate: tuple[int, ...] = ()) -> PacketFormat:
    """A rate per stage, unless said otherwise."""
    rates = stages_of_rate or tuple(range(1, len(codewords) + 1))
    return PacketFormat(HASH, {PacketKind.FIXED_LENGTH: FixedLengthPayloads(rates, tokens, codewords, regimes)}, 36)


PAPER = fixed_length(9, (768,) * 4)


def of_paper(seed: int) -> Indices:
    return random_indices(PAPER.fixed_length, seed)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), tokens=st.integers(1, 12), stages=st.lists(st.integers(2, 65536), min_size=1, max_size=8),
       sequence=st.integers(0, 65535))
def test_indices_come_back_at_every_rate(data: st.DataObject, tokens: int, stages: list[int], sequence: int) -> None:
    regimes = data.draw(st.integers(1, 65536 // stages[0]))
    form = fixed_length(tokens, tuple(stages), regimes)
    words = np.array([data.draw(st.lists(st.integers(0, count - 1), min_size=tokens, max_size=tokens))
                      for count in stages], np.uint16)
    indices = Indices(np.uint16(data.draw(st.integers(0, regimes - 1))), words)
    for rate in form.rates:
        packet = pack(form, rate, sequence, indices)
        assert len(packet) == form.packet_bytes(rate)
        received = unpack(form, packet)
        assert (received.sequence, received.rate) == (sequence, rate)
        assert_same(received.indices, indices.sent(rate))


def test_golden_packet() -> None:
    """The bytes on air are a promise to nodes in the field: they may change with the format version only."""
    form = fixed_length(3, (16, 5))
    indices = Indices(np.uint16(0), np.array([[0x1, 0xA, 0xF], [4, 0, 3]], np.uint16))
    assert pack(form, 2, 0x1234, indices).hex() == "11" "01234567" "3412" "1af818" "7dc2af38"
    assert pack(form, 1, 0x1234, indices).hex() == "10" "01234567" "3412" "1af0" "ed55ca61"


@pytest.mark.parametrize("rate", PAPER.rates)
def test_every_flipped_bit_is_refused(rate: int) -> None:
    packet = pack(PAPER, rate, 7, of_paper(rate))
    for bit in range(8 * len(packet)):
        damaged = bytearray(packet)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EdgeCodecError, match="packet: damaged"):
            unpack(PAPER, bytes(damaged))


def test_every_cut_is_refused() -> None:
    packet = pack(PAPER, 4, 7, of_paper(0))
    for length in range(len(packet)):
        with pytest.raises(EdgeCodecError, match="cut short"):
            unpack(PAPER, packet[:length])
    with pytest.raises(EdgeCodecError, match="packet: damaged"):
        unpack(PAPER, packet + b"\0")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(EdgeCodecError, match=r"^packet: "):
        unpack(PAPER, noise)


def test_packet_of_another_model_is_refused_by_both_names() -> None:
    other = replace(PAPER, model_hash="f" * 64)
    with pytest.raises(EdgeCodecError, match="of model ffffffff, but the decoder is model 01234567"):
        unpack(PAPER, pack(other, 1, 0, of_paper(0)))


def test_packet_of_a_model_with_more_rates_is_refused() -> None:
    with pytest.raises(EdgeCodecError, match="rate 4: the model has rates 1 to 3"):
        unpack(fixed_length(9, (768,) * 4, stages_of_rate=(1, 2, 4)), pack(PAPER, 4, 0, of_paper(0)))


def test_index_without_codeword_is_refused_on_both_sides() -> None:
    wide = fixed_length(9, (1024,) * 4)
    indices = of_paper(0)
    indices.words[2, 5] = 768
    with pytest.raises(EdgeCodecError, match="stage 2, token 5: 768 is not one of 768 codewords"):
        pack(PAPER, 3, 0, indices)
    with pytest.raises(EdgeCodecError, match="index 768 in a stage of 768 codewords"):
        unpack(PAPER, pack(wide, 3, 0, indices))
    assert unpack(PAPER, pack(PAPER, 2, 0, indices)).rate == 2  # the stage is not sent


def test_a_lower_rate_is_without_the_last_stages() -> None:
    indices = of_paper(3)
    for rate in PAPER.rates:
        assert_same(unpack(PAPER, pack(PAPER, rate, 9, indices)).indices, indices.sent(rate))


@pytest.mark.parametrize(("rate", "sequence", "stages", "said"), [
    (0, 0, 4, "rate 0: the model has rates 1 to 4"), (5, 0, 4, "rate 5: the model has rates 1 to 4"),
    (1, -1, 4, "sequence number -1"), (1, 65536, 4, "sequence number 65536"), (3, 0, 2, r"rate 3 needs \[3, 9\]")])
def test_what_cannot_be_packed_is_refused(rate: int, sequence: int, stages: int, said: str) -> None:
    with pytest.raises(EdgeCodecError, match=said):
        pack(PAPER, rate, sequence, of_paper(0).sent(stages))


def test_both_ratios_of_the_papers_codec() -> None:
    codec = paper_like(Sizes(channels=36, samples=800, stride=8, codewords=768, rates=4))
    codec = with_quantizer(codec, tokens=9, latent=replace(codec.quantizer.latent, rows=9),
                           stages=(codec.quantizer.stages[0],) * 4)
    ratios = [compression_ratios(codec, rate) for rate in range(1, 5)]
    assert [int(ratio.payload) for ratio in ratios] == [10240, 5120, 3413, 2560]
    assert OVERHEAD_BYTES == 11
    assert [ratio.on_air for ratio in ratios] == [115200 / size for size in (23, 34, 45, 56)]


def test_format_follows_the_codec() -> None:
    codec = edge_like(Sizes(codewords=20, rates=2, stages_per_rate=3))
    form = PacketFormat.of(codec)
    assert form.fixed_length.numbers == (20, 21, 22, 23, 24, 25)
    assert [form.payload_bits(rate) for rate in form.rates] == [15, 30]


def test_the_regime_is_part_of_the_first_index() -> None:
    codec = paper_like(Sizes(codewords=20, rates=2, regimes=3))
    form = PacketFormat.of(codec)
    assert form.fixed_length.numbers == (60, 21)
    assert [form.payload_bits(rate) for rate in form.rates] == [3 * 6, 3 * (6 + 5)]
    for indices in encode(codec, random_windows(codec, 20)).indices():
        assert_same(unpack(form, pack(form, 2, 7, indices)).indices, indices)


def test_tokens_of_several_regimes_are_refused() -> None:
    form, of_one = fixed_length(3, (20, 21), regimes=3), fixed_length(3, (60, 21))
    for first, sound in (((40, 59, 41), True), ((40, 59, 39), False)):
        packet = pack(of_one, 2, 0, Indices(np.uint16(0), np.array([first, [0, 1, 2]], np.uint16)))
        if sound:
            assert_same(unpack(form, packet).indices,
                        Indices(np.uint16(2), np.array([[0, 19, 1], [0, 1, 2]], np.uint16)))
        else:
            with pytest.raises(EdgeCodecError, match="packet: tokens of several regimes; the sender is faulty"):
                unpack(form, packet)


def test_a_regime_that_there_is_not_is_refused() -> None:
    with pytest.raises(EdgeCodecError, match="indices: regime 3 is not one of 3"):
        pack(fixed_length(3, (20, 21), regimes=3), 1, 0, Indices(np.uint16(3), np.zeros((2, 3), np.uint16)))


def with_coded(seed: int, regimes: int, reaches: list[list[int]]) -> PacketFormat:
    """Of every rate the largest index of each coordinate; every coordinate has a class of its own."""
    generator = np.random.default_rng(seed)
    form = fixed_length(1, (16,) * len(reaches), regimes)
    reach = np.array(reaches, np.uint16)
    fine_bits = (reach.ravel() > 100).astype(np.uint16)
    frequencies = np.concatenate([random_table(generator, (2 * int(each) >> int(bits)) + 1)
                                  for each, bits in zip(reach.ravel(), fine_bits, strict=True)])
    ones, of_regimes = np.ones((len(reaches), regimes), np.float32), random_table(generator, regimes)
    classes = np.repeat(np.arange(reach.size, dtype=np.uint16).reshape(len(reaches), 1, -1), regimes, axis=1)
    some = np.ones(reach.size, np.float32)
    scalars = Scalars(ones, ones, ones[0, :1], classes, some, some, np.zeros((reach.size, SHIFTS), np.float32),
                      reach.ravel(), fine_bits, frequencies, costs_of(frequencies), of_regimes, costs_of(of_regimes))
    coded = CodedPayloads(tuple(range(1, 1 + len(reaches))), reach.shape[1], scalars)
    return replace(form, kinds={**form.kinds, CODED: coded})


def window(regime: int, *words: list[int]) -> Indices:
    """Of every rate the words."""
    return Indices(np.uint16(regime), np.array(words, np.uint16))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), regimes=st.integers(1, 5),
       reaches=st.integers(1, 6).flatmap(lambda coordinates: st.lists(
           st.lists(st.sampled_from([0, 1, 16, 250]), min_size=coordinates, max_size=coordinates),
           min_size=1, max_size=4)))
def test_coded_indices_come_back_at_every_rate(
        data: st.DataObject, seed: int, regimes: int, reaches: list[list[int]]) -> None:
    form = with_coded(seed, regimes, reaches)
    indices = window(data.draw(st.integers(0, regimes - 1)),
                     *([data.draw(st.integers(0, 2 * reach)) for reach in of_rate] for of_rate in reaches))
    for rate in form.rates:
        packet = pack(form, rate, 77, indices, CODED)
        assert len(packet) <= form.packet_bytes_max(rate)
        received = unpack(form, packet)
        assert (received.kind, received.sequence, received.rate) == (CODED, 77, rate)
        assert received.indices.regime == indices.regime
        assert received.indices.words[-1].tolist() == indices.words[rate - 1].tolist()


def test_golden_coded_packet() -> None:
    """As for fixed-length packets, whose first byte tells another kind."""
    form = with_coded(0, 2, [[1, 0], [3, 2]])
    indices = window(1, [2, 0], [6, 1])
    assert pack(form, 1, 0x1234, indices, CODED).hex() == "20" "01234567" "3412" "ff" "c380f322d3"
    assert pack(form, 2, 0x1234, indices, CODED).hex() == "21" "01234567" "3412" "ffd7" "7db4ffb1d0"


def test_every_flipped_bit_and_cut_of_a_coded_packet_is_refused() -> None:
    form = with_coded(3, 4, [[20] * 16] * 2)
    packet = pack(form, 2, 7, window(0, range(16), range(16)), CODED)
    for bit in range(8 * len(packet)):
        damaged = bytearray(packet)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EdgeCodecError, match="packet: damaged"):
            unpack(form, bytes(damaged))
    for length in range(len(packet)):
        with pytest.raises(EdgeCodecError, match="cut short"):
            unpack(form, packet[:length])


def sealed(form: PacketFormat, kind: int, rate: int, payload: bytes) -> bytes:
    """A packet that a faulty sender has sealed well."""
    content = bytes([kind << 4 | rate - 1]) + form.model_id + b"\0\0" + payload
    return content + zlib.crc32(content).to_bytes(4, "little")


def test_a_payload_that_is_no_windows_is_refused() -> None:
    form = with_coded(3, 4, [[20] * 16] * 2)
    payload = open_packet(form, pack(form, 2, 7, window(0, range(16), range(16)), CODED)).payload
    assert unpack(form, sealed(form, 2, 2, payload)).rate == 2
    for faulty in (payload + b"\0", payload + b"\1", payload + b"\xff" * 40, payload[:-1] + b"\0"):
        with pytest.raises(EdgeCodecError, match="packet: no window of rate 2 has this payload"):
            unpack(form, sealed(form, 2, 2, faulty))


@settings(max_examples=200, deadline=None)
@given(payload=st.binary(max_size=60), rate=st.integers(1, 2))
def test_what_decodes_is_the_one_packet_of_its_window(payload: bytes, rate: int) -> None:
    form = with_coded(3, 3, [[32, 5, 2, 9], [40, 9, 0, 1]])
    try:
        packet = unpack(form, sealed(form, 2, rate, payload))
    except EdgeCodecError as error:
        assert str(error).startswith("packet: no window")  # noqa: PT017
    else:
        assert pack(form, rate, 0, packet.indices, CODED) == sealed(form, 2, rate, payload)


@pytest.mark.parametrize("kind", [0, 5, 7])
def test_another_kind_is_refused(kind: int) -> None:
    with pytest.raises(EdgeCodecError, match=f"of kind {kind}; this program reads"):
        unpack(PAPER, sealed(PAPER, kind, 1, bytes(12)))


@pytest.mark.parametrize("first", [0x30, 0xB1])
def test_an_escape_of_a_rate_or_without_remarks_is_refused(first: int) -> None:
    content = bytes([first]) + PAPER.model_id + b"\0\0" + bytes(9)
    with pytest.raises(EdgeCodecError, match="an escape of a rate, or without remarks; the sender is faulty"):
        open_packet(replace(PAPER, spectrum_bins=4), content + zlib.crc32(content).to_bytes(4, "little"))


def test_a_model_without_coded_packets_refuses_them_on_both_sides() -> None:
    with pytest.raises(EdgeCodecError, match="packet: coded, but the model has no such packets"):
        unpack(PAPER, sealed(PAPER, 2, 1, b"abc"))
    with pytest.raises(EdgeCodecError, match="has no such packets"):
        pack(PAPER, 1, 0, of_paper(0), CODED)


@pytest.mark.parametrize(("rate", "words", "said"), [
    (0, [[0, 0]] * 2, "rate 0: the model has rates 1 to 2"), (3, [[0, 0]] * 2, "rate 3: the model has rates 1 to 2"),
    (2, [[0, 0]], r"rate 2 needs \[2, 2\]"), (1, [[0]] * 2, r"rate 1 needs \[1, 2\]"),
    (1, [[65, 0], [0, 0]], "rate 1, coordinate 0: 65 is not one of 65 words"),
    (2, [[0, 0], [0, 11]], "rate 2, coordinate 1: 11 is not one of 11 words")])
def test_coded_indices_that_cannot_be_packed_are_refused(rate: int, words: list[list[int]], said: str) -> None:
    with pytest.raises(EdgeCodecError, match=said):
        pack(with_coded(3, 3, [[32, 5], [32, 5]]), rate, 0, window(2, *words), CODED)


def test_a_sealed_packet_of_a_rate_that_there_is_not_is_refused() -> None:
    form = with_coded(3, 3, [[32, 5], [32, 5]])
    with pytest.raises(EdgeCodecError, match="rate 3: the model has rates 1 to 2"):
        unpack(form, sealed(form, 2, 3, b"abc"))


def test_format_of_a_codec_with_coded_packets() -> None:
    codec = edge_like(Sizes(regimes=3, stages_per_rate=2, coded_classes=9))
    form = PacketFormat.of(codec)
    assert tuple(form.kinds) == (PacketKind.FIXED_LENGTH, CODED)
    for indices in encode(codec, random_windows(codec, 20)).indices(CODED):
        assert (unpack(form, pack(form, 3, 1, indices, CODED)).indices.words[-1] == indices.words[-1]).all()
    assert tuple(PacketFormat.of(edge_like(Sizes())).kinds) == (PacketKind.FIXED_LENGTH,)


@settings(max_examples=40, deadline=None)
@given(counts=COUNTS, unit=st.floats(2**-30, 2**30, width=32), sequence=st.integers(0, 65535))
def test_exact_packets_lose_nothing(counts: NDArray[np.int32], unit: float, sequence: int) -> None:
    form = replace(PAPER, channels=counts.shape[0], samples=counts.shape[1])
    sealed = open_packet(form, pack_exact(form, sequence, counts, unit))
    assert (sealed.kind, sealed.rate, sealed.sequence, sealed.said) == (PacketKind.EXACT, 0, sequence, None)
    np.testing.assert_array_equal(read_exact(form, sealed.payload), (counts * unit).astype(np.float32))


def test_exact_packets_that_are_none_are_refused() -> None:
    form = replace(PAPER, channels=2, samples=3)
    counts = np.array([[1, 2, 3], [-4, 5, 0]], np.int32)
    packet = pack_exact(form, 7, counts, 0.5)
    damaged = bytearray(packet)
    damaged[9] ^= 1
    with pytest.raises(EdgeCodecError, match="damaged"):
        open_packet(form, bytes(damaged))
    with pytest.raises(EdgeCodecError, match="the model has no such packets"):
        open_packet(PAPER, packet)
    with pytest.raises(EdgeCodecError, match="which holds no indices"):
        unpack(form, packet)
    for payload in (b"", b"\0\0\0\0" + packet[11:-4], packet[7:-4] + b"\1", packet[7:11]):
        with pytest.raises(EdgeCodecError, match="exact payload"):
            read_exact(form, payload)
    with pytest.raises(EdgeCodecError, match=r"counts: \[3, 2\]"):
        pack_exact(form, 0, counts.T, 1)
    with pytest.raises(EdgeCodecError, match="unit of a count"):
        pack_exact(form, 0, counts, 0)
