"""Faults injected into real firmware are reported by the name of the layer, stage or packet."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from deploy.factory import L1_STACK_BYTES, Sizes, edge_like, random_windows

from edgecodec.deploy.emit import write_firmware
from edgecodec.deploy.golden import expected_transcript
from edgecodec.deploy.oracle import encode, quantize
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.simulators.comparison import compare, compare_with_oracle
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.transcript import (
    ChoiceRecord,
    PackRecord,
    Record,
    StageRecord,
    Transcript,
    parse_transcript,
)

CODEC = edge_like(Sizes(seed=8, regimes=3, stages_per_rate=2, coded_classes=6))
WINDOWS = random_windows(CODEC, 12)
ENCODING = encode(CODEC, WINDOWS)
REGIME, CODED_INDICES = ENCODING.indices().regime, ENCODING.indices(PacketKind.CODED)
EXPECTED = parse_transcript(expected_transcript(CODEC, ENCODING))
FIXED_LENGTH = PacketKind.FIXED_LENGTH
RunEdited = Callable[[str, Callable[[str], str]], Transcript]


@pytest.fixture
def run_edited(toolchain: Toolchain, tmp_path: Path) -> RunEdited:
    """Edit one source file of the firmware, build, run on the host. Checksums would refuse most, and are left out."""

    def run(source: str, edit: Callable[[str], str]) -> Transcript:
        write_firmware(CODEC, WINDOWS, 1 << 20, tmp_path / "firmware", L1_STACK_BYTES)
        path = tmp_path / "firmware" / "src" / source
        path.write_text(edit(path.read_text()))
        verify = tmp_path / "firmware" / "verify" / "verify.c"
        verify.write_text(verify.read_text().replace("ec_init(", "ec_init_unchecked("))
        simulator = HostSimulator(toolchain, options=("-O1",))
        return simulator.run(simulator.build(tmp_path / "firmware", tmp_path, "host", WINDOWS), 60)

    return run


def flip(array: str, position: int, bit: int) -> Callable[[str], str]:
    """An edit of generated source: one bit of one number."""

    def edit(text: str) -> str:
        start = text.index(f".{array} = {{")
        number = list(re.finditer(r"0x([0-9a-f]{4})", text[start:]))[position]
        flipped = f"0x{int(number[1], 16) ^ 1 << bit:04x}"
        return text[: start + number.start()] + flipped + text[start + number.end() :]

    return edit


def double(array: str, position: int) -> Callable[[str], str]:
    """The same: twice a float."""

    def edit(text: str) -> str:
        start = text.index(f".{array} = {{")
        number = list(re.finditer(r"0x[0-9a-f.]+p[-+]\d+f", text[start:]))[position]
        return text[: start + number.start()] + "2.0f * " + text[start + number.start() :]

    return edit


def differences(expected: Transcript, actual: Transcript) -> dict[int, str]:
    """Where each window that differs does so first."""
    found = {}
    for number, (one, other) in enumerate(zip(expected.windows, actual.windows, strict=True)):
        difference = compare(replace(expected, windows=(one,)), replace(actual, windows=(other,))).first_difference
        if difference is not None:
            found[number] = difference.place
    return found


def with_record(window: int, old: Record, new: Record) -> Transcript:
    """What is expected, but for one record."""
    windows = list(EXPECTED.windows)
    records = tuple(new if record == old else record for record in windows[window].records)
    windows[window] = replace(windows[window], records=records)
    return replace(EXPECTED, windows=tuple(windows))


@pytest.mark.parametrize("bit", [0, 9, 15])
def test_a_flipped_weight_bit_is_reported_by_its_layer(run_edited: RunEdited, bit: int) -> None:
    damaged = run_edited("codec_weights.c", flip("low_band_weight", 7, bit))
    difference = compare_with_oracle(CODEC, WINDOWS, damaged).first_difference
    assert difference is not None
    assert (difference.window, difference.place) == (0, "layer 4 (low_band)")


@pytest.mark.parametrize(("number", "meets_all_windows"), [(1, True), (3, False)])
def test_a_flipped_codebook_bit_of_a_regime_is_found_by_the_windows_that_meet_it(
        run_edited: RunEdited, number: int, meets_all_windows: bool) -> None:
    """All windows try all regimes in stages 0 and 1; the stages from 2 on are for the windows of the regime alone."""
    position, faulty = element_whose_sign_matters(number, regime=2)
    damaged = run_edited("codec_codebooks.c", flip(f"stage{number}_codebooks", position, 15))
    assert compare(replace(faulty, model=EXPECTED.model), damaged).bit_exact
    found = differences(EXPECTED, damaged)
    of_regime = set(np.flatnonzero(REGIME == 2).tolist())
    assert f"stage {number}" in found.values()
    assert not set(found) <= of_regime if meets_all_windows else set(found) <= of_regime < set(range(len(WINDOWS)))


def element_whose_sign_matters(number: int, regime: int) -> tuple[int, Transcript]:
    """Place in the codebooks of a stage of a number that, negated, makes it find others in a regime; and what the
    oracle then expects."""
    stage = CODEC.quantizer.stages[number]
    for place in np.ndindex(stage.codewords.shape[1:]):
        codewords = stage.codewords.copy()
        codewords[regime, *place] *= -1
        stages = list(CODEC.quantizer.stages)
        stages[number] = replace(stage, codewords=codewords)
        quantized = {**ENCODING.quantized,
                     FIXED_LENGTH: quantize(replace(CODEC.quantizer, stages=tuple(stages)), ENCODING.latent)}
        faulty = parse_transcript(expected_transcript(CODEC, replace(ENCODING, quantized=quantized)))
        if f"stage {number}" in differences(EXPECTED, faulty).values():
            return place_in_panels(stage.codewords.shape, regime, *place), faulty
    raise AssertionError("no sign in this codebook matters; choose another seed")


def place_in_panels(shape: tuple[int, ...], regime: int, codeword: int, sample: int) -> int:
    """Panels of four codewords, pair by pair; every regime begins with a panel."""
    _, count, samples = shape
    panel = regime * -(-count // 4) + codeword // 4
    return ((panel * samples // 2 + sample // 2) * 4 + codeword % 4) * 2 + sample % 2


def test_a_faulty_choice_is_reported_as_that(run_edited: RunEdited) -> None:
    damaged = run_edited("regimes.c", lambda text: text.replace("energies[regime] < least", "energies[regime] > least"))
    wrong = np.flatnonzero(REGIME != 0).tolist()
    assert differences(EXPECTED, damaged) == dict.fromkeys(wrong, "choice of the regime")


def test_a_faulty_choice_for_coded_packets_is_reported_as_that(run_edited: RunEdited) -> None:
    damaged = run_edited("scalars.c", lambda text: text.replace(
        "prices[regime] < prices[chosen]", "prices[regime] > prices[chosen]"))
    assert differences(EXPECTED, damaged) == dict.fromkeys(range(len(WINDOWS)), "choice of the coded regime")


def test_a_doubled_step_is_reported_by_the_rate_that_has_it(run_edited: RunEdited) -> None:
    """Of the highest rate, in regime 0: words of all its windows change."""
    place = 2 * (2 * CODEC.coded.regimes) + 1  # size and inverse, by rate and regime
    damaged = run_edited("codec_codebooks.c", double("coded_steps", place))
    of_regime = np.flatnonzero(CODED_INDICES.regime == 0).tolist()
    assert differences(EXPECTED, damaged) == dict.fromkeys(of_regime, "coded stage 2")


def test_a_flipped_bit_of_a_class_is_reported_by_its_rate(run_edited: RunEdited) -> None:
    """The first coordinate of rate 1, in the regime of window 0, gets the class of the next."""
    regime = int(CODED_INDICES.regime[0])
    place = regime * CODEC.coded.tokens
    damaged = run_edited("codec_codebooks.c", flip("coded_class_of", place, 0))
    assert differences(EXPECTED, damaged)[0] in ("coded stage 0", "coded packet at rate 1")


def test_a_flipped_bit_of_an_entropy_table_is_reported_by_the_packets_that_meet_it(run_edited: RunEdited) -> None:
    """Every packet begins with its regime: the table's second number ends that of regime 0, and begins the next."""
    damaged = run_edited("codec_codebooks.c", flip("coded_cumulative", 1, 2))
    found = differences(EXPECTED, damaged)
    meet = np.flatnonzero(CODED_INDICES.regime <= 1).tolist()
    assert found
    assert set(found) <= set(meet)
    assert set(found.values()) == {"coded packet at rate 1"}


