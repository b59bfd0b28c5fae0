"""Figures of recordings, measured without knowing what they should be: expectations are held against these tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgecodec.data.recordings import Recording, RecordingList
from edgecodec.data.table import Samples
from edgecodec.params import ValidateParams

MEDIAN_TO_SIGMA = 1.4826  # of the median magnitude of a Gaussian
LONGEST_CHANCE = 4  # samples at the same extreme value, from there on no chance


@dataclass(frozen=True)
class Profile:
    """``recordings``: a row per recording. ``channels``: a row per recording and channel."""

    recordings: pd.DataFrame
    channels: pd.DataFrame


def profile(content: Iterable[tuple[Recording, Samples]], listed: RecordingList, params: ValidateParams,
            compressed_rows: int) -> Profile:
    """Profile recordings one by one; only one is in memory at a time.

    Channels are profiled where a recording has the right number of columns, since only then its columns have names.

    Args:
        compressed_rows: what a recording needs that becomes windows; any other needs a row.
    """
    recordings, channels = [], []
    for recording, samples in content:
        needed = compressed_rows if recording.kind in ("wind", "signal") else 1
        recordings.append({"recording": recording.name, "kind": recording.kind, "columns": samples.columns,
                           "rows": samples.rows, "missing_rows": max(0, needed - samples.rows),
                           "ragged_rows": samples.ragged_rows, "text_cells": samples.text_cells,
                           "first_text": samples.first_text,
                           **time_figures(samples.time_seconds, listed.sample_rate_hz)})
        if samples.columns == 1 + len(listed.channels):
            channels += [channel_figures(values, listed.sample_rate_hz, params.spike_sigmas)
                         | sentinels(values, params.sentinels)
                         | {"recording": recording.name, "channel": channel, "rows": samples.rows}
                         for channel, values in zip(listed.channels, samples.values, strict=True)]
    nothing = np.empty(0, np.float32)
    columns = [*channel_figures(nothing, 1, 1), *sentinels(nothing, ()), "recording", "channel", "rows"]
    return Profile(pd.DataFrame(recordings), pd.DataFrame(channels, columns=columns))


def time_figures(time: NDArray[np.float64], sample_rate_hz: float) -> dict[str, float]:
    """Figures of the time column; NaN where there are fewer than two rows."""
    steps = np.diff(time)
    known = steps[np.isfinite(steps)]
    missing = int(np.count_nonzero(~np.isfinite(time)))
    if not len(known):
        return {"missing_times": missing, "period_seconds": np.nan, "backward_steps": 0, "largest_gap_seconds": np.nan,
                "lost_samples": 0, "lost_share": 0.0}
    period = float(np.median(known))
    lost = np.rint(known * sample_rate_hz) - 1
    expected = known.sum() / max(period, 1 / sample_rate_hz)  # steps, had none been lost: a median hides losses
    return {
        "missing_times": missing,
        "period_seconds": period,
        "backward_steps": int(np.count_nonzero(known <= 0)),
        "largest_gap_seconds": float(known.max()),
        "lost_samples": int(lost[lost > 0].sum()),
        "lost_share": max(0.0, float(1 - len(known) / expected)) if expected > 0 else 0.0,
    }


def channel_figures(values: NDArray[np.float32], sample_rate_hz: float, spike_sigmas: float) -> dict[str, float]:
    """Figures of one channel [samples]; NaN in the range where it has no number at all."""
    present = values[np.isfinite(values)]
    missing = len(values) - len(present)
    if not len(present):
        return {"missing": missing, "minimum": np.nan, "maximum": np.nan, "mean": np.nan, "varies": 0, "fractional": 0,
                "flat_seconds": 0.0, "step_sigma": 0.0, "spikes": 0, "spike_share": 0.0}
    steps = np.diff(present)
    size = np.abs(steps)
    changes = np.flatnonzero(steps)
    runs = np.diff(changes, prepend=-1, append=len(present) - 1)
    sigma = _step_sigma(size)
    spikes = int(np.count_nonzero(size > spike_sigmas * sigma))
    return {
        "missing": missing,
        "minimum": float(present.min()),
        "maximum": float(present.max()),
        "mean": float(present.mean(dtype=np.float64)),
        "varies": int(present.max() > present.min()),
        "fractional": int(np.count_nonzero(present != np.rint(present))),
        "flat_seconds": int(runs.max()) / sample_rate_hz,
        "step_sigma": sigma,
        "spikes": spikes,
        "spike_share": spikes / len(values),
    }


def sentinels(values: NDArray[np.float32], suspected: Sequence[float]) -> dict[str, float]:
    """How many of ``values`` stand for a missing one, and the value that does, of those that are ``suspected``.

    Such a value is a channel's lowest or highest, and lies outside the range of all others by that range or more; or
    the channel stays at it, as a converter does at its end.
    """
    present = values[np.isfinite(values)]
    ends = (present.min(), present.max()) if len(present) else ()
    for value in (value for value in suspected if np.float32(value) in ends):
        at = values == np.float32(value)
        others = values[np.isfinite(values) & ~at]
        if not len(others):
            continue  # dead
        distance = others.min() - value if value < others.min() else value - others.max()
        if distance >= others.max() - others.min() or _longest_run(at) >= LONGEST_CHANCE:
            return {"sentinels": int(np.count_nonzero(at)), "sentinel": float(value)}
    return {"sentinels": 0, "sentinel": np.nan}


def _longest_run(at: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], at, [False]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _step_sigma(size: NDArray[np.float32]) -> float:
    """Robust spread of a channel's steps; of coarsely quantized ones, whose median step is 0, the plain spread."""
    if not len(size):
        return 0.0
    robust = MEDIAN_TO_SIGMA * float(np.median(size))
    return robust or float(np.sqrt(np.mean(np.square(size, dtype=np.float64))))
