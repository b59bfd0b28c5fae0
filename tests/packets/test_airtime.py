"""Time on air, against figures that public calculators give."""

import pytest

from edgecodec.packets.airtime import lora_seconds


@pytest.mark.parametrize(("size", "spreading_factor", "milliseconds"), [
    (23, 7, 61.696), (23, 10, 370.688), (23, 11, 823.296), (23, 12, 1482.752), (13, 7, 46.336), (51, 12, 2465.792)])
def test_lora_takes_as_long_as_calculators_say(size: int, spreading_factor: int, milliseconds: float) -> None:
    assert 1000 * lora_seconds(size, spreading_factor) == pytest.approx(milliseconds)


def test_it_never_takes_less_for_more() -> None:
    for spreading_factor in range(7, 13):
        times = [lora_seconds(size, spreading_factor) for size in range(1, 222)]
        assert times == sorted(times)
