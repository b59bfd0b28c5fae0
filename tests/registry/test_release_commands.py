"""``edgecodec releases`` as people run it: its own process, a server, a server that is down or slow, a full disk."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_project import VARIANTS, register_variant, small_params
from test_cli import Command, Finished, edgecodec  # noqa: F401  (a fixture)
from test_releases import NAME
from test_server import server  # noqa: F401  (a fixture)

from edgecodec.registry.store import open_store

SOURCE = Path(__file__).parents[2] / "src"


def in_a_process(*arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> Finished:
    """Run the command in a process of its own, whose command line begins with ``prefix``."""
    done = subprocess.run([*prefix, sys.executable, "-c", "from edgecodec.cli import main; main()", *arguments],
                          env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
                          capture_output=True, text=True, check=False, timeout=300)
    return Finished(done.returncode, done.stdout, done.stderr)


def aliases() -> dict[str, str]:
    return {alias: str(number) for alias, number in open_store().client.get_registered_model(NAME).aliases.items()}


def one_line(finished: Finished, told: str) -> None:
    assert finished.status == 1, finished.out + finished.err
    assert finished.err.count("\n") == 1, finished.err
    assert finished.err.startswith("error: ")
    assert told in finished.err


@pytest.mark.usefixtures("registered")
def test_the_story_of_a_release(edgecodec: Command) -> None:  # noqa: F811
    listed = edgecodec("releases", "list", "--json")
    assert [version["version"] for version in json.loads(listed.out)] == ["2", "1"]

    first = edgecodec("releases", "promote", "1", "--reason", "the first", "--by", "ada")
    assert first.status == 0, first.err
    assert "edgecodec version 1 is the champion (release log, entry 1)" in first.out
    assert "built and run on this host" in first.out
    assert edgecodec("releases", "promote", "candidate", "-m", "better", "--by", "bob").status == 0
    assert aliases() == {"champion": "2", "previous-champion": "1", "candidate": "2"}

    compared = edgecodec("releases", "diff", "previous-champion", "champion").out
    assert "error_percent.rate2" in compared
    assert "-4.76 %" in compared
    assert "metrics/rate_distortion.json" in compared
    back = edgecodec("releases", "rollback", "-m", "it clips", "--by", "ada", "--from", "2")
    assert "edgecodec version 1 is the champion again (release log, entry 3)" in back.out
    assert "already" in edgecodec("releases", "rollback", "-m", "it clips", "--from", "2").out

    told = json.loads(edgecodec("releases", "history", "--json").out)["entries"]
    assert [(entry["who"], entry["action"], entry["after"]["champion"], entry["reason"]) for entry in told] == [
        ("ada", "promote", "1", "the first"), ("bob", "promote", "2", "better"), ("ada", "rollback", "1", "it clips")]
    shown = edgecodec("releases", "show", "2").out
    assert "withdrawn.why" in shown
    assert "it clips" in shown
    assert edgecodec("releases", "verify").status == 0
    one_line(edgecodec("releases", "rollback", "-m", "again"), "no earlier champion")
    one_line(edgecodec("releases", "promote", "9", "-m", "what?"), "no version or alias 9; there are 2, @candidate, 1")
    one_line(edgecodec("releases", "promote", "1", "-m", " "), "--reason: 1 characters; say why")


@pytest.mark.usefixtures("registered")
@pytest.mark.slow
def test_what_was_done_past_the_releases_is_found_and_named(edgecodec: Command,  # noqa: F811
                                                            capsys: pytest.CaptureFixture[str]) -> None:
    client = open_store().client
    for version in ("1", "2"):
        assert edgecodec("releases", "promote", version, "-m", "good").status == 0
    client.copy_model_version(f"models:/{NAME}/2", "production")  # what MLflow's button "Promote model" does
    capsys.readouterr()
    one_line(edgecodec("releases", "verify"), "production version 1 was made from models:/edgecodec/2 by MLflow's")
    client.delete_registered_model("production")
    assert edgecodec("releases", "verify").status == 0

    client.delete_model_version(NAME, "2")
    one_line(edgecodec("releases", "verify"), "the line of champions has version 2, which MLflow has no more")
    repaired = edgecodec("releases", "repair", "-m", "deleted by mistake", "--by", "ada")
    assert "version 2 is out of the line of champions (release log, entry 3); champion: none" in repaired.out
    assert "nothing was changed" in edgecodec("releases", "repair", "-m", "again").out
    one_line(edgecodec("releases", "verify"), "no version or alias champion; there are 1, @previous-champion")
    assert edgecodec("releases", "rollback", "-m", "what is left").status == 0
    assert "entry 3 is a repair by ada: version 2, which MLflow had lost," in edgecodec("releases", "verify").out
    assert "repair 2" in edgecodec("releases", "history").out


@pytest.mark.slow
def test_two_people_at_once_leave_one_story(registered: Path) -> None:
    command = [sys.executable, "-c", "from edgecodec.cli import main; main()", "releases", "promote"]
    both = [subprocess.Popen([*command, version, "-m", "mine"], env={**os.environ, "PYTHONPATH": str(SOURCE)},
                             text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for version in ("1", "2")]
    errors = [process.communicate()[1] for process in both]
    log = json.loads(in_a_process("releases", "history", "--json").out)["entries"]
    for process, error in zip(both, errors, strict=True):
        assert process.returncode == 0 or "meanwhile; nothing was changed" in error or "champion.rate2" in error \
            or "meanwhile (entry 1); nothing was changed" in error, error
    assert aliases()["champion"] == log[-1]["after"]["champion"]
    assert len(log) == [process.returncode for process in both].count(0) >= 1


@contextmanager
def listener(answer: bytes | None) -> Iterator[str]:
    """A server that accepts connections and never answers, or closes each with ``answer``."""
    with socket.create_server(("127.0.0.1", 0)) as waiting:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = waiting.accept()
                except OSError:
                    return
                kept.append(connection)
                if answer is not None:
                    connection.recv(65536)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{waiting.getsockname()[1]}"
        for connection in kept:
            connection.close()


def test_a_server_that_never_answers_is_given_up(registered: Path) -> None:
    with listener(None) as address:
        finished = in_a_process("releases", "promote", "2", "-m", "x", MLFLOW_TRACKING_URI=address,
                             MLFLOW_HTTP_REQUEST_TIMEOUT="1", MLFLOW_HTTP_REQUEST_MAX_RETRIES="1")
    one_line(finished, f"MLflow server {address}: does not answer; start it")


@pytest.mark.slow
def test_a_server_that_is_none_of_mlflow_is_named(registered: Path) -> None:
    with listener(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nlost\n") as address:
        finished = in_a_process("releases", "list", MLFLOW_TRACKING_URI=address, MLFLOW_HTTP_REQUEST_TIMEOUT="5")
    one_line(finished, f"MLflow server {address}: ")


ON_A_SMALL_DISK = """
set -e
mount -t tmpfs -o size="$1" tmpfs "$2"
shift 2
exec "$@"
"""


def can_mount() -> bool:
    return shutil.which("unshare") is not None and \
        subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="a small disk needs user and mount namespaces (unshare -rm)")
def test_a_full_disk_leaves_everything_as_it_was(registered: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    assert in_a_process("releases", "promote", "1", "-m", "first").status == 0
    before, database = aliases(), Path("mlflow.db").read_bytes()
    finished = in_a_process("releases", "promote", "2", "-m", "x", TMPDIR=str(small),
                            prefix=("unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, "sh", "200k", str(small)))
    one_line(finished, "No space left on device")
    assert (aliases(), Path("mlflow.db").read_bytes()) == (before, database)


@pytest.mark.slow
def test_a_server_is_released_on_like_the_local_store(project: Path, server: str) -> None:  # noqa: F811
    """One release process against a real MLflow server that keeps the artifacts; then it dies."""
    for change in VARIANTS[:2]:
        register_variant(project, change)
    assert in_a_process("releases", "promote", "1", "-m", "the first").status == 0
    second = in_a_process("releases", "promote", "2", "-m", "better")
    assert second.status == 0, second.err
    assert aliases() == {"champion": "2", "previous-champion": "1", "candidate": "2"}
    assert in_a_process("releases", "rollback", "-m", "it clips").status == 0
    assert in_a_process("releases", "verify").status == 0
    assert len(json.loads(in_a_process("releases", "history", "--json").out)["entries"]) == 3
    one_line(in_a_process("releases", "promote", "7", "-m", "x"), "no version or alias 7")
    assert open_store().client.get_registered_model(f"{NAME}.release-log").tags
    assert small_params().registry.model_name == NAME


def letters(page: str) -> Iterator[float]:
    """Sizes of the letters in the page's pictures, in pixels, where the window is 1200 px wide."""
    width = int(re.search(r"main { max-width: (\d+)px; margin: 0 auto; padding: 40px 48px", page)[1]) - 2 * 48
    for picture in re.findall("data:image/svg.xml;base64,([^\"]+)", page):
        svg = base64.b64decode(picture).decode()
        box = re.search(r'viewBox="0 0 ([\d.]+)', svg)
        for size in re.findall(r"scale\(([\d.]+) -", svg) if box else ():
            yield 100 * float(size) * width / float(box[1])


@pytest.mark.slow
def test_the_report_of_a_version_is_one_page_with_all_it_needs(registered: Path) -> None:
    finished = in_a_process("releases", "report", "2", "-o", "report.html")
    assert finished.status == 0, finished.err
    page = Path("report.html").read_text()
    assert "edgecodec version 2: release report" in page
    assert all(f"<h2>{title}</h2>" in page for title in (
        "What it is", "Gates", "Error against bits", "Codebooks", "On the target", "Lineage", "How to flash",
        "How to decode"))
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing to fetch
    assert min(letters(page)) >= 10
    version = open_store().client.get_model_version(NAME, "2")
    assert version.tags["report"] == f"runs:/{version.run_id}/release_report/version-2.html"
    kept = Path(open_store().client.download_artifacts(version.run_id, "release_report/version-2.html"))
    assert "all 11 gates passed" in kept.read_text()
