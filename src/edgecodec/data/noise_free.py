"""The twin's windows as sensors without noise would have seen them: what denoising could reach at best."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from edgecodec.data.recordings import RecordingList
from edgecodec.data.twin import Twin
from edgecodec.data.windows import Calibration, Floats, WindowSet, lowpass
from edgecodec.params import Params
from edgecodec.progress import progress


def noise_free_targets(params: Params, raw: Path, excluded: frozenset[str], windows: WindowSet) -> Floats:
    """Low-passed windows [n, channels, samples] of the same runs as ``windows``, without the sensors' noise.

    Every run is simulated again from its seed and takes the path of the stage window: the zeroing runs in ``raw``, the
    dynamic pressure, the low-pass over the whole run. The zeroing is the same on purpose: its error is a constant in
    what a node records, and no codec can or should take it out.

    Args:
        raw: what the stage acquire wrote with the same ``params``, from the twin.
        excluded: names of recordings that the validation left out.
    """
    assert params.data.source == "twin", "only the twin knows its runs without noise"
    twin = Twin(params.seed, params.data.twin.angle_of_attack, params.data.twin.repeats, params.data.twin.seconds)
    listed = RecordingList.open(raw)
    by_name = {recording.name: recording for recording in listed.recordings}
    calibration = Calibration(raw, listed, excluded, params.window)
    rows = np.empty_like(windows.target_rows)
    for segment in progress(windows.description.segments, "Simulating without noise"):
        recording = by_name[segment.recording]
        values = calibration.apply(recording, twin.counts(recording.number, sensor_noise=False))
        low = lowpass(values, windows.sample_rate_hz, windows.lowpass_hz)
        rows[segment.first_row:segment.first_row + segment.rows] = low.T
    return dataclasses.replace(windows, target_rows=rows).targets()
