"""An MQTT broker of this machine's own: mosquitto where it is installed, else amqtt, a package of Python."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from edgecodec.errors import EdgeCodecError

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
MOSQUITTO_SETTINGS = """
listener {port} 127.0.0.1
allow_anonymous true
"""
AMQTT = (sys.executable, "-m", "amqtt.scripts.broker_script")
AMQTT_SETTINGS = """
listeners: {{default: {{type: tcp, bind: "127.0.0.1:{port}"}}}}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin: {{allow_anonymous: true}}
"""


def wait_until(condition: Callable[[], bool], seconds: float = 120, every: float = 0.1) -> None:
    """
    Raises:
        EdgeCodecError: it has not come true in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise EdgeCodecError(f"waited {seconds:g} s for what did not happen; see the log above")
        time.sleep(every)


class Broker:
    """A broker that can be stopped, and started again on the same port. Its settings are in ``folder``."""

    command = AMQTT if MOSQUITTO is None else (MOSQUITTO,)
    settings = AMQTT_SETTINGS if MOSQUITTO is None else MOSQUITTO_SETTINGS

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def start(self) -> None:
        settings = self.folder / "broker.yaml"
        settings.write_text(self.settings.format(port=self.port))
        self.process = subprocess.Popen([*self.command, "-c", str(settings)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_until(self._answers)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise EdgeCodecError(f"{self.command[0]}: does not start; try it by hand: {' '.join(self.command)} -c "
                                 f"{self.folder / 'broker.yaml'}")
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0
