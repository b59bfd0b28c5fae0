"""What passes of damaged frames: nothing of what the checksum promises, one in 65,536 of what it does not."""

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like
from packets.test_frame import packets_of

from edgecodec.evaluation.damaged_frames import checksums, frames_json
from edgecodec.packets.frame import checksum, frame
from edgecodec.packets.link import Link
from edgecodec.packets.packet import PacketFormat

CODEC = edge_like(Sizes(seed=4, rates=2, stages_per_rate=4, monitored=True))
FORM = PacketFormat.of(CODEC)


def test_checksums_of_many_are_those_of_each() -> None:
    data = np.random.default_rng(0).integers(0, 256, (50, 13), np.uint8)
    start = np.full(50, int.from_bytes(FORM.model_id[:2], "little"), np.uint16)
    assert checksums(data, start).tolist() == [checksum(FORM, row.tobytes()) for row in data]


def test_the_register_of_a_whole_frame_is_zero() -> None:
    """Which is how the simulation tells a sound one."""
    for packet in packets_of(CODEC):
        data = np.frombuffer(frame(FORM, packet, Link.RADIO), np.uint8)
        assert checksums(data[None], np.frombuffer(FORM.model_id[:2], "<u2")) == 0


def test_what_passes_is_what_a_checksum_of_16_bits_lets_through() -> None:
    found = frames_json(FORM, window_bits=1_000, window_seconds=8, count=200_000, seed=1)
    passed = found["damaged"]["passed"]
    assert all(passed[f"{number} bits flipped"] == 0 for number in (1, 2, 3, 5))  # an odd number never passes
    assert passed["burst of 16 bits"] == 0
    for damage in ("any bytes", "of another model"):
        assert passed[damage] == pytest.approx(200_000 / 65_536, abs=6)
    odds = found["wrong_windows_per_billion"]
    assert odds["1e-05"] <= odds["0.0001"] < odds["0.001"]


def test_frames_are_shorter_and_their_times_follow() -> None:
    found = frames_json(FORM, window_bits=115_200 * 8, window_seconds=8, count=1_000, seed=1)
    for rate in found["rates"].values():
        sizes = [rate[name]["bytes"] for name in ("checked", "radio", "packet")]
        assert sizes == sorted(sizes)
        assert rate["radio"]["ratio_on_air"] == pytest.approx(115_200 / rate["radio"]["bytes"], rel=1e-4)
        milliseconds, share = rate["radio"]["lora_milliseconds"]["7"], rate["radio"]["lora_duty_cycle"]["7"]
        assert share == pytest.approx(milliseconds / 8000, rel=1e-4)
