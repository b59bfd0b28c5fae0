"""Nodes are asked for windows within their budget, the most novel first, and not for ever."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.asking import EVENING, FEWEST, NODES_AT_ONCE, TRIES, WINDOWS_TOGETHER, Asking
from edgecodec.gateway.conversion import Decoded
from edgecodec.gateway.decoders import RegisteredDecoders
from edgecodec.gateway.gateway import Gateway, Rotation
from edgecodec.gateway.journal import Received
from edgecodec.gateway.mqtt import Broker
from edgecodec.gateway.nodes import AskParams, NodeParams, NodeTable
from edgecodec.gateway.ownership import OWN
from edgecodec.gateway.traffic import Traffic
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.packet import PacketFormat, PacketParts, packet_of_parts
from edgecodec.packets.request import WindowRequest

MORNING = datetime(2030, 1, 1, 6, tzinfo=UTC)
EVE = MORNING.replace(hour=EVENING)
FORM = PacketFormat("12" * 32, {}, 1)


def table(*names: str, **ask: float | str) -> NodeTable:
    return NodeTable(nodes={name: NodeParams(
        topic=f"edgecodec/{name}/packets", sends="packets", versions=(), interval_seconds=None,
        installed=MORNING.date(), array="", ask=AskParams.model_validate({"windows_a_day": 6, **ask}))
        for name in names})


def window(node: str, time: datetime, error: float = 2.0, kind: PacketKind = PacketKind.FIXED_LENGTH,
           unlike: bool = False) -> Decoded:
    packet = packet_of_parts(FORM, PacketParts(kind, 0, 1, False, 0, False, None, b""))
    return Decoded(Received("topic", time, packet), node, time, "arrival", packet, "1", 100.0, ("a",), 1, 0, error,
                   unlike, np.zeros(0, np.int32), np.zeros(0, np.float32))


def exact(node: str, time: datetime) -> Decoded:
    return window(node, time, math.nan, PacketKind.EXACT)


def observe(asking: Asking, windows: Sequence[Decoded]) -> None:
    for each in windows:
        asking.observe(each)


def asked(asking: Asking, now: datetime) -> dict[str, int]:
    """Windows by topic."""
    return {topic: WindowRequest.from_bytes(message).windows for topic, message in asking.requests(now)}


def test_novel_windows_are_asked_for_at_once_the_unlike_ones_first(tmp_path: Path) -> None:
    asking = Asking(tmp_path, table("calm", "unlike", "erring"), Traffic())
    observe(asking, [window(node, MORNING) for node in ("calm", "unlike", "erring") for _ in range(FEWEST)])
    assert asked(asking, MORNING) == {}
    observe(asking, [window("calm", MORNING, 2.9), window("erring", MORNING, 3.1),
                     window("unlike", MORNING, unlike=True)])
    assert list(asked(asking, MORNING).items()) == [("edgecodec/unlike/requests", WINDOWS_TOGETHER),
                                                    ("edgecodec/erring/requests", WINDOWS_TOGETHER)]


def test_ordinary_windows_are_asked_for_in_the_evening(tmp_path: Path) -> None:
    asking = Asking(tmp_path, table("a"), Traffic())
    for now, expected in ((MORNING, {}), (EVE, {"edgecodec/a/requests": WINDOWS_TOGETHER})):
        observe(asking, [window("a", now)])
        assert asked(asking, now) == expected


def test_only_some_nodes_are_asked_at_once_the_most_novel_ones(tmp_path: Path) -> None:
    names = [f"node{number}" for number in range(NODES_AT_ONCE + 3)]
    asking = Asking(tmp_path, table(*names), Traffic())
    observe(asking, [window(name, MORNING, 1.0) for name in names for _ in range(FEWEST)])
    observe(asking, [window(name, MORNING, 2.0 + number) for number, name in enumerate(names)])
    assert list(asked(asking, MORNING)) == [f"edgecodec/{name}/requests" for name in names[:2:-1]]


def test_the_budget_of_a_day_is_kept_and_begins_anew(tmp_path: Path) -> None:
    traffic = Traffic()
    asking = Asking(tmp_path, table("a", windows_a_day=6), traffic)
    found = []
    for minutes in range(0, 2 * 24 * 60, 10):
        now = MORNING.replace(hour=0) + timedelta(minutes=minutes)
        observe(asking, [window("a", now, unlike=True)])
        for windows in asked(asking, now).values():
            found.append(windows)
            observe(asking, [exact("a", now) for _ in range(windows)])
    assert found == [4, 2, 4, 2]
    assert (traffic.asked, traffic.answered, traffic.unanswered) == (12, 12, 0)


def test_an_unanswered_request_is_repeated_and_given_up_in_one_line(tmp_path: Path,
                                                                    caplog: pytest.LogCaptureFixture) -> None:
    traffic = Traffic()
    asking = Asking(tmp_path, table("a", repeat_seconds=60, topic="down/a"), traffic)
    times = []
    for seconds in range(0, 3600, 10):
        now = MORNING + timedelta(seconds=seconds)
        observe(asking, [window("a", now, unlike=True)])
        times += [seconds for _ in asked(asking, now)]
    assert times == [60 * number for number in range(TRIES)]
    assert traffic.unanswered == WINDOWS_TOGETHER
    assert [record.getMessage() for record in caplog.records] == [
        f"a: did not answer {TRIES} requests for windows; it is not asked again today"]
    tomorrow = MORNING + timedelta(days=1)
    observe(asking, [window("a", tomorrow, unlike=True)])
    assert asked(asking, tomorrow) == {"down/a": WINDOWS_TOGETHER}


def test_what_is_missing_of_an_answer_is_not_asked_for_again(tmp_path: Path) -> None:
    asking = Asking(tmp_path, table("a", repeat_seconds=60), Traffic())
    observe(asking, [window("a", MORNING, unlike=True)])
    assert asked(asking, MORNING)
    observe(asking, [exact("a", MORNING)])
    assert asked(asking, MORNING + timedelta(seconds=61)) == {}
    observe(asking, [window("a", MORNING, unlike=True)])
    assert asked(asking, MORNING + timedelta(seconds=62)) == {"edgecodec/a/requests": 2}


def test_escapes_answer_where_escapes_were_asked_for(tmp_path: Path) -> None:
    traffic = Traffic()
    asking = Asking(tmp_path, table("a", within_percent=0.5), traffic)
    observe(asking, [window("a", MORNING, unlike=True)])
    ((_, message),) = asking.requests(MORNING)
    assert WindowRequest.from_bytes(message) == WindowRequest(PacketKind.ESCAPE, WINDOWS_TOGETHER, 0.5)
    observe(asking, [exact("a", MORNING), window("a", MORNING, 0.5, PacketKind.ESCAPE)])
    assert traffic.answered == 1


@given(st.integers(0, 40))
def test_a_restart_changes_nothing(tmp_path_factory: pytest.TempPathFactory, restart: int) -> None:
    folder, nodes = tmp_path_factory.mktemp("asking"), table("a", windows_a_day=9, repeat_seconds=50)
    asking, restarted = Asking(folder / "one", nodes, Traffic()), Asking(folder / "other", nodes, Traffic())
    for step in range(40):
        now = MORNING + timedelta(seconds=20 * step)
        windows = [window("a", now, 2 + step % 7), *([exact("a", now)] if step % 11 == 3 else [])]
        if step == restart:
            restarted.save()
            restarted = Asking(folder / "other", nodes, Traffic())
        observe(asking, windows)
        observe(restarted, windows)
        assert asked(asking, now) == asked(restarted, now)


def test_nodes_without_a_budget_are_never_asked(tmp_path: Path) -> None:
    nodes = table("a")
    asking = Asking(tmp_path, NodeTable(nodes={"a": nodes.nodes["a"].model_copy(update={"ask": None})}), Traffic())
    observe(asking, [window("a", EVE, unlike=True)])
    assert asked(asking, EVE) == {}
    asking.save()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_memory_is_named(tmp_path: Path) -> None:
    (tmp_path / OWN).mkdir()
    (tmp_path / OWN / "asking.json").write_text('{"a": {"days": 1}}')
    with pytest.raises(EdgeCodecError, match=r"asking\.json: not as a gateway writes it; restore it, or remove it"):
        Asking(tmp_path, table("a"), Traffic())


def test_gateways_that_share_a_subscription_do_not_ask(tmp_path: Path) -> None:
    broker = Broker("127.0.0.1", 1883, "$share/group/edgecodec/+/packets")
    with pytest.raises(EdgeCodecError, match="ask by one gateway with a topic that is not shared"):
        Gateway(broker, tmp_path, RegisteredDecoders("edgecodec"), Rotation(9, 9), table("a"))
