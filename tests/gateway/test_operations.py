"""What operators are given agrees with the gateway: its logs, its container, its dashboard."""

from __future__ import annotations

import json
import logging
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
import typer
import yaml

from edgecodec.cli import app
from edgecodec.gateway.alarms import ALARMS, write_alarms
from edgecodec.gateway.conversion import Decoded
from edgecodec.gateway.decoders import RegisteredDecoders
from edgecodec.gateway.gateway import Gateway, Rotation
from edgecodec.gateway.journal import Received
from edgecodec.gateway.logs import FORMATS
from edgecodec.gateway.monitoring import Monitoring
from edgecodec.gateway.mqtt import Broker

DAY = datetime(2026, 11, 28, tzinfo=UTC)
ALARM = {"node": "turbine-7", "signal": "error", "start": DAY, "found": DAY, "end": None}
WINDOW = Decoded(Received("topic", DAY, b""), "turbine-7", None, None, b"", "1", 100.0,
                 ("left",), 0, 0, 1.0, False, np.zeros(0, np.int32), np.zeros(1, np.float32))


def test_a_log_of_json_has_an_object_a_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("edgecodec.gateway", logging.ERROR, "", 0, "%s stays", ("7\n",), sys.exc_info())
    line = FORMATS["json"].format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == ("error", "edgecodec.gateway", "7\n stays")
    assert told["traceback"].endswith("ValueError: two\nlines")
    assert datetime.fromisoformat(told["time"]).tzinfo is not None


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[Callable[[], list[str]]]:
    """Lines of a gateway in the folder ``gateway`` that has decoded one window."""
    monitoring = Monitoring(tmp_path / "gateway")
    monitoring.observe(WINDOW)
    gateway = Gateway(Broker("127.0.0.1", 1883, "topic"), tmp_path / "gateway", RegisteredDecoders("edgecodec"),
                      Rotation(1, 1))

    def read() -> list[str]:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            lines: list[str] = answer.read().decode().splitlines()
        return lines

    with monitoring.serving(gateway, "127.0.0.1", 0) as port:
        yield read


def test_alarms_are_served_from_the_folder_or_the_one_of_all_gateways(
    tmp_path: Path, metrics: Callable[[], list[str]],
) -> None:
    def served() -> list[str]:
        return [line for line in metrics() if line.startswith("edgecodec_alarm")]

    assert served() == []
    write_alarms(tmp_path, [ALARM | {"end": DAY}, ALARM, ALARM | {"signal": "unlike", "end": DAY}])
    error, unlike, recorded = served()
    assert error == 'edgecodec_alarm{node="turbine-7",signal="error"} 1.0'
    assert unlike == 'edgecodec_alarm{node="turbine-7",signal="unlike"} 0.0'
    assert float(recorded.split()[1]) == pytest.approx((tmp_path / ALARMS).stat().st_mtime)
    write_alarms(tmp_path / "gateway", [])
    assert [line.split()[0] for line in served()] == ["edgecodec_alarms_timestamp_seconds"]
    (tmp_path / "gateway" / ALARMS).write_bytes(b"damaged")
    assert served() == []


def test_the_dashboard_names_metrics_that_are_served(
    repository: Path, tmp_path: Path, metrics: Callable[[], list[str]],
) -> None:
    write_alarms(tmp_path, [ALARM])
    served = {re.split(r"[{ ]", line)[0]: line for line in metrics()}
    operations = repository / "operations/grafana"
    dashboard = json.loads((operations / "dashboards/gateways.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for query in queries for name in re.findall(r"\bedgecodec_\w+", query)}
    assert len(named) > 10
    assert named <= served.keys()
    labels = {label for query in queries for some in re.findall(r"by \((.*?)\)", query) for label in some.split(", ")}
    assert labels == {"node", "version", "le", "signal"}
    assert all(any(f'{label}="' in line for line in served.values()) for label in labels)

    (source,) = yaml.safe_load((operations / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}


@pytest.fixture
def instructions(repository: Path) -> list[tuple[str, str]]:
    """Of the Containerfile: names and what follows, in their order."""
    text = (repository / "operations/Containerfile").read_text()
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def test_the_container_has_what_it_copies_and_installs(instructions: list[tuple[str, str]], repository: Path) -> None:
    copied = [name for kind, what in instructions if kind == "COPY" for name in what.split()[:-1]]
    assert all((repository / name).exists() for name in copied)
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    installed = " ".join(what for kind, what in instructions if kind == "RUN")
    assert set(re.findall(r"\.\[(\w+)\]", installed)) <= project["optional-dependencies"].keys()
    assert {project["readme"], "pyproject.toml", "constraints.txt", "src"} == set(copied)


def test_the_container_runs_the_gateway_as_an_ordinary_user(instructions: list[tuple[str, str]]) -> None:
    kinds = [kind for kind, _ in instructions]
    assert kinds[0] == "FROM"
    assert kinds.index("USER") > max(place for place, kind in enumerate(kinds) if kind in ("RUN", "COPY"))
    told = dict(instructions)
    user = int(told["USER"])
    assert user > 0
    assert f"--uid {user}" in told["RUN"]
    assert told["STOPSIGNAL"] == "SIGTERM"
    program, *arguments = json.loads(told["ENTRYPOINT"])
    assert program == "edgecodec"
    command = typer.main.get_command(app).commands["gateway"]
    given = command.make_context("gateway", arguments[1:]).params
    assert str(given["folder"]) == told["VOLUME"]
    assert given["monitor"] == f"0.0.0.0:{told['EXPOSE']}"
