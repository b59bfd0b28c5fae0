"""Some of the windows of a set."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError

MOST_VALUES = 8  # of labels, that an error names


def spread(windows: WindowSet, most: int) -> NDArray[np.int64]:
    """Numbers of ``most`` windows, or fewer if there are not so many, evenly spread over the set."""
    return np.linspace(0, len(windows) - 1, min(most, len(windows))).round().astype(np.int64)


def leave_out(windows: WindowSet, words: Collection[str]) -> tuple[WindowSet, WindowSet]:
    """The recordings that have none of ``words`` among the values of their labels, and those that have some.

    Args:
        words: values, or ``label=value``.

    Raises:
        EdgeCodecError: no recording has a word, every one has some, or a word is a value of several labels.
    """
    segments = windows.description.segments
    known = {(label, value) for segment in segments for label, value in segment.labels.items()}
    for word in sorted(words):
        labels = sorted(label for label, value in known if word in (value, f"{label}={value}"))
        if not labels:
            some = ", ".join(sorted({value for _, value in known})[:MOST_VALUES])
            raise EdgeCodecError(f"params.yaml: leave_out: {word} is no value of a label; there are "
                                 f"{some or 'none: set data.array.labels'}")
        if len(labels) > 1:
            raise EdgeCodecError(f"params.yaml: leave_out: {word} is a value of {' and '.join(labels)}; write "
                                 f"{labels[0]}={word}")
    out = np.array([any(value in words or f"{label}={value}" in words for label, value in segment.labels.items())
                    for segment in segments])
    if out.all():
        raise EdgeCodecError(f"params.yaml: leave_out: every recording has one of {', '.join(words)}; leave out fewer")
    return of_segments(windows, ~out), of_segments(windows, out)


def folds(windows: WindowSet, number: int, label: str | None, seed: int) -> Iterator[tuple[WindowSet, WindowSet]]:
    """``number`` times the set without some recordings, and the set of these: drawn, each held out once.

    Args:
        label: no value of which is in both sets; None: recordings are drawn one by one.

    Raises:
        EdgeCodecError: there are fewer recordings, or values, than folds.
    """
    segments = windows.description.segments
    units = [segment.labels.get(label, segment.recording) if label else segment.recording for segment in segments]
    names = np.array(sorted(set(units)))
    if len(names) < number:
        raise EdgeCodecError(f"params.yaml: repeat.folds: {number} folds take so many {label or 'recording'}s, and "
                             f"{len(names)} train; lower it")
    for held in np.array_split(np.random.default_rng(seed).permutation(names), number):
        is_held = np.isin(units, held)
        yield of_segments(windows, ~is_held), of_segments(windows, is_held)


def of_segments(windows: WindowSet, kept: NDArray[np.bool_]) -> WindowSet:
    """The windows of the segments that are ``kept`` [segments]."""
    segments = tuple(segment for segment, is_kept in zip(windows.description.segments, kept, strict=True) if is_kept)
    which = kept[windows.segment_numbers]
    return replace(
        windows, description=windows.description.model_copy(update={"segments": segments}),
        starts=windows.starts[which], wind=windows.wind[which], condition=windows.condition[which],
        recording=windows.recording[which],
    )
