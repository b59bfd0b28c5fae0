"""Some of the windows of a set."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError


def spread(windows: WindowSet, most: int) -> NDArray[np.int64]:
    """Numbers of ``most`` windows, or fewer if there are not so many, evenly spread over the set."""
    return np.linspace(0, len(windows) - 1, min(most, len(windows))).round().astype(np.int64)


def leave_out(windows: WindowSet, words: Collection[str]) -> tuple[WindowSet, WindowSet]:
    """The recordings of conditions that have none of ``words`` in their names, and those that have some.

    Raises:
        EdgeCodecError: a word is in no condition's name, or every condition has one.
    """
    conditions = {segment.condition for segment in windows.description.segments}
    unknown = sorted(set(words) - {word for condition in conditions for word in condition.split()})
    if unknown:
        raise EdgeCodecError(f"params.yaml: leave_out: {unknown[0]} is in no condition's name; they are like "
                             f"{min(conditions)!r}")
    without = {condition for condition in conditions if not set(words) & set(condition.split())}
    if not without:
        raise EdgeCodecError(f"params.yaml: leave_out: every condition has one of {', '.join(words)}; leave out fewer")
    return _of_conditions(windows, without), _of_conditions(windows, conditions - without)


def _of_conditions(windows: WindowSet, conditions: Collection[str]) -> WindowSet:
    segments = tuple(segment for segment in windows.description.segments if segment.condition in conditions)
    which = np.isin(windows.condition, sorted(conditions))
    return replace(
        windows, description=windows.description.model_copy(update={"segments": segments}),
        starts=windows.starts[which], wind=windows.wind[which], condition=windows.condition[which],
        recording=windows.recording[which],
    )
