"""Plausible other means for a window: the scarce sample of this data.

The mean profile of a recording differs from that of its wind speed by the zeroing error, which is drawn once per
recording and spans few directions. A few hundred recordings are far too few profiles for codebooks: they would be
memorised. So a training window may exchange its profile for one made of the same directions: per wind speed, the
Karhunen-Loeve coefficients of the recordings' profiles, each drawn independently of the others.

Where means move as much within recordings as from one to another, they are no scarce sample but signal. To exchange
them would hide from a training what they do: nothing is exchanged there, nor where there is one recording.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.windows import WindowBatch, WindowSet


@dataclass(frozen=True)
class ProfileGroup:
    """The mean profiles seen at one wind speed."""

    centre: NDArray[np.float64]  # [channels]
    basis: NDArray[np.float64]  # [channels, directions]
    coefficients: NDArray[np.float64]  # [profiles, directions]


class ProfileExchange:
    """Fitted by :meth:`fit`; :meth:`exchanged` gives windows other means."""

    def __init__(self, groups: dict[int, ProfileGroup]) -> None:
        self.groups = groups

    @classmethod
    def fit(cls, profiles: NDArray[np.float64], wind: NDArray[np.int64]) -> ProfileExchange:
        """Args: ``profiles`` [n, channels] one mean profile per recording; ``wind`` [n] its wind speed (0: unknown)."""
        groups = {}
        for speed in np.unique(wind):
            own = profiles[wind == speed]
            centre = own.mean(axis=0)
            _, _, directions = np.linalg.svd(own - centre, full_matrices=False)
            groups[int(speed)] = ProfileGroup(centre, directions.T, (own - centre) @ directions.T)
        return cls(groups)

    @classmethod
    def of_recordings(cls, windows: WindowSet) -> ProfileExchange:
        """Fitted to the first window of every recording, at wind speeds where the last one has much the same means."""
        _, first = np.unique(windows.recording, return_index=True)
        _, from_end = np.unique(windows.recording[::-1], return_index=True)
        profiles, last = (windows.targets(which).mean(axis=-1, dtype=np.float64)
                          for which in (first, len(windows) - 1 - from_end))
        wind = windows.wind[first]
        of_recording = np.isin(wind, [speed for speed in np.unique(wind)
                                      if _vary_between_recordings(profiles[wind == speed], last[wind == speed])])
        return cls.fit(profiles[of_recording], wind[of_recording])

    def exchanged(self, generator: np.random.Generator, drawn: WindowBatch, share: float) -> WindowBatch:
        """``drawn``, but with new mean profiles in a ``share`` of the windows."""
        profiles = drawn.targets.mean(axis=-1, dtype=np.float64)
        shifts = self.shifts(generator, profiles, drawn.wind, share)[..., None]  # [n, channels, 1]
        return replace(drawn, inputs=drawn.inputs + shifts, targets=drawn.targets + shifts)

    def shifts(self, generator: np.random.Generator, profiles: NDArray[np.float64], wind: NDArray[np.int64],
               share: float) -> NDArray[np.float32]:
        """What to add to windows with mean ``profiles`` [n, channels] so that a ``share`` of them has new ones."""
        shifts = np.zeros_like(profiles)
        exchanged = generator.random(len(profiles)) < share
        for speed, group in self.groups.items():
            rows = np.flatnonzero(exchanged & (wind == speed))
            count, directions = group.coefficients.shape
            drawn = generator.integers(count, size=(len(rows), directions))
            fresh = np.take_along_axis(group.coefficients, drawn, axis=0)  # [rows, directions]
            shifts[rows] = group.centre + fresh @ group.basis.T - profiles[rows]
        return shifts.astype(np.float32)


def _vary_between_recordings(first: NDArray[np.float64], last: NDArray[np.float64]) -> bool:
    """Whether means [recordings, channels] differ less from the first to the last window than between recordings."""
    if len(first) == 1:
        return False
    within = np.square(last - first).mean() / 2
    return bool(within < first.var(axis=0, ddof=1).mean())
