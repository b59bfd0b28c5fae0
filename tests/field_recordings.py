"""Folders as ``edgecodec fleet windows`` fills them: exact windows of one node, some in every hour of a day."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgecodec.data.field import HOUR, LABELS
from edgecodec.data.labels import KEY


def write_field(folder: Path, windows: NDArray[np.float32], channels: Sequence[str], per_hour: int = 4,
                sample_rate_hz: float = 100.0) -> Path:
    """``windows`` [n, channels, samples], a recording each; the folder."""
    folder.mkdir(parents=True)
    seconds = np.arange(windows.shape[-1]) / sample_rate_hz
    labels = []
    for number, window in enumerate(windows):
        hour, place = divmod(number, per_hour)
        name = f"20300101T{hour:02d}{place:02d}00000000Z_turbine-7"
        table = pd.DataFrame({"time": seconds, **dict(zip(channels, window, strict=True))})
        table.to_parquet(folder / f"{name}.parquet")
        labels.append({KEY: name, "node": "turbine-7", HOUR: f"2030-01-01T{hour:02d}"})
    pd.DataFrame(labels).to_csv(folder / LABELS, index=False)
    return folder
