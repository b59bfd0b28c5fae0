"""Projects of other arrays, so small that a codec of theirs takes a second: drawn signals, codec transform."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from edgecodec.data.acquisition import acquire
from edgecodec.data.windows import WindowSet, write_windows
from edgecodec.model.codec import Codec
from edgecodec.params import Params
from edgecodec.training.loop import Trainer

SAMPLE_RATE_HZ = 100.0
SMALL = Path(__file__).parent / "small_params.yaml"
Floats = NDArray[np.float64]


def waves(channels: int, rows: int, seed: int = 0) -> Floats:
    """A few slow waves that all channels share, each as it likes, and a little noise: [rows, channels], about +-10."""
    generator = np.random.default_rng(seed)
    seconds = np.arange(rows)[:, None] / SAMPLE_RATE_HZ
    hertz = generator.uniform(0.2, 1.0, 4)
    drift = 1 + 0.5 * np.sin(2 * np.pi * seconds / 7.3)  # so that windows differ
    shared = drift * np.sin(2 * np.pi * hertz * seconds + generator.uniform(0, 6, 4))  # [rows, 4]
    return 4 * shared @ generator.normal(size=(4, channels)) + 0.2 * generator.normal(size=(rows, channels))


def settings(folder: Path, names: Sequence[str], samples: int, metric: str = "nmse", codec: str = "transform",
             stages_per_rate: int = 12, decimates: bool = True) -> Params:
    """Of a project whose recordings are in ``folder``: a layout that suits windows of so many channels and samples."""
    content = yaml.safe_load(SMALL.read_text())
    decimation = max(4, samples // 256) if decimates else 1
    lowpass = 0.4 * SAMPLE_RATE_HZ / decimation
    bins = 2 * round(samples * lowpass / SAMPLE_RATE_HZ)
    modes = min(4, len(names))
    content["codec"] = codec
    content["data"].update(source="array", path=str(folder))
    content["data"]["array"].update(sample_rate_hz=SAMPLE_RATE_HZ, channels=list(names), gap_seconds=0)
    content["window"].update(samples=samples, lowpass_hz=lowpass, skip_first_rows=0, skip_last_rows=0,
                             train_stride=samples // 4, validation_stride=samples // 4)
    content["error"]["metric"] = metric
    taps = 4 * decimation if decimates else 1
    layout = {"decimation": decimation, "filter_taps": taps, "time_bins": bins, "codewords": 16, "rates": 2,
              "stages_per_rate": stages_per_rate, "codeword_samples": 2}
    content["codecs"]["transform"].update(layout, modes=modes)
    edges = [1, 1 + bins // 4, bins]
    content["codecs"]["edge"].update(
        layout, regimes=1, bands=[[edges[0], edges[1], modes], [edges[1], edges[2], max(1, modes // 2)]],
        coefficients=min(24, (edges[1] - edges[0]) * modes))
    content["train"][codec].update(codebook_windows=1000)
    return Params.model_validate(content)


def trained(recorded: NDArray[Any], names: Sequence[str], folder: Path, samples: int = 128, **changes: Any,
            ) -> tuple[Codec, WindowSet, WindowSet]:
    """Codec, training and validation windows of one recording [rows, channels], by way of a file and all stages."""
    windows = cut(recorded, names, folder, samples, **changes)
    params = settings(folder / "recordings", names, samples, **changes)
    return Trainer(params, *windows, folder / "checkpoints").run().codec, *windows


def cut(recorded: NDArray[Any], names: Sequence[str], folder: Path, samples: int, **changes: Any,
        ) -> tuple[WindowSet, WindowSet]:
    """Training and validation windows of one recording [rows, channels]."""
    (folder / "recordings").mkdir(parents=True)
    seconds = np.arange(len(recorded)) / SAMPLE_RATE_HZ
    table = pd.DataFrame({"time": seconds, **{name: recorded[:, place] for place, name in enumerate(names)}})
    table.to_parquet(folder / "recordings" / "only.parquet")
    params = settings(folder / "recordings", names, samples, **changes)
    (folder / "raw").mkdir()
    listed = acquire(params.data, params.seed, folder / "raw")
    write_windows({folder / "raw": listed}, frozenset(), params.window, folder / "windows")
    return WindowSet.open(folder / "windows" / "train"), WindowSet.open(folder / "windows" / "validation")
