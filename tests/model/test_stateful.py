"""Stateful mode: both ends stay together, and whatever is lost on the way, no window is ever a wrong one."""

from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecodec.data.chains import ChainSource
from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import Codec, WindowFormat, codec_from_params, save_model
from edgecodec.model.stateful import (
    NoStatefulModeError,
    StatefulCodec,
    StatefulDecoder,
    StatefulEncoder,
    StatefulPacket,
    WindowLostError,
    build_differences,
    load_stateful,
    save_differences,
)
from edgecodec.params import Params

KEY_EVERY = 3
RATE = 3
Windows = NDArray[np.float32]


@pytest.fixture(scope="module")
def chain(validation_chains: ChainSource) -> Windows:
    return validation_chains[0].inputs


@pytest.fixture(scope="module")
def packets(stateful: StatefulCodec, chain: Windows) -> list[StatefulPacket]:
    """All different: behind a key packet with the same payload as another, everything may go on as behind that one."""
    encoder = StatefulEncoder(stateful, KEY_EVERY)
    packets = [encoder.encode(window, RATE) for window in chain]
    assert len({packet.payload for packet in packets}) == len(packets)
    return packets


@pytest.fixture(scope="module")
def whole(stateful: StatefulCodec, packets: list[StatefulPacket]) -> list[Windows]:
    """What arrives if no packet is lost."""
    decoder = StatefulDecoder(stateful)
    return [decoder.decode(packet) for packet in packets]


def received(decoder: StatefulDecoder, packet: StatefulPacket) -> Windows | None:
    try:
        return decoder.decode(packet)
    except WindowLostError:
        return None


def kinds(stateful: StatefulCodec, windows: Windows, key_every: int) -> str:
    """K for every key packet, s for every stateful one."""
    encoder = StatefulEncoder(stateful, key_every)
    return "".join("K" if encoder.encode(window, rate=1).is_key else "s" for window in windows)


@pytest.mark.parametrize("rate", [1, 4])
def test_the_receiver_gets_what_the_sender_predicts_from(stateful: StatefulCodec, chain: Windows, rate: int) -> None:
    encoder, decoder = StatefulEncoder(stateful, KEY_EVERY), StatefulDecoder(stateful)
    state = stateful.at_the_start(1)
    for window in chain:
        sent = stateful.send(stateful.analyze(window[np.newaxis]), state, rate, KEY_EVERY)
        packet = encoder.encode(window, rate)
        assert packet.payload == sent.payloads[0]
        assert np.array_equal(decoder.decode(packet), stateful.windows(sent.state)[0])
        state = sent.state


def test_stateful_packets_are_shorter_and_about_as_good(
        stateful: StatefulCodec, validation_chains: ChainSource) -> None:
    analyzed = stateful.analyze_chains(chain.inputs for chain in validation_chains)
    lengths, errors = {}, {}
    for key_every in (1, KEY_EVERY):
        sent = list(stateful.send_chains(analyzed, 1, key_every))
        lengths[key_every] = np.mean([len(payload) for packets in sent for payload in packets.payloads])
        errors[key_every] = np.mean([float((packets.state.latent - window.latent).square().mean())
                                     for packets, window in zip(sent, analyzed, strict=True)])
    assert lengths[KEY_EVERY] < 0.8 * lengths[1]
    assert errors[KEY_EVERY] < 1.5 * errors[1]


def test_rates_change_from_packet_to_packet(stateful: StatefulCodec, chain: Windows) -> None:
    encoder, decoder = StatefulEncoder(stateful, KEY_EVERY), StatefulDecoder(stateful)
    sizes = []
    for window, rate in zip(chain, (1, 3, 2, 4, 1, 4), strict=True):
        packet = encoder.encode(window, rate)
        decoder.decode(packet)
        sizes.append(len(packet.payload))
    assert sizes[1] > sizes[2]
    assert sizes[5] > sizes[4]


@pytest.mark.parametrize(("key_every", "expected"), [(1, "KKKKKK"), (2, "KsKsKs"), (4, "KsssKs"), (9, "Ksssss")])
def test_key_packets_come_at_their_interval(
        stateful: StatefulCodec, chain: Windows, key_every: int, expected: str) -> None:
    assert kinds(stateful, chain, key_every) == expected


def test_a_change_of_regime_makes_a_key_packet(stateful: StatefulCodec, validation_chains: ChainSource) -> None:
    chains = [validation_chains[number] for number in range(len(validation_chains))]
    slow, fast = (next(chain for chain in chains if chain.wind == speed) for speed in (10, 20))
    windows = np.concatenate([slow.inputs[:2], fast.inputs[:2]])
    assert kinds(stateful, windows, key_every=9) == "KsKs"


def test_whatever_is_lost_a_window_is_the_same_or_not_there(
        stateful: StatefulCodec, packets: list[StatefulPacket], whole: list[Windows]) -> None:
    for arrives in product((True, False), repeat=len(packets)):
        decoder = StatefulDecoder(stateful)
        complete = False  # all packets since the last key packet are there
        for packet, window, here in zip(packets, whole, arrives, strict=True):
            complete = here and (packet.is_key or complete)
            if here:
                decoded = received(decoder, packet)
                assert (decoded is not None) == complete
                assert decoded is None or np.array_equal(decoded, window)


