"""When windows began. Nodes send no time; arrivals and numbers tell it."""

from __future__ import annotations

import math
from dataclasses import dataclass

PACED = 16  # arrivals by which a later origin is believed


@dataclass
class Starts:
    """Of one node that sends window after window, one every ``interval``.

    Window k began k intervals behind window 0, and no packet arrives before its window's end. So each arrival tells the
    latest time at which window 0 can have begun: its origin. The packet that came with the least delay tells it best.

    An origin may move later, as the node's clock drifts, or after a pause that the numbers do not show. For that
    :data:`PACED` arrivals have to agree. What a broker held back comes all at once, and does not count.

    All times are in seconds since the epoch.
    """

    origin: float = math.inf
    least: float = math.inf  # origin by the paced arrivals since the last one was believed
    paced: int = 0
    arrival: float = -math.inf  # of the packet before

    def follow(self, number: int, arrival: float, interval: float, length: float) -> float:
        """When window ``number``, ``length`` seconds long, began."""
        latest = arrival - length - number * interval
        if arrival - self.arrival > interval / 2:
            self.least, self.paced = min(self.least, latest), self.paced + 1
        self.arrival = arrival
        if self.paced == PACED:
            self.origin, self.least, self.paced = self.least, math.inf, 0
        self.origin = min(self.origin, latest)
        return self.origin + number * interval
