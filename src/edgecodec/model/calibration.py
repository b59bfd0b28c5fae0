"""What a codec's monitor measures by, as it was fitted to windows: between training and export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError, naming
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import OF_CHANNELS, Estimate
from edgecodec.storage import read_json, write_json

Floats = NDArray[np.float64]
_ARRAYS, _DESCRIPTION = "calibration.npz", "calibration.json"


@dataclass(frozen=True, eq=False)
class Calibration:
    """The fields of :class:`~edgecodec.packets.monitor.Monitor` of the same names, and an estimate for each kind of
    packets."""

    channels: Mapping[str, Floats]  # by the names OF_CHANNELS: [channels]
    regression: Floats  # [channels, channels]
    weight: Floats  # [coefficients]
    longest_run: int
    most_faulty: int
    margin: float
    inside: tuple[int, int]
    central: tuple[int, int]
    estimates: Mapping[PacketKind, Estimate]


def save_calibration(calibration: Calibration | None, folder: Path) -> None:
    """Write ``calibration.json`` and ``calibration.npz``; None, of codecs without monitor, as an empty JSON object."""
    folder.mkdir(parents=True, exist_ok=True)
    if calibration is None:
        write_json(folder / _DESCRIPTION, {})
        return
    estimates = {f"{kind.label}.{name}": values for kind, estimate in calibration.estimates.items()
                 for name, values in estimate.arrays().items()}
    np.savez(folder / _ARRAYS, **calibration.channels, **estimates,  # type: ignore[arg-type]
             regression=calibration.regression, weight=calibration.weight)
    write_json(folder / _DESCRIPTION, {
        name: getattr(calibration, name) for name in ("longest_run", "most_faulty", "margin", "inside", "central")})


def load_calibration(folder: Path) -> Calibration | None:
    """Read what :func:`save_calibration` wrote.

    Raises:
        EdgeCodecError: a file is absent or damaged.
    """
    if not (folder / _DESCRIPTION).is_file():
        raise EdgeCodecError(f"{folder / _DESCRIPTION}: not found; run the stage calibrate")
    with naming(folder, "damaged", "run the stage calibrate again"):
        described = read_json(folder / _DESCRIPTION)
        if not described:
            return None
        with np.load(folder / _ARRAYS) as arrays:
            estimates = {kind: Estimate(*(arrays[f"{kind.label}.{name}"] for name in ("factors", "nmse", "familiar")))
                         for kind in PacketKind if f"{kind.label}.factors" in arrays}
            return Calibration(
                {name: arrays[name] for name in OF_CHANNELS}, arrays["regression"], arrays["weight"],
                described["longest_run"], described["most_faulty"], described["margin"], tuple(described["inside"]),
                tuple(described["central"]), estimates)