def test_in_any_order_a_window_is_the_same_or_not_there(
        stateful: StatefulCodec, packets: list[StatefulPacket], whole: list[Windows]) -> None:
    first_four = range(4)  # two of them key packets
    for order in permutations(first_four):
        decoder = StatefulDecoder(stateful)
        decoded = {number: received(decoder, packets[number]) for number in order}
        assert all(window is None or np.array_equal(window, whole[number]) for number, window in decoded.items())
        lost = {number for number, window in decoded.items() if window is None}
        assert (not lost) == (order in {(0, 1, 2, 3), (3, 0, 1, 2)})


def test_a_packet_that_comes_twice_counts_once(
        stateful: StatefulCodec, packets: list[StatefulPacket], whole: list[Windows]) -> None:
    decoder = StatefulDecoder(stateful)
    assert [received(decoder, packets[number]) is None for number in (0, 1, 1, 2)] == [False, False, True, False]


def test_damage_is_refused_and_leaves_the_state_as_it_is(
        stateful: StatefulCodec, packets: list[StatefulPacket], whole: list[Windows]) -> None:
    decoder = StatefulDecoder(stateful)
    for packet, window in zip(packets, whole, strict=True):
        flipped = bytes([packet.payload[0] ^ 1]) + packet.payload[1:]
        for damaged in (replace(packet, payload=flipped), replace(packet, rate=packet.rate + 1),
                        replace(packet, is_key=not packet.is_key)):
            with pytest.raises(EdgeCodecError, match="damaged"):
                decoder.decode(damaged)
        assert np.array_equal(decoder.decode(packet), window)


def test_a_node_that_starts_again_is_not_taken_for_the_old_one(
        stateful: StatefulCodec, packets: list[StatefulPacket], validation_chains: ChainSource) -> None:
    decoder, restarted = StatefulDecoder(stateful), StatefulEncoder(stateful, KEY_EVERY)
    decoder.decode(packets[0])
    _lost, second = (restarted.encode(window, RATE) for window in validation_chains[1].inputs[:2])
    assert not second.is_key
    with pytest.raises(WindowLostError, match="next key packet"):
        decoder.decode(second)


def test_a_window_that_is_refused_leaves_the_state_as_it_is(
        stateful: StatefulCodec, chain: Windows, packets: list[StatefulPacket]) -> None:
    encoder = StatefulEncoder(stateful, KEY_EVERY)
    encoder.encode(chain[0], RATE)
    with pytest.raises(EdgeCodecError, match="NaN"):
        encoder.encode(np.full_like(chain[1], np.nan), RATE)
    with pytest.raises(EdgeCodecError, match="rate 5"):
        encoder.encode(chain[1], rate=5)
    assert encoder.encode(chain[1], RATE) == packets[1]


def test_a_payload_of_no_window_is_one_line(stateful: StatefulCodec, packets: list[StatefulPacket]) -> None:
    decoder = StatefulDecoder(stateful)
    key = decoder.decode(packets[0])
    for is_key in (True, False):
        faulty = StatefulPacket.sealed(RATE, is_key, b"\xff" * 40, packets[0].checksum)
        with pytest.raises(EdgeCodecError) as raised:
            decoder.decode(faulty)
        assert len(str(raised.value).splitlines()) == 1
    assert np.array_equal(decoder.decode(packets[0]), key)


def test_what_has_no_stateful_mode_is_refused_in_one_line(
        stateful: StatefulCodec, codec: Codec, small_params: Params) -> None:
    paper = codec_from_params(small_params.model_copy(update={"codec": "paper"}), codec.window)
    with pytest.raises(NoStatefulModeError, match="codec paper: has no coded packets"):
        StatefulCodec(paper, stateful.differences)
    fewer = small_params.stateful.coded.model_copy(update={"stages_of_rate": (2, 4)})
    with pytest.raises(EdgeCodecError, match="stages_of_rate: 2 rates, the codec has 4"):
        StatefulCodec(codec, build_differences(codec, small_params.stateful.model_copy(update={"coded": fewer})))
    with pytest.raises(EdgeCodecError, match="key_every 0"):
        StatefulEncoder(stateful, 0)


def test_what_was_saved_sends_the_same_packets(
        stateful: StatefulCodec, codec: Codec, small_params: Params, chain: Windows, packets: list[StatefulPacket],
        tmp_path: Path) -> None:
    model, folder = tmp_path / "model", tmp_path / "stateful"
    save_model(codec, small_params, model)
    save_differences(stateful.differences, small_params.stateful, model, folder)
    encoder = StatefulEncoder(load_stateful(codec, model, folder), KEY_EVERY)
    assert [encoder.encode(window, RATE) for window in chain] == packets


def test_tables_of_another_codec_are_refused_in_one_line(
        stateful: StatefulCodec, codec: Codec, small_params: Params, tmp_path: Path) -> None:
    model, other, folder = tmp_path / "model", tmp_path / "other", tmp_path / "stateful"
    untrained = codec_from_params(small_params, WindowFormat(**vars(codec.window)))
    save_model(codec, small_params, model)
    save_model(untrained, small_params, other)
    with pytest.raises(EdgeCodecError, match="not found"):
        load_stateful(codec, model, folder)
    save_differences(stateful.differences, small_params.stateful, model, folder)
    with pytest.raises(EdgeCodecError, match="made for another codec"):
        load_stateful(untrained, other, folder)
    (folder / "stateful.safetensors").unlink()
    with pytest.raises(EdgeCodecError, match=r"stateful\.safetensors: not found; run the stage analyze_stateful"):
        load_stateful(codec, model, folder)
