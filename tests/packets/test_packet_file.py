"""Packets survive a file; what is no packet file, or half of one, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.packet_file import packets_in, write_packets


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # every example replaces the file
@given(packets=st.lists(st.binary(max_size=80), max_size=20))
def test_packets_come_back_as_they_were(packets: list[bytes], tmp_path: Path) -> None:
    write_packets(tmp_path / "packets", packets)
    assert list(packets_in(tmp_path / "packets")) == packets


@pytest.mark.parametrize(("kept", "packet"),
                         [(kept, 0) for kept in range(5, 11)] + [(kept, 1) for kept in range(12, 19)])
def test_a_file_cut_short_is_refused_by_the_packets_number(kept: int, packet: int, tmp_path: Path) -> None:
    write_packets(tmp_path / "packets", [b"first", b"second"])
    (tmp_path / "packets").write_bytes((tmp_path / "packets").read_bytes()[:kept])
    with pytest.raises(EdgeCodecError, match=f"cut short within packet {packet}"):
        list(packets_in(tmp_path / "packets"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"ECP"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "packets").write_bytes(content)
    with pytest.raises(EdgeCodecError, match="not a packet file"):
        list(packets_in(tmp_path / "packets"))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match="packets: not found"):
        list(packets_in(tmp_path / "packets"))


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    write_packets(tmp_path / "packets", [b"old"])
    with pytest.raises(ZeroDivisionError):
        write_packets(tmp_path / "packets", (bytes(1 // (1 - number)) for number in range(3)))
    assert list(packets_in(tmp_path / "packets")) == [b"old"]
    assert [path.name for path in tmp_path.iterdir()] == ["packets"]
