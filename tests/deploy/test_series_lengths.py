"""What is told of frames with several windows is what they take."""

import pytest
from packets.test_series import CODEC, windows_in_a_row

from edgecodec.deploy.series_lengths import lengths, series_json
from edgecodec.packets.airtime import lora_seconds
from edgecodec.packets.frame import series
from edgecodec.packets.link import Link
from edgecodec.packets.packet import PacketFormat
from edgecodec.params import Params


def test_lengths_are_those_of_whole_frames() -> None:
    recordings = [windows_in_a_row(CODEC, 7, seed) for seed in (0, 1)]
    found = lengths(CODEC, recordings, 3)
    sizes = [len(series(PacketFormat.of(CODEC), each[first : first + 3], Link.RADIO))
             for each in recordings for first in (0, 3)]
    assert found["bytes"] == pytest.approx(sum(sizes) / 4, rel=1e-4)
    assert found["bytes_of_window"] == pytest.approx(sum(sizes) / 12, rel=1e-4)
    seconds = 3 * CODEC.samples / CODEC.sample_rate_hz
    assert found["latency_seconds"] == seconds
    assert found["lora_duty_cycle"]["7"] == pytest.approx(
        sum(lora_seconds(size, 7) for size in sizes) / 4 / seconds, rel=1e-4)


def test_of_another_array_nothing_is_told(small_params: Params) -> None:
    array = small_params.data.model_copy(update={"source": "array"})
    assert series_json(CODEC, small_params.model_copy(update={"data": array})) == {}
