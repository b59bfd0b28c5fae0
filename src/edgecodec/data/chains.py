"""Chains: windows of one run that follow each other without a gap, as a node sends them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.data.recordings import RecordingList
from edgecodec.data.twin import Twin
from edgecodec.data.windows import Calibration, Floats, WindowSet, lowpass
from edgecodec.params import Params
from edgecodec.progress import progress


@dataclass(frozen=True, eq=False)
class Chain:
    inputs: Floats  # [windows, channels, samples], unfiltered
    targets: Floats  # [windows, channels, samples], low-passed
    wind: int  # m/s, 0 where unknown


class ChainSource(ABC):
    """Chains of one split, all equally long, made when they are asked for."""

    def __init__(self, windows: WindowSet, length: int) -> None:
        self.length = length  # windows of a chain
        self._windows = windows

    @abstractmethod
    def __len__(self) -> int:
        """Chains that there are."""

    @abstractmethod
    def __getitem__(self, number: int) -> Chain:
        """IndexError beyond the last one."""

    def draw(self, generator: np.random.Generator, count: int) -> Iterator[Chain]:
        """``count`` different chains, or all if there are fewer, in their order."""
        chosen = np.sort(generator.choice(len(self), min(count, len(self)), replace=False))
        return (self[int(number)] for number in progress(chosen, "Chains"))

    @property
    def _rows(self) -> int:
        return self.length * self._windows.samples

    def _cut(self, values: NDArray[Any]) -> Floats:
        """Windows [n, channels, samples] of ``values`` [channels, n * samples]."""
        windows = values.reshape(len(values), -1, self._windows.samples).swapaxes(0, 1)
        return np.ascontiguousarray(windows, dtype=np.float32)


class RecordedChains(ChainSource):
    """A chain from every window on that has enough of its recording behind it.

    Chains have ``length`` windows, or as many as the longest recording.
    """

    def __init__(self, windows: WindowSet, length: int) -> None:
        segments = windows.description.segments
        super().__init__(windows, min(length, max(segment.rows for segment in segments) // windows.samples))
        ends = np.array([segment.first_row + segment.rows for segment in segments])
        end = ends[np.searchsorted(ends, windows.starts, side="right")]  # of each window's recording
        self._first = np.flatnonzero(windows.starts + self._rows <= end)  # windows that chains start with

    def __len__(self) -> int:
        return len(self._first)

    def __getitem__(self, number: int) -> Chain:
        first = self._first[number]
        start = self._windows.starts[first]
        inputs, targets = (self._cut(rows[start:start + self._rows].T)
                           for rows in (self._windows.input_rows, self._windows.target_rows))
        return Chain(inputs, targets, int(self._windows.wind[first]))


class SimulatedChains(ChainSource):
    """A chain of every run of the twin.

    The twin's recordings are shorter than real ones, to save time. So its runs are simulated again, for as long as a
    chain is: same condition, same session, same zeroing. Training runs remain training runs.

    Args:
        raw: what the stage acquire wrote with the same ``params``, from the twin.
        excluded: names of recordings that the validation left out.
    """

    def __init__(self, params: Params, raw: Path, excluded: frozenset[str], windows: WindowSet, length: int) -> None:
        super().__init__(windows, length)
        listed = RecordingList.open(raw)
        self._recordings = {recording.name: recording for recording in listed.recordings}
        self._calibration = Calibration(raw, listed, excluded, params.window)
        rows = params.window.skip_first_rows + self._rows + params.window.skip_last_rows
        self._twin = Twin(params.seed, params.data.twin.angle_of_attack, params.data.twin.repeats,
                          rows / windows.sample_rate_hz)

    def __len__(self) -> int:
        return len(self._windows.description.segments)

    def __getitem__(self, number: int) -> Chain:
        segment = self._windows.description.segments[number]
        recording = self._recordings[segment.recording]
        values = self._calibration.apply(recording, self._twin.counts(recording.number))
        low = lowpass(values, self._windows.sample_rate_hz, self._windows.lowpass_hz)
        return Chain(self._cut(values), self._cut(low), segment.wind)


def chain_source(params: Params, raw: Path, excluded: frozenset[str], windows: WindowSet, length: int) -> ChainSource:
    """Chains of ``length`` windows, fewer if recordings are shorter; arguments as of :class:`SimulatedChains`."""
    if params.data.source == "twin":
        return SimulatedChains(params, raw, excluded, windows, length)
    return RecordedChains(windows, length)
