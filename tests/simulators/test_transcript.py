"""The verification program's text, read back; what is damaged or cut is refused with the last good line."""

import pytest

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.simulators.transcript import (
    ChainRecord,
    ChoiceRecord,
    EscapeRecord,
    LayerRecord,
    PackRecord,
    StageRecord,
    Transcript,
    WindowRecord,
    parse_transcript,
)

FIXED_LENGTH, CODED = PacketKind.FIXED_LENGTH, PacketKind.CODED
TEXT = """\
GVSOC says something first
model 0123456789abcdef workers 8
window 0
layer 0 normalize hash 00000000000000aa cycles 120
layer 1 first hash 00000000000000ab cycles 30
stage 0 hash 00000000000000ac cycles 7
indices 0 0 5 1023 9 77
regime 1 hash 00000000000000af cycles 5
stage 1 hash 00000000000000ae cycles 6
indices 0 1 3 4
pack 1 hash 00000000000000ad cycles 2
escape 57 hash 00000000000000ed cycles 90
chain 1 hash 00000000000000ad cycles 170
coded stage 0 hash 00000000000000ca cycles 8
coded indices 0 0 7 6
coded regime 0 hash 00000000000000cb cycles 4
coded pack 1 hash 00000000000000cc cycles 3
coded chain 1 hash 00000000000000cc cycles 130
window 1
layer 0 normalize hash 00000000000000ba cycles 121
stack 640
done
"""


def test_records_come_in_order() -> None:
    layers = (LayerRecord(0, "normalize", "00000000000000aa", 120), LayerRecord(1, "first", "00000000000000ab", 30))
    stages = (StageRecord(0, "00000000000000ac", 7, (5, 1023, 9, 77)), StageRecord(1, "00000000000000ae", 6, (3, 4)))
    choice, packet = ChoiceRecord(1, "00000000000000af", 5), PackRecord(1, "00000000000000ad", 2)
    escape, chain = EscapeRecord(57, "00000000000000ed", 90), ChainRecord(1, "00000000000000ad", 170)
    coded = (StageRecord(0, "00000000000000ca", 8, (7, 6), CODED), ChoiceRecord(0, "00000000000000cb", 4, CODED),
             PackRecord(1, "00000000000000cc", 3, CODED), ChainRecord(1, "00000000000000cc", 130, CODED))
    first = WindowRecord(0, (*layers, stages[0], choice, stages[1], packet, escape, chain, *coded))
    second = WindowRecord(1, (LayerRecord(0, "normalize", "00000000000000ba", 121),))
    assert parse_transcript(TEXT) == Transcript("0123456789abcdef", 8, (first, second), 640)
    assert first.layers == layers
    assert first.kinds == (FIXED_LENGTH, CODED)
    types = (StageRecord, ChoiceRecord, PackRecord, ChainRecord)
    assert [first.of(FIXED_LENGTH, each) for each in types] == [stages, (choice,), (packet,), (chain,)]
    assert [first.of(CODED, each) for each in types] == [(record,) for record in coded]
    assert second.kinds == ()


def test_stack_is_optional() -> None:
    assert parse_transcript(TEXT.replace("stack 640\n", "")).stack_bytes is None


@pytest.mark.parametrize("lines", range(len(TEXT.splitlines()) - 1))
def test_a_program_that_stops_early_is_refused(lines: int) -> None:
    with pytest.raises(EdgeCodecError, match="stopped before its end"):
        parse_transcript("".join(TEXT.splitlines(keepends=True)[:lines]))


def test_the_last_line_tells_how_far_it_came() -> None:
    cut = TEXT[: TEXT.index("stage 0")]
    with pytest.raises(EdgeCodecError, match="last line: 'layer 1 first hash 00000000000000ab cycles 30'"):
        parse_transcript(cut)
    with pytest.raises(EdgeCodecError, match="nothing was printed"):
        parse_transcript("some warning\n")


@pytest.mark.parametrize(("old", "new"), [
    ("window 0", "window zero"), ("layer 1 first", "layer 1"), ("cycles 30", "cycles"), ("indices 0 0", "indices 1 0"),
    ("indices 0 0", "indices 0 3"), ("regime 1 hash", "regime 1"), ("regime 1", "regime calm"),
    ("5 1023", "5 x"), ("stage 0 hash 00000000000000ac cycles 7\n", ""),
    ("chain 1 hash", "chain 1"),
    ("workers 8", ""), ("done", "done 1"), ("stack 640", "stack"),
    ("coded regime 0", "coded 0"), ("coded indices 0 0", "coded indices 0 1"),
    ("coded pack 1", "coded"), ("coded pack 1", "coded done"), ("coded regime 0 hash", "coded regime 0")])
def test_a_damaged_line_is_refused(old: str, new: str) -> None:
    with pytest.raises(EdgeCodecError, match="damaged line"):
        parse_transcript(TEXT.replace(old, new))


def test_an_error_of_the_program_is_passed_on() -> None:
    with pytest.raises(EdgeCodecError, match=r"verification program: arena too small \(last line: 'model"):
        parse_transcript("model 0123456789abcdef workers 1\nerror arena too small\n")
