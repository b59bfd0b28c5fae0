"""Cycles of a transcript: those of the slowest window, and the chains of the first."""

from dataclasses import replace

from edgecodec.simulators.cycles import CodedCycles, Cycles
from edgecodec.simulators.transcript import (
    ChainRecord,
    ChoiceRecord,
    LayerRecord,
    PackRecord,
    StageRecord,
    Transcript,
    WindowRecord,
)


def test_the_slowest_window_counts() -> None:
    def window(number: int, cycles: int) -> WindowRecord:
        return WindowRecord(number, (LayerRecord(0, "normalize", "", cycles), LayerRecord(1, "first", "", 2 * cycles),
                                     StageRecord(0, "", 10, (1,)), ChoiceRecord(0, "", 7), StageRecord(1, "", 20, (2,)),
                                     PackRecord(1, "", 5), *(ChainRecord(1, "", 900) for _ in range(number == 0)),
                                     StageRecord(0, "", 30, (1,), True), ChoiceRecord(0, "", 9, True),
                                     StageRecord(1, "", 40, (1,), True), PackRecord(1, "", 6, True),
                                     *(ChainRecord(1, "", 800, True) for _ in range(number == 0))))

    found = Cycles.of_slowest_window(Transcript("", 8, (window(0, 100), window(1, 300), window(2, 200)), None))
    assert found == Cycles((300, 600), (10, 20), (5,), (7,), (900,), CodedCycles((30, 40), (6,), (9,), (800,)))
    assert found.coded is not None
    assert [found.coded.quantizer(stages) for stages in (1, 2)] == [39, 79]
    assert found.encoder == 900
    assert [found.quantizer(stages) for stages in (1, 2)] == [17, 37]
    assert (found.chain(1, 2), replace(found, chains=()).chain(1, 2)) == (900, 900 + 37 + 5)
