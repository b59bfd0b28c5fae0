"""Energy of one window on the node: what the encoder computes and what the radio sends.

The figures are the EdgeCodec paper's (arXiv 2507.06040), measured on GAP9 and a Bluetooth Low Energy radio. The paper
sets one second of raw data against one compressed window of 8 s; over equal times the saving is 8 times as large. Both
are given here, each by its name.
"""

from __future__ import annotations

from dataclasses import dataclass

COMPUTE_MILLIWATTS = 153.0  # GAP9, cluster at 370 MHz
RADIO_NANOJOULES_PER_BIT = 178.0  # Bluetooth Low Energy, payload

RAW_CHANNELS = 40  # the node has 40 barometers, of which the codec uses 36
RAW_BITS_PER_SAMPLE = 32


@dataclass(frozen=True)
class WindowEnergy:
    """Energy of one window, in millijoules."""

    compute: float
    radio: float

    @property
    def total(self) -> float:
        return self.compute + self.radio


def window_energy(milliseconds: float, bits: int) -> WindowEnergy:
    """Energy to compute for ``milliseconds`` and to send ``bits``."""
    return WindowEnergy(compute=COMPUTE_MILLIWATTS * milliseconds / 1e3, radio=radio_millijoules(bits))


def radio_millijoules(bits: int) -> float:
    return RADIO_NANOJOULES_PER_BIT * bits / 1e6


def raw_millijoules(samples: int) -> float:
    """Energy to send ``samples`` rows of the node's sensors as they are."""
    return radio_millijoules(RAW_CHANNELS * samples * RAW_BITS_PER_SAMPLE)


@dataclass(frozen=True)
class Saving:
    """How many times less energy than sending raw data."""

    same_window: float  # raw data of the very window
    paper: float  # raw data of one second, as the paper counts


def saving(energy: WindowEnergy, samples: int, sample_rate_hz: float) -> Saving:
    """Saving by a window of ``samples`` rows at ``sample_rate_hz``."""
    return Saving(same_window=raw_millijoules(samples) / energy.total,
                  paper=raw_millijoules(round(sample_rate_hz)) / energy.total)
