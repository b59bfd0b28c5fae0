"""Chains: windows of one run, one right after the other, whether simulated or recorded."""

from pathlib import Path

import numpy as np
import pytest

from edgecodec.data.chains import RecordedChains, SimulatedChains
from edgecodec.data.windows import WindowSet, lowpass
from edgecodec.params import Params


@pytest.fixture(scope="module")
def train(small_windows: Path) -> WindowSet:
    return WindowSet.open(small_windows / "train")


def test_a_simulated_chain_is_one_course_of_its_recordings_run(
        small_params: Params, small_windows: Path, train: WindowSet) -> None:
    chains = SimulatedChains(small_params, small_windows.parent / "raw", frozenset(), train, length=4)
    segments = train.description.segments
    assert len(chains) == len(segments)
    for number in (0, len(chains) - 1):
        chain, segment = chains[number], segments[number]
        assert chain.inputs.shape == chain.targets.shape == (4, train.channels, train.samples)
        assert chain.wind == segment.wind
        course = chain.inputs.swapaxes(0, 1).reshape(train.channels, -1)
        smooth = chain.targets.swapaxes(0, 1).reshape(train.channels, -1)
        assert np.allclose(lowpass(course, train.sample_rate_hz, train.lowpass_hz), smooth, atol=1e-5)
        recorded = train.target_rows[segment.first_row:segment.first_row + segment.rows].mean(axis=0)
        assert np.corrcoef(recorded, smooth.mean(axis=1))[0, 1] > 0.99  # the profile of this very run


def test_recorded_chains_are_consecutive_rows_of_one_recording(train: WindowSet) -> None:
    whole_recordings = train.description.segments[0].rows // train.samples
    chains = RecordedChains(train, length=99)
    assert chains.length == whole_recordings
    ends = {segment.first_row + segment.rows for segment in train.description.segments}
    starts = [start for start in train.starts
              if not any(start < end < start + chains.length * train.samples for end in ends)
              and start + chains.length * train.samples <= max(ends)]
    assert len(chains) == len(starts)
    for number in (0, len(chains) - 1):
        rows = chains[number].inputs.swapaxes(0, 1).reshape(train.channels, -1).T
        assert np.array_equal(rows, train.input_rows[starts[number]:starts[number] + len(rows)])
        assert chains[number].wind in (10, 20)


def test_some_chains_are_drawn_in_their_order_each_at_most_once(train: WindowSet) -> None:
    chains = RecordedChains(train, length=1)
    drawn = list(chains.draw(np.random.default_rng(1), 5))
    numbers = [next(number for number in range(len(chains)) if np.array_equal(chains[number].inputs, chain.inputs))
               for chain in drawn]
    assert len(set(numbers)) == 5
    assert numbers == sorted(numbers)
    assert len(list(chains.draw(np.random.default_rng(1), len(chains) + 1))) == len(chains)
