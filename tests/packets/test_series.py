"""A series is its packets in fewer bytes: what stays from window to window costs little, and damage is refused."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.frame import frame, series, unframe, unframe_all, windows_in
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.link import Link
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, PacketParts, packet_of_parts, parts_of
from edgecodec.packets.payloads import CodedPayloads
from edgecodec.packets.series import SeriesFormat, SeriesWindow

CODEC = edge_like(Sizes(seed=4, regimes=3, rates=4, coded_classes=9, monitored=True, channels=9))
BARE = edge_like(Sizes(seed=5, rates=2, coded_classes=9))  # of one regime, makes no remarks


def windows_in_a_row(codec: ExportedCodec, count: int, seed: int = 0, rate: int = 1, sequence: int = 0xFFF8,
                     steady: float = 0.9) -> list[bytes]:
    """Coded packets of ``count`` windows. A coordinate is that of the window before, with the chance ``steady``."""
    generator, form = np.random.default_rng(seed), PacketFormat.of(codec)
    coded = form.payloads(PacketKind.CODED)
    assert isinstance(coded, CodedPayloads)
    regime, packets = np.zeros(1, np.uint16), []
    words = np.zeros((1, rate, coded.tokens), np.uint16)
    faulty: np.ndarray | None = None
    for number in range(count):
        if number == 0 or generator.random() > steady:
            regime[0] = generator.integers(coded.scalars.regimes)
            faulty = generator.random(codec.channels) < 0.5 if form.makes_remarks and generator.random() < 0.5 else None
            faulty = None if faulty is None or not faulty.any() else faulty
        largest = coded.scalars.largest_words(regime, rate)[0]
        changed = generator.random(coded.tokens) > (steady if number else 0)
        drawn = generator.integers(0, largest + 1)
        words[0, -1] = np.minimum(np.where(changed, drawn, words[0, -1]), largest)
        (payload,) = coded.write(Indices(regime, words))
        code = int(generator.integers(64)) if form.makes_remarks else 0
        packets.append(packet_of_parts(form, PacketParts(
            PacketKind.CODED, sequence + number & 0xFFFF, rate, form.makes_remarks, code, code > 50, faulty, payload)))
    return packets


@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize("codec", [CODEC, BARE], ids=["with_remarks", "without"])
@pytest.mark.parametrize("count", range(1, 17))
def test_a_series_is_its_packets(codec: ExportedCodec, link: Link, count: int) -> None:
    form = PacketFormat.of(codec)
    for rate in form.rates:
        sent = windows_in_a_row(codec, count, seed=count, rate=rate)
        data = series(form, sent, link)
        assert unframe(form, data, link, 0xFFF8) == sent
        assert windows_in(data) == count


def test_of_the_windows_above_some_have_faulty_channels_and_another_regime() -> None:
    """So that the tests mean something."""
    form = PacketFormat.of(CODEC)
    parts = [parts_of(form, packet) for count in range(1, 17) for packet in windows_in_a_row(CODEC, count, count)]
    assert {each.faulty is None for each in parts} == {each.unlike for each in parts} == {True, False}
    indices = form.payloads(PacketKind.CODED).read(1, [each.payload for each in parts])
    assert len(np.unique(indices.regime)) == 3


def test_what_stays_costs_little_and_what_changes_no_more_than_alone() -> None:
    form = PacketFormat.of(BARE)

    def bytes_of(steady: float) -> tuple[int, int]:
        sent = windows_in_a_row(BARE, 16, steady=steady, rate=2)
        return len(series(form, sent, Link.RADIO)), sum(len(frame(form, packet, Link.RADIO)) for packet in sent)

    together, alone = bytes_of(1.0)
    assert together < 0.25 * alone
    together, alone = bytes_of(0.0)
    assert together < 1.05 * alone


def test_frames_of_one_and_of_several_windows_may_mix() -> None:
    """Numbers go on, whatever frames have; a lost series takes its own windows along."""
    form, sent = PacketFormat.of(CODEC), windows_in_a_row(CODEC, 16, sequence=250)
    frames = [frame(form, sent[0], Link.RADIO), *(series(form, each, Link.RADIO)
                                                  for each in (sent[1:6], sent[6:7], sent[7:]))]
    assert list(unframe_all(form, frames, Link.RADIO, first=250)) == sent
    assert list(unframe_all(form, frames[:1] + frames[2:], Link.RADIO, first=250)) == sent[:1] + sent[6:]


def test_the_bits_of_a_series_stay() -> None:
    """Nodes that are out there send these."""
    scalars = PacketFormat.of(BARE).series.scalars
    form = SeriesFormat(scalars, channels=5, makes_remarks=True)
    largest = scalars.largest_words(np.zeros(1, np.uint16), 1)[0].tolist()
    windows = [SeriesWindow(0, [most // 2 + (most > 4) * (number % 2) for most in largest], 20 + number, number > 2,
                            (False, True, False, False, True) if number in (1, 2) else None) for number in range(5)]
    assert form.encode(1, windows).hex() == "05051cc9e7c1e9a58361eb4f0a4c19e14991e235fea30dc0ea702b558123"


@pytest.mark.parametrize("link", Link)
def test_a_series_cut_short_or_too_long_is_refused(link: Link) -> None:
    """On a checked link frames are sound: there only a faulty sender's are refused, one with a zero byte too many."""
    form = PacketFormat.of(CODEC)
    data = series(form, windows_in_a_row(CODEC, 4), link)
    cut = [data[:end] for end in range(len(data))] if link is Link.RADIO else [b""]
    for wrong in (*cut, data + b"\0"):
        with pytest.raises(EdgeCodecError, match=r"^(frame|series): "):
            unframe(form, wrong, link)


