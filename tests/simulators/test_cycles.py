"""Cycles of a transcript: those of the slowest window, and the chains of the first."""

from dataclasses import replace

from edgecodec.packets.kind import PacketKind
from edgecodec.simulators.cycles import Cycles, KindCycles
from edgecodec.simulators.transcript import (
    ChainRecord,
    ChoiceRecord,
    LayerRecord,
    PackRecord,
    StageRecord,
    Transcript,
    WindowRecord,
)

FIXED_LENGTH, CODED = PacketKind.FIXED_LENGTH, PacketKind.CODED


def test_the_slowest_window_counts() -> None:
    def window(number: int, cycles: int) -> WindowRecord:
        return WindowRecord(number, (LayerRecord(0, "normalize", "", cycles), LayerRecord(1, "first", "", 2 * cycles),
                                     StageRecord(0, "", 10, (1,)), ChoiceRecord(0, "", 7), StageRecord(1, "", 20, (2,)),
                                     PackRecord(1, "", 5), *(ChainRecord(1, "", 900) for _ in range(number == 0)),
                                     StageRecord(0, "", 30, (1,), CODED), ChoiceRecord(0, "", 9, CODED),
                                     StageRecord(1, "", 40, (1,), CODED), PackRecord(1, "", 6, CODED),
                                     *(ChainRecord(1, "", 800, CODED) for _ in range(number == 0))))

    found = Cycles.of_slowest_window(Transcript("", 8, (window(0, 100), window(1, 300), window(2, 200)), None))
    assert found == Cycles((300, 600), {FIXED_LENGTH: KindCycles((10, 20), (5,), (7,), (900,)),
                                        CODED: KindCycles((30, 40), (6,), (9,), (800,))})
    assert found.encoder == 900
    assert [found.kinds[CODED].quantizer(stages) for stages in (1, 2)] == [39, 79]
    assert [found.fixed_length.quantizer(stages) for stages in (1, 2)] == [17, 37]
    assert (found.chain(1, 2), found.chain(1, 2, CODED)) == (900, 800)
    steps = replace(found, kinds={kind: replace(cycles, chains=()) for kind, cycles in found.kinds.items()})
    assert (steps.chain(1, 2), steps.chain(1, 2, CODED)) == (900 + 37 + 5, 900 + 79 + 6)