def test_equal_transcripts_are_bit_exact_whatever_the_cycles() -> None:
    slower = replace(EXPECTED, workers=8, stack_bytes=99, windows=tuple(
        replace(window, records=tuple(replace(record, cycles=5) for record in window.records))
        for window in EXPECTED.windows))
    comparison = compare(EXPECTED, slower)
    assert comparison.bit_exact
    assert (comparison.windows, comparison.results) == (12, 12 * (8 + 6 + 1 + 3 + 3 + 1 + 3) + 3 + 3 + 1 + 1)


def test_a_wrong_index_is_reported_by_its_stage() -> None:
    stage = EXPECTED.windows[1].of(FIXED_LENGTH, StageRecord)[3]
    wrong = replace(stage, indices=(stage.indices[0] ^ 1,))
    difference = compare(EXPECTED, with_record(1, stage, wrong)).first_difference
    assert str(difference) == f"window 1, stage 3: expected indices {stage.indices[0]}, got indices {wrong.indices[0]}"


@pytest.mark.parametrize("changes", [{"regime": 9}, {"hash": "0" * 16}])
def test_a_wrong_choice_is_reported_as_that(changes: dict[str, object]) -> None:
    (choice,) = EXPECTED.windows[1].of(FIXED_LENGTH, ChoiceRecord)
    wrong = replace(choice, **changes)
    assert str(compare(EXPECTED, with_record(1, choice, wrong)).first_difference) == (
        f"window 1, choice of the regime: expected regime {choice.regime} of energies {choice.hash}, "
        f"got regime {wrong.regime} of energies {wrong.hash}")


