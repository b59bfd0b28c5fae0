"""How much a gateway takes, and what kills cost: ``python -m studies.gateway_load MODELS PACKETS ...``.

MODELS holds folders that ``edgecodec releases export VERSION --for gateway`` wrote. Each of 50 nodes sends the packets
of all packet files, with QoS 1 and as fast as the broker takes them. The broker, mosquitto, and the publisher share
this machine with the gateway, which is to run Linux.

    load   all packets at once: how many a second come from the first publication to the last file; how large the
           gateway is as they come
    kills  all packets again, and ``kill -9`` of the gateway ten times: what is lost, what is there twice

Writes artifacts/metrics/gateway_load.json; docs/fleet.md shows it.
"""

from __future__ import annotations

import argparse
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edgecodec.artifacts import METRICS
from edgecodec.errors import EdgeCodecError, exit_with_one_line
from edgecodec.gateway.tables import windows_of
from edgecodec.packets.packet_file import packets_in
from edgecodec.progress import progress
from edgecodec.storage import rounded, write_json
from studies.broker import MOSQUITTO, MOSQUITTO_SETTINGS, Broker

RESULTS = METRICS / "gateway_load.json"
NODES = 50
STEPS = 10  # of the load, after each of which the gateway's size is taken
IN_FLIGHT = 1000  # packets that the publisher sends before the broker answers
PATIENCE_SECONDS = 600  # without a further window
Message = tuple[int, bytes]  # a node's number, and its packet


@dataclass(frozen=True)
class Load:
    packets: int
    seconds: float
    packets_per_second: float
    resident_megabytes: dict[int, float]  # of the gateway, by windows in files


@dataclass(frozen=True)
class Kills:
    packets: int
    kills: int
    lost: int
    twice: int


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0], epilog=__doc__.partition("\n\n")[2],
                                        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("models", type=Path, metavar="MODELS", help="a folder of exported folders")
    arguments.add_argument("packets", type=Path, nargs="+", metavar="PACKETS",
                           help="packet files (edgecodec encode), with different sequence numbers")
    arguments.add_argument("--kills", type=int, default=10, help="of the gateway (default: 10)")
    options = arguments.parse_args()
    packets = [packet for path in options.packets for packet in packets_in(path) if packet]
    messages = [(node, packet) for packet in packets for node in range(NODES)]
    with tempfile.TemporaryDirectory() as work:
        broker = PatientBroker(Path(work))
        broker.start()
        try:
            load = measure_load(Gateway(broker.port, Path(work) / "load", options.models), messages)
            kills = measure_kills(Gateway(broker.port, Path(work) / "kills", options.models), messages, options.kills)
        finally:
            broker.stop()
    write_json(RESULTS, {"nodes": NODES, "load": asdict(load), "kills": asdict(kills)})
    print(f"{load.packets_per_second:.0f} packets a second; of {kills.packets}, with {kills.kills} kills on the way, "
          f"{kills.lost} are lost, and {kills.twice} are there twice")


def measure_load(gateway: Gateway, messages: Sequence[Message]) -> Load:
    resident: dict[int, float] = {}
    with gateway.running() as process:
        start = time.perf_counter()
        publisher = threading.Thread(target=gateway.publish, args=(messages,))
        publisher.start()
        for step in progress(range(1, STEPS + 1), "Load"):
            share = len(messages) * step // STEPS
            gateway.wait_for(share)
            resident[share] = resident_megabytes(process.pid)
        seconds = time.perf_counter() - start
        publisher.join()
    return Load(len(messages), rounded(seconds, 4), rounded(len(messages) / seconds, 4), resident)


def measure_kills(gateway: Gateway, messages: Sequence[Message], kills: int) -> Kills:
    """Each gateway is killed with a part of the packets on the way; the last one ends as asked."""
    parts = [messages[len(messages) * part // (kills + 1) : len(messages) * (part + 1) // (kills + 1)]
             for part in range(kills + 1)]
    for part in progress(parts[:-1], "Kills"):
        with gateway.running(signal.SIGKILL):
            gateway.publish(part)
    with gateway.running():
        gateway.publish(parts[-1])
        gateway.wait_for(len(messages))
    rows = windows_of(gateway.folder).to_table(columns=["topic", "packet"]).to_pandas()
    distinct = len(rows.drop_duplicates())
    return Kills(len(messages), kills, len(messages) - distinct, len(rows) - distinct)


@dataclass(frozen=True)
class Gateway:
    """As a user runs it, from a folder's start until it is told to end."""

    port: int
    folder: Path
    models: Path

    @contextmanager
    def running(self, end: signal.Signals = signal.SIGTERM) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-c", "from edgecodec.cli import main; main()", "gateway", str(self.folder),
                   "--broker", f"127.0.0.1:{self.port}", "--topic", f"{self.folder.name}/+/packets",
                   "--models", str(self.models), "--rotate-seconds", "5"]
        log = self.folder.with_suffix(".log")
        before = connections(log)
        with log.open("a") as written, subprocess.Popen(command, stderr=written) as process:
            while connections(log) == before:
                if process.poll() is not None:
                    raise EdgeCodecError(f"gateway: {log.read_text().strip().splitlines()[-1]}")
                time.sleep(0.1)
            try:
                yield process
            finally:
                process.send_signal(end)

    def publish(self, messages: Sequence[Message]) -> None:
        """Until the broker has them."""
        client = Client(CallbackAPIVersion.VERSION2)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        for sent in [client.publish(f"{self.folder.name}/{node}/packets", packet, qos=1) for node, packet in messages]:
            sent.wait_for_publish()
        client.disconnect()
        client.loop_stop()

    def windows(self) -> int:
        """In files."""
        try:
            return int(windows_of(self.folder).count_rows())
        except EdgeCodecError:  # none yet
            return 0

    def wait_for(self, windows: int) -> None:
        """Until so many are in files."""
        found, last = -1, time.monotonic()
        while found < windows:
            time.sleep(0.5)
            before, found = found, self.windows()
            last = time.monotonic() if found > before else last
            if time.monotonic() - last > PATIENCE_SECONDS:
                raise EdgeCodecError(f"gateway: {found} of {windows} windows are in files, and none has come for "
                                     f"{PATIENCE_SECONDS} s")


def resident_megabytes(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return rounded(pages * resource.getpagesize() / 1e6, 4)


def connections(log: Path) -> int:
    return log.read_text().count("connected to") if log.is_file() else 0


class PatientBroker(Broker):
    """Forgets nothing while a gateway is away."""

    settings = MOSQUITTO_SETTINGS + "max_queued_messages 0\nmax_inflight_messages 0\n"

    def start(self) -> None:
        if MOSQUITTO is None:
            raise EdgeCodecError("mosquitto: not found; install it, with Debian by `apt install mosquitto`")
        super().start()


if __name__ == "__main__":
    exit_with_one_line(main)