def test_a_flipped_bit_is_refused() -> None:
    form = PacketFormat.of(CODEC)
    data = series(form, windows_in_a_row(CODEC, 6), Link.RADIO)
    for bit in range(8 * len(data)):
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EdgeCodecError, match="frame: damaged, or of another model than"):
            unframe(form, bytes(wrong), Link.RADIO)


@settings(max_examples=100, deadline=None)
@given(first=st.integers(0, 15), data=st.binary(max_size=60), codec=st.sampled_from([CODEC, BARE]))
def test_whatever_comes_is_a_series_or_refused(first: int, data: bytes, codec: ExportedCodec) -> None:
    form, data = PacketFormat.of(codec), bytes([0xC2 | first << 2]) + data
    with suppress(EdgeCodecError):
        assert series(form, unframe(form, data, Link.CHECKED), Link.CHECKED) == data


def test_what_is_no_series_is_refused() -> None:
    form = PacketFormat.of(CODEC)

    def refused(packets: Sequence[bytes], why: str) -> None:
        with pytest.raises(EdgeCodecError, match=why):
            series(form, packets, Link.RADIO)

    sent = windows_in_a_row(CODEC, 16)
    refused([], "of 0 packets")
    refused([*sent, sent[0]], "of 17 packets")
    refused([sent[0], sent[2]], "packet 1 has number 65530, which does not follow")
    refused([sent[0], windows_in_a_row(CODEC, 2, rate=2)[1]], "packet 1 is not a coded one of rate 1")
    told = SeriesWindow(0, [0] * form.series.scalars.coordinates, faulty=(False,) * CODEC.channels)
    with pytest.raises(EdgeCodecError, match="no 1 windows have these"):
        form.series.decode(form.series.encode(1, [told]), 1)
    bare = PacketFormat.of(paper_like(Sizes(seed=4, rates=3, regimes=2)))
    with pytest.raises(EdgeCodecError, match="coded, but the model has no such packets"):
        unframe(bare, b"\xc2\x00", Link.CHECKED)
