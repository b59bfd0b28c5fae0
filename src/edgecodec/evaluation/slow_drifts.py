"""What may change at a node in the course of months: its sensors age, or the field is not that of the training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.evaluation.disturbances import DISTURBANCES, Disturbance, Floats

ZERO, NOISE = 0.1, 0.1  # Cp
GAIN = 0.7
FASTER = 1.2

Aged = Callable[[Floats, np.random.Generator], NDArray[Any]]  # windows [n, channels, samples]


def _ageing(name: str, description: str, aged: Aged, of_sensor: bool = True) -> Disturbance:
    """Of the first sensor of every window that ``generator`` draws; or of all sensors."""
    def disturb(windows: Floats, _: float, generator: np.random.Generator) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        which = np.zeros(windows.shape[:2], bool)
        if of_sensor:
            which[np.arange(len(windows)), generator.integers(windows.shape[1], size=len(windows))] = True
            changed = np.where(which[..., None], aged(windows, generator), windows)
        else:
            changed = aged(windows, generator)
        return changed, which

    return Disturbance(name, description, of_sensor, disturb)


SLOW_DRIFTS: Mapping[str, Disturbance] = {each.name: each for each in (
    _ageing("zero", f"The zero of one sensor moves by {ZERO:g}.", lambda windows, _: windows + ZERO),
    _ageing("gain", f"One sensor keeps {GAIN:g} of its gain.", lambda windows, _: windows * GAIN),
    _ageing("noise", f"One sensor gets noise of standard deviation {NOISE:g}.",
            lambda windows, generator: windows + generator.normal(scale=NOISE, size=windows.shape)),
    _ageing("zero_of_all", f"The zero of all sensors moves by {ZERO:g}.", lambda windows, _: windows + ZERO, False),
    _ageing("wind", f"The wind is {FASTER:g} times as fast as its table says.",
            lambda windows, _: windows * FASTER**2, False),
    DISTURBANCES["other_heave"], DISTURBANCES["line"], DISTURBANCES["triple_amplitude"],
)}
