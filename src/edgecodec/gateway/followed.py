"""What a gateway knows of every topic's numbers and times, on disk from one journal to the next.

A journal may be converted twice, when the gateway is killed meanwhile. So the file has the state before and after the
journal that was converted last: the second time begins where the first one began, and gives the same files.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgecodec.errors import EdgeCodecError
from edgecodec.gateway.journal import number_of, replacing_durably
from edgecodec.gateway.ownership import OWN
from edgecodec.gateway.sequences import Sequence
from edgecodec.gateway.starts import Starts
from edgecodec.storage import read_json


@dataclass
class FollowedTopic:
    sequence: Sequence = field(default_factory=Sequence)
    starts: Starts = field(default_factory=Starts)


class Followed:
    """The topics as they were before ``journal``; :meth:`save` keeps how they are behind it."""

    def __init__(self, journal: Path) -> None:
        """
        Raises:
            EdgeCodecError: the file is not as a gateway writes it.
        """
        self._path = journal.parent / OWN / "followed.json"
        self._journal = number_of(journal)
        self._before: dict[str, Any] = {}
        if self._path.exists():
            content = read_json(self._path)
            try:
                self._before = content["before" if content["journal"] == self._journal else "after"]
                self._topics = {topic: FollowedTopic(Sequence(**each["sequence"]), Starts(**each["starts"]))
                                for topic, each in self._before.items()}
            except (KeyError, TypeError):
                raise EdgeCodecError(f"{self._path}: not as a gateway writes it; restore it, or remove it: missing "
                                     "packets are then counted from here on") from None
        else:
            self._topics = {}

    def of(self, topic: str) -> FollowedTopic:
        return self._topics.setdefault(topic, FollowedTopic())

    def save(self) -> None:
        """When the journal's files are written, before the journal goes."""
        after = {topic: asdict(each) for topic, each in self._topics.items()}
        with replacing_durably(self._path) as temporary:
            temporary.write_text(json.dumps({"journal": self._journal, "before": self._before, "after": after}),
                                 encoding="utf-8")