def test_a_wrong_packet_is_reported_by_its_rate() -> None:
    packet = EXPECTED.windows[0].of(FIXED_LENGTH, PackRecord)[2]
    difference = compare(EXPECTED, with_record(0, packet, replace(packet, hash="0" * 16))).first_difference
    assert difference is not None
    assert difference.place == "packet at rate 3"


def test_what_is_missing_or_too_much_is_a_difference() -> None:
    *others, last = EXPECTED.windows
    shorter = replace(EXPECTED, windows=tuple(others))
    without_packet = replace(EXPECTED, windows=(*others, replace(last, records=last.records[:-1])))
    for actual, place in ((shorter, "window 11, layer 0 (decimate): expected"),
                          (without_packet, "window 11, coded packet at rate 3: expected")):
        assert str(compare(EXPECTED, actual).first_difference).startswith(place)
    assert not compare(shorter, EXPECTED).bit_exact


def test_firmware_of_another_model_is_a_difference() -> None:
    difference = compare(EXPECTED, replace(EXPECTED, model="0" * 16)).first_difference
    assert difference is not None
    assert (difference.place, difference.window) == ("model", None)


def test_a_window_that_the_firmware_refuses_is_said(toolchain: Toolchain, tmp_path: Path) -> None:
    write_firmware(CODEC, WINDOWS, 1 << 20, tmp_path / "firmware", L1_STACK_BYTES)
    broken = WINDOWS.copy()
    broken[1, 5, 2] = np.inf
    simulator = HostSimulator(toolchain, workers=3, options=("-O1",))
    with pytest.raises(EdgeCodecError, match="host: ended with status 1; last line: 'error window with NaN or Inf'"):
        simulator.run(simulator.build(tmp_path / "firmware", tmp_path, "host", broken), 60)
