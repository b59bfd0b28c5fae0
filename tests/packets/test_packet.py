"""Packets: there and back at every rate; damage, strangers and cuts are refused."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, random_windows
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from packets.entropy_tables import likely_windows, random_tables

from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.entropy import EntropyTables
from edgecodec.packets.packet import (
    OVERHEAD_BYTES,
    CodedFormat,
    PacketFormat,
    PacketKind,
    compression_ratios,
    open_packet,
    pack,
    unpack,
)

CODED = PacketKind.CODED
PAPER = PacketFormat("0123456789abcdef" * 4, tokens=9, codewords=(768,) * 4, stages_of_rate=(1, 2, 3, 4))


def random_indices(form: PacketFormat, seed: int) -> NDArray[np.uint16]:
    generator = np.random.default_rng(seed)
    return np.stack([generator.integers(0, count, form.tokens, dtype=np.uint16) for count in form.codewords])


@settings(max_examples=60, deadline=None)
@given(data=st.data(), tokens=st.integers(1, 12), stages=st.lists(st.integers(2, 65536), min_size=1, max_size=8),
       sequence=st.integers(0, 65535))
def test_indices_come_back_at_every_rate(data: st.DataObject, tokens: int, stages: list[int], sequence: int) -> None:
    form = PacketFormat("ab" * 32, tokens, tuple(stages), tuple(range(1, len(stages) + 1)))
    indices = np.array([data.draw(st.lists(st.integers(0, count - 1), min_size=tokens, max_size=tokens))
                        for count in stages], np.uint16)
    for rate in form.rates:
        packet = pack(form, rate, sequence, indices)
        assert len(packet) == form.packet_bytes(rate)
        received = unpack(form, packet)
        assert (received.sequence, received.rate) == (sequence, rate)
        np.testing.assert_array_equal(received.indices, indices[:rate])


def test_golden_packet() -> None:
    """The bytes on air are a promise to nodes in the field: they may change with the format version only."""
    form = PacketFormat("0123456789abcdef" * 4, tokens=3, codewords=(16, 5), stages_of_rate=(1, 2))
    indices = np.array([[0x1, 0xA, 0xF], [4, 0, 3]], np.uint16)
    assert pack(form, 2, 0x1234, indices).hex() == "11" "01234567" "3412" "1af818" "7dc2af38"
    assert pack(form, 1, 0x1234, indices).hex() == "10" "01234567" "3412" "1af0" "ed55ca61"


@pytest.mark.parametrize("rate", PAPER.rates)
def test_every_flipped_bit_is_refused(rate: int) -> None:
    packet = pack(PAPER, rate, 7, random_indices(PAPER, rate))
    for bit in range(8 * len(packet)):
        damaged = bytearray(packet)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EdgeCodecError, match="packet: damaged"):
            unpack(PAPER, bytes(damaged))


def test_every_cut_is_refused() -> None:
    packet = pack(PAPER, 4, 7, random_indices(PAPER, 0))
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
        unpack(PAPER, pack(other, 1, 0, random_indices(PAPER, 0)))


def test_packet_of_a_model_with_more_rates_is_refused() -> None:
    with pytest.raises(EdgeCodecError, match="rate 4: the model has rates 1 to 3"):
        unpack(replace(PAPER, stages_of_rate=(1, 2, 4)), pack(PAPER, 4, 0, random_indices(PAPER, 0)))


def test_index_without_codeword_is_refused_on_both_sides() -> None:
    wide = replace(PAPER, codewords=(1024,) * 4)
    indices = random_indices(PAPER, 0)
    indices[2, 5] = 768
    with pytest.raises(EdgeCodecError, match="stage 2, token 5: 768 is not one of 768 codewords"):
        pack(PAPER, 3, 0, indices)
    with pytest.raises(EdgeCodecError, match="index 768 in a stage of 768 codewords"):
        unpack(PAPER, pack(wide, 3, 0, indices))
    assert unpack(PAPER, pack(PAPER, 2, 0, indices)).rate == 2  # the stage is not sent


def test_a_lower_rate_is_without_the_last_stages() -> None:
    indices = random_indices(PAPER, 3)
    for rate in PAPER.rates:
        np.testing.assert_array_equal(unpack(PAPER, pack(PAPER, rate, 9, indices)).indices, indices[:rate])


@pytest.mark.parametrize(("rate", "sequence", "stages", "said"), [
    (0, 0, 4, "rate 0: the model has rates 1 to 4"), (5, 0, 4, "rate 5: the model has rates 1 to 4"),
    (1, -1, 4, "sequence number -1"), (1, 65536, 4, "sequence number 65536"), (3, 0, 2, r"rate 3 needs \[3, 9\]")])
def test_what_cannot_be_packed_is_refused(rate: int, sequence: int, stages: int, said: str) -> None:
    with pytest.raises(EdgeCodecError, match=said):
        pack(PAPER, rate, sequence, random_indices(PAPER, 0)[:stages])


def test_both_ratios_of_the_papers_codec() -> None:
    codec = paper_like(Sizes(channels=36, samples=800, stride=8, codewords=768, rates=4))
    codec = replace(codec, quantizer=replace(
        codec.quantizer, tokens=9, latent=replace(codec.quantizer.latent, rows=9),
        stages=(codec.quantizer.stages[0],) * 4))
    ratios = [compression_ratios(codec, rate) for rate in range(1, 5)]
    assert [int(ratio.payload) for ratio in ratios] == [10240, 5120, 3413, 2560]
    assert OVERHEAD_BYTES == 11
    assert [ratio.on_air for ratio in ratios] == [115200 / size for size in (23, 34, 45, 56)]


def test_format_follows_the_codec() -> None:
    codec = edge_like(Sizes(codewords=20, rates=2, stages_per_rate=3))
    form = PacketFormat.of(codec)
    assert form.codewords == (20, 21, 22, 23, 24, 25)
    assert [form.payload_bits(rate) for rate in form.rates] == [15, 30]


def test_the_regime_is_part_of_the_first_index() -> None:
    codec = paper_like(Sizes(codewords=20, rates=2, regimes=3))
    form = PacketFormat.of(codec)
    assert form.codewords == (60, 21)
    assert [form.payload_bits(rate) for rate in form.rates] == [3 * 6, 3 * (6 + 5)]
    for indices in encode(codec, random_windows(codec, 20)).indices:
        packet = pack(form, 2, 7, indices)
        np.testing.assert_array_equal(unpack(form, packet).indices, indices)


def test_tokens_of_several_regimes_are_refused_on_both_sides() -> None:
    form = PacketFormat("ab" * 32, tokens=3, codewords=(60, 21), stages_of_rate=(1, 2), regimes=3)
    indices = np.array([[40, 59, 39], [0, 1, 2]], np.uint16)
    with pytest.raises(EdgeCodecError, match=r"indices: the tokens of stage 0 are of several regimes: \[40, 59, 39\]"):
        pack(form, 2, 0, indices)
    with pytest.raises(EdgeCodecError, match="packet: tokens of several regimes; the sender is faulty"):
        unpack(form, pack(replace(form, regimes=1), 2, 0, indices))
    indices[0, 2] = 41
    np.testing.assert_array_equal(unpack(form, pack(form, 2, 0, indices)).indices, indices)


def with_coded(seed: int, regimes: int, alphabets: list[int]) -> PacketFormat:
    """A rate per coded stage, and one fixed-length stage per rate."""
    rates = tuple(range(1, len(alphabets) + 1))
    coded = CodedFormat(random_tables(seed, regimes, alphabets), rates, alphabets[0])
    return PacketFormat("0123456789abcdef" * 4, 1, (16 * regimes, *[16] * (len(rates) - 1)), rates, regimes, coded)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), regimes=st.integers(1, 5),
       alphabets=st.lists(st.sampled_from([1, 2, 3, 32, 500]), min_size=1, max_size=8))
def test_coded_indices_come_back_at_every_rate(
        data: st.DataObject, seed: int, regimes: int, alphabets: list[int]) -> None:
    form = with_coded(seed, regimes, alphabets)
    counts = [regimes * alphabets[0], *alphabets[1:]]
    indices = np.array([[data.draw(st.integers(0, count - 1))] for count in counts], np.uint16)
    for rate in form.rates:
        packet = pack(form, rate, 77, indices, CODED)
        assert len(packet) <= form.packet_bytes_max(rate)
        received = unpack(form, packet)
        assert (received.kind, received.sequence, received.rate) == (CODED, 77, rate)
        np.testing.assert_array_equal(received.indices, indices[:rate])


def test_golden_coded_packet() -> None:
    """As for fixed-length packets, whose first byte tells another kind."""
    tables = EntropyTables(np.array([1024, 3072], np.uint16), ((np.array([4000, 96], np.uint16),) * 2,) * 2)
    form = replace(with_coded(0, 2, [2, 2]), coded=CodedFormat(tables, (1, 2), 2))
    indices = np.array([[1 * 2 + 1], [0]], np.uint16)
    assert pack(form, 2, 0x1234, indices, CODED).hex() == "21" "01234567" "3412" "ff" "1c0bc737"
    assert pack(form, 1, 0x1234, indices, CODED).hex() == "20" "01234567" "3412" "ff" "820b6dfb"
    np.testing.assert_array_equal(unpack(form, pack(form, 2, 0x1234, indices, CODED)).indices, indices)


def test_every_flipped_bit_and_cut_of_a_coded_packet_is_refused() -> None:
    form = with_coded(3, 4, [32] * 16)
    packet = pack(form, 16, 7, np.arange(16, dtype=np.uint16)[:, None], CODED)
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
    form = with_coded(3, 4, [32] * 16)
    payload = open_packet(form, pack(form, 16, 7, np.arange(16, dtype=np.uint16)[:, None], CODED)).payload
    assert unpack(form, sealed(form, 2, 16, payload)).rate == 16
    for faulty in (payload + b"\0", payload + b"\1", payload + b"\xff" * 40, payload[:-1] + b"\0"):
        with pytest.raises(EdgeCodecError, match="packet: no window of rate 16 has this payload"):
            unpack(form, sealed(form, 2, 16, faulty))


@settings(max_examples=200, deadline=None)
@given(payload=st.binary(max_size=60), rate=st.integers(1, 4))
def test_what_decodes_is_the_one_packet_of_its_window(payload: bytes, rate: int) -> None:
    form = with_coded(3, 3, [32, 5, 2, 9])
    try:
        packet = unpack(form, sealed(form, 2, rate, payload))
    except EdgeCodecError as error:
        assert str(error).startswith("packet: no window")  # noqa: PT017
    else:
        assert pack(form, rate, 0, packet.indices, CODED) == sealed(form, 2, rate, payload)


@pytest.mark.parametrize("kind", [0, 3, 15])
def test_another_kind_is_refused(kind: int) -> None:
    with pytest.raises(EdgeCodecError, match=f"of kind {kind}; this program reads"):
        unpack(PAPER, sealed(PAPER, kind, 1, bytes(12)))


def test_a_model_without_coded_packets_refuses_them_on_both_sides() -> None:
    with pytest.raises(EdgeCodecError, match="packet: coded, but the model has fixed-length packets only"):
        unpack(PAPER, sealed(PAPER, 2, 1, b"abc"))
    with pytest.raises(EdgeCodecError, match="fixed-length packets only"):
        pack(PAPER, 1, 0, random_indices(PAPER, 0), CODED)


@pytest.mark.parametrize(("rate", "indices", "said"), [
    (0, [0, 0], "rate 0: the model has rates 1 to 2"), (3, [0, 0], "rate 3: the model has rates 1 to 2"),
    (2, [0], r"rate 2 needs \[2, 1\]"), (1, [96], "regime 3: the entropy tables are for 0 to 2"),
    (2, [95, 5], "stage 1: index 5, but regime 2 has 5 words there")])
def test_coded_indices_that_cannot_be_packed_are_refused(rate: int, indices: list[int], said: str) -> None:
    with pytest.raises(EdgeCodecError, match=said):
        pack(with_coded(3, 3, [32, 5]), rate, 0, np.array(indices, np.uint16)[:, None], CODED)


def test_a_sealed_packet_of_a_rate_that_there_is_not_is_refused() -> None:
    form = with_coded(3, 3, [32, 5])
    with pytest.raises(EdgeCodecError, match="rate 3: the model has rates 1 to 2"):
        unpack(form, sealed(form, 2, 3, b"abc"))


def test_many_windows_tell_regimes_and_words() -> None:
    form = with_coded(3, 3, [32, 5, 7])
    assert form.coded is not None
    regimes, words = likely_windows(form.coded.tables, 50)
    indices = words[..., None].copy()
    indices[:, 0, 0] += 32 * regimes
    found = form.coded.of_windows(indices)
    np.testing.assert_array_equal(found.regimes, regimes)
    np.testing.assert_array_equal(found.indices, words)


def test_format_of_a_codec_with_coded_packets() -> None:
    codec = edge_like(Sizes(regimes=3, stages_per_rate=2, coded_codewords=9))
    form = PacketFormat.of(codec)
    assert form.kinds == (PacketKind.FIXED_LENGTH, CODED)
    for indices in encode(codec, random_windows(codec, 20)).coded_indices:
        np.testing.assert_array_equal(unpack(form, pack(form, 3, 1, indices, CODED)).indices, indices)
    assert PacketFormat.of(edge_like(Sizes())).kinds == (PacketKind.FIXED_LENGTH,)
