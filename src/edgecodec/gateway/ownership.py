"""One gateway owns a folder. The lock is the operating system's, which frees it however the process ends."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import read_json, write_json

OWN = ".gateway"  # the folder in the folder, for what is the gateway's own


class Ownership:
    """Held from construction to :meth:`release`, or the end of the process.

    Raises:
        EdgeCodecError: another gateway owns ``folder``.
    """

    def __init__(self, folder: Path) -> None:
        own = folder / OWN
        own.mkdir(parents=True, exist_ok=True)
        self._record = own / "owner.json"
        self._lock = FileLock(own / "lock", timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise EdgeCodecError(f"{folder}: belongs to {self._owner()}; stop that one, or give this one a folder of "
                                 "its own") from None
        self._record.unlink(missing_ok=True)  # of the owner before

    def sign(self, client_id: str) -> None:
        """Say who owns the folder, for those who find it locked."""
        write_json(self._record, {"process": os.getpid(), "host": socket.gethostname(), "client_id": client_id,
                                  "since": datetime.now(UTC).isoformat(timespec="seconds")})

    def release(self) -> None:
        self._lock.release()

    def _owner(self) -> str:
        if not self._record.exists():
            return "another gateway, which has just started"
        owner = read_json(self._record)
        return (f"the gateway of process {owner['process']} on {owner['host']}, client id {owner['client_id']}, "
                f"since {owner['since']}")
