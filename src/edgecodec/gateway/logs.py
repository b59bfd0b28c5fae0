"""How a gateway's log reads: for people, or a JSON object a line for who collects logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """Lines with the keys time, level, logger and message; and traceback, if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        content = {"time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
                   "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content)


FORMATS: Mapping[str, logging.Formatter] = {"text": logging.Formatter("%(asctime)s %(message)s"), "json": JsonLines()}


def log_to_stderr(kind: str) -> None:
    """Let all that is logged from level INFO on be lines of ``kind``: a key of :data:`FORMATS`."""
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[kind])
    logging.basicConfig(level=logging.INFO, handlers=[handler])
