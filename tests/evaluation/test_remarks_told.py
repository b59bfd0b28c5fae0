"""What is said of disturbed windows, in numbers."""

from __future__ import annotations

import json

import numpy as np

from edgecodec.evaluation.remarks import Remarked, disturbance_json
from edgecodec.packets.monitor import Remarks


def test_an_error_that_nodes_call_infinite_is_told_as_none_and_counts_as_said() -> None:
    """A channel without any signal that is not masked, as of three channels none is."""
    healthy = np.zeros((2, 3), dtype=bool)
    remarks = Remarks(np.full((2, 1), np.inf, np.float32), np.full((2, 1), np.inf, np.float32), 1.1,
                      np.zeros(2, np.float32), healthy)
    found = Remarked(remarks, np.full((2, 1), 50.0), np.full((2, 1), 90), [np.zeros((2, 3, 8), np.float32)])
    said = disturbance_json(found, healthy, np.full((2, 1), 50.0), 3.0)
    assert said["estimated_percent"] is None
    assert said["over_with_nothing_said"] == 0
    assert json.dumps(said, allow_nan=False)
