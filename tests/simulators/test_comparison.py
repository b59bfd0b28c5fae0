"""Faults injected into real firmware are reported by the name of the layer, stage or packet."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, random_windows

from edgecodec.deploy.emit import write_firmware
from edgecodec.deploy.golden import expected_transcript
from edgecodec.deploy.oracle import encode, quantize
from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.comparison import compare, compare_with_oracle
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.toolchain import find_toolchain
from edgecodec.simulators.transcript import Transcript, parse_transcript

CODEC = edge_like(Sizes(seed=8))
WINDOWS = random_windows(CODEC, 2)
EXPECTED = parse_transcript(expected_transcript(CODEC, encode(CODEC, WINDOWS)))


@pytest.fixture
def run_damaged(tmp_path: Path) -> Callable[[str, str, int, int], Transcript]:
    """Flip one bit of one number in a generated source file, build, run on the host."""

    def run(source: str, array: str, position: int, bit: int) -> Transcript:
        write_firmware(CODEC, WINDOWS, 1 << 20, tmp_path / "firmware")
        path = tmp_path / "firmware" / "src" / source
        text = path.read_text()
        start = text.index(f".{array} = {{")
        number = list(re.finditer(r"0x([0-9a-f]{4})", text[start:]))[position]
        flipped = f"0x{int(number[1], 16) ^ 1 << bit:04x}"
        path.write_text(text[: start + number.start()] + flipped + text[start + number.end() :])
        simulator = HostSimulator(find_toolchain(), options=("-O1",))
        return simulator.run(simulator.build(tmp_path / "firmware", tmp_path, "host", WINDOWS), 60)

    return run


@pytest.mark.parametrize("bit", [0, 9, 15])
def test_a_flipped_weight_bit_is_reported_by_its_layer(run_damaged: Callable[..., Transcript], bit: int) -> None:
    comparison = compare_with_oracle(CODEC, WINDOWS, run_damaged("codec_weights.c", "low_band_weight", 7, bit))
    assert not comparison.bit_exact
    assert comparison.first_difference is not None
    assert comparison.first_difference.place == "layer 6 (low_band)"
    assert comparison.first_difference.window == 0


def test_a_flipped_codebook_bit_is_reported_by_its_stage(run_damaged: Callable[..., Transcript]) -> None:
    damaged = run_damaged("codec_codebooks.c", "stage0_codewords", element_whose_sign_matters(window=0), 15)
    comparison = compare_with_oracle(CODEC, WINDOWS, damaged)
    assert comparison.first_difference is not None
    assert comparison.first_difference.place == "stage 0"


def element_whose_sign_matters(window: int) -> int:
    """Place in stage 0's codebook of a number that, negated, gives ``window`` another index."""
    encoding = encode(CODEC, WINDOWS)
    latent, index = encoding.latent[window : window + 1], int(encoding.indices[window, 0, 0])
    stage = CODEC.quantizer.stages[0]
    for sample in range(4):
        codewords = stage.codewords.copy()
        codewords[index, sample] *= -1
        quantizer = replace(CODEC.quantizer, stages=(replace(stage, codewords=codewords),))
        if quantize(quantizer, latent)[0, 0, 0] != index:
            return 4 * index + sample
    raise AssertionError("no sign of this codeword matters; choose another seed")


def test_equal_transcripts_are_bit_exact_whatever_the_cycles() -> None:
    slower = replace(EXPECTED, workers=8, stack_bytes=99, windows=tuple(
        replace(window, layers=tuple(replace(layer, cycles=5) for layer in window.layers))
        for window in EXPECTED.windows))
    comparison = compare(EXPECTED, slower)
    assert comparison.bit_exact
    assert (comparison.windows, comparison.results) == (2, 2 * (9 + 3 + 3))


def test_a_wrong_index_is_reported_by_its_stage() -> None:
    second = EXPECTED.windows[1]
    wrong = replace(second.stages[2], indices=(second.stages[2].indices[0] ^ 1,))
    damaged = replace(EXPECTED, windows=(EXPECTED.windows[0], replace(second, stages=(*second.stages[:2], wrong))))
    difference = compare(EXPECTED, damaged).first_difference
    assert difference is not None
    assert str(difference) == (f"window 1, stage 2: expected indices {second.stages[2].indices[0]}, "
                               f"got indices {wrong.indices[0]}")


def test_a_wrong_packet_is_reported_by_its_rate() -> None:
    first = EXPECTED.windows[0]
    packets = (*first.packets[:2], replace(first.packets[2], hash="0" * 16))
    difference = compare(EXPECTED, replace(EXPECTED, windows=(replace(first, packets=packets), EXPECTED.windows[1])))
    assert difference.first_difference is not None
    assert difference.first_difference.place == "packet at rate 3"


def test_what_is_missing_or_too_much_is_a_difference() -> None:
    first, second = EXPECTED.windows
    shorter = replace(EXPECTED, windows=(first,))
    without_layer = replace(EXPECTED, windows=(first, replace(second, layers=second.layers[:-1])))
    for actual, place in ((shorter, "window 1, layer 0 (normalize): expected"), (without_layer, "window 1, layer 8")):
        assert str(compare(EXPECTED, actual).first_difference).startswith(place)
    assert not compare(shorter, EXPECTED).bit_exact


def test_firmware_of_another_model_is_a_difference() -> None:
    difference = compare(EXPECTED, replace(EXPECTED, model="0" * 16)).first_difference
    assert difference is not None
    assert (difference.place, difference.window) == ("model", None)


def test_a_window_that_the_firmware_refuses_is_said(tmp_path: Path) -> None:
    write_firmware(CODEC, WINDOWS, 1 << 20, tmp_path / "firmware")
    broken = WINDOWS.copy()
    broken[1, 5, 2] = np.inf
    simulator = HostSimulator(find_toolchain(), workers=3, options=("-O1",))
    with pytest.raises(EdgeCodecError, match="host: ended with status 1; last line: 'error window with NaN or Inf'"):
        simulator.run(simulator.build(tmp_path / "firmware", tmp_path, "host", broken), 60)
