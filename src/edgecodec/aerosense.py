"""The AeroSense raw data: file names, numbering of the experiments, labbook, counts to pressure coefficients.

The layout is that of Franz et al., Wind Energy Science Discussions wes-2025-26 (raw recordings: DOI 10.34808/gq12-wx33)
and of the authors' public processing code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from edgecodec.errors import EdgeCodecError

SENSORS = tuple(f"P{number}" for number in range(40))
DEAD_SENSORS = ("P22", "P36")
DEAD_COUNT = 2**24 - 1
SAMPLE_RATE_HZ = 100.0
PASCALS_PER_COUNT = 100 / 4096
PLAUSIBLE_COUNTS = (260 * 4096.0, 1260 * 4096.0)  # 260 to 1260 hPa: what such a barometer can measure
AIR_DENSITY = 1.25  # kg/m3
TRUE_SPEED_PER_SET_SPEED = 1.2
# Spread of the mean Cp over the sensors: 0.30 to 0.58 for this section. A run noted at half or double its speed is off
# by a factor of four.
CP_SPREAD = (0.16, 1.15)

LABBOOK_NAMES = ("Labbook_Aerosense_Dynamic_Experiments.csv", "Labbook_Aerosense_Dynamic_Experiments_EPFL.csv")
LABBOOK_COLUMNS = ("AoA", "Experiment_number", "Zeroing", "Wind_speed")
RAW_FOLDER = "aerosense_data"
_RAW_NAME = re.compile(r"aoa_(?P<angle>\d)deg_Exp_(?P<experiment>\d{3})_aerosense\.csv")

DAMAGES = ("healthy", "added_mass", "crack_5mm", "crack_10mm", "crack_15mm", "crack_20mm")
RUNS_PER_BLOCK = 19
RUNS_PER_SESSION = RUNS_PER_BLOCK * len(DAMAGES)
# (first run of three repeats inside a block) -> (set wind speed in m/s, drive frequency in Hz)
_SERIES = {3: (10, 1.0), 7: (20, 1.0), 12: (10, 1.9), 16: (20, 1.9)}


def _all_but(*absent: str) -> tuple[str, ...]:
    return tuple(sensor for sensor in SENSORS if sensor not in absent)


CHANNEL_PRESETS = {
    "edgecodec36": _all_but(*DEAD_SENSORS, "P23", "P39"),
    "wes37": _all_but(*DEAD_SENSORS, "P23"),
    "all38": _all_but(*DEAD_SENSORS),
}


@dataclass(frozen=True)
class Condition:
    """What a wind run was made under."""

    damage: str
    wind: int  # set speed, m/s
    drive_hz: float
    repeat: int  # 1 to 3

    @property
    def label(self) -> str:
        return f"{self.damage} {self.drive_hz:.2f}Hz {self.wind}m/s"


def condition_of(experiment: int) -> Condition | None:
    """Condition of an experiment number by the published numbering; None for runs in still air."""
    block, position = divmod((experiment - 1) % RUNS_PER_SESSION, RUNS_PER_BLOCK)
    for first, (wind, drive_hz) in _SERIES.items():
        repeat = position + 2 - first
        if 1 <= repeat <= 3:
            return Condition(DAMAGES[block], wind, drive_hz, repeat)
    return None


def labels_of(condition: str) -> dict[str, str]:
    """The words of a wind run's condition, by what they say; none of any other recording's."""
    angle, *made_under = condition.split() or [""]
    if not made_under or not made_under[-1].endswith("m/s"):
        return {}
    known = dict(zip(("damage", "drive"), made_under, strict=False)) if made_under[0] in DAMAGES else {}
    return {"angle": angle, **known, "wind": made_under[-1]}


def raw_name(angle: int, experiment: int) -> str:
    return f"aoa_{angle}deg_Exp_{experiment:03d}_aerosense.csv"


def parse_raw_name(name: str) -> tuple[int, int] | None:
    """(angle of attack in degrees, experiment number) of a raw file's name; None for other files."""
    match = _RAW_NAME.fullmatch(name)
    return (int(match["angle"]), int(match["experiment"])) if match else None


def dynamic_pressure(wind: float) -> float:
    """q in Pa at a set wind speed in m/s."""
    return 0.5 * AIR_DENSITY * (TRUE_SPEED_PER_SET_SPEED * wind) ** 2


def read_labbook(path: Path, origin: str) -> pd.DataFrame:
    """The labbook's columns ``LABBOOK_COLUMNS`` as integers, one row per angle and experiment, in order.

    Lines without angle or number are notes; an empty ``Zeroing`` or ``Wind_speed`` is 0.

    Args:
        origin: what errors call the file: where the user has it.

    Raises:
        EdgeCodecError: no CSV, a column is absent, a value is no number, or two lines contradict each other.
    """
    try:
        labbook = pd.read_csv(path, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise EdgeCodecError(f"{origin}: not a readable CSV: {error}") from None
    absent = [name for name in LABBOOK_COLUMNS if name not in labbook.columns]
    if absent:
        raise EdgeCodecError(f"{origin}: column {absent[0]} is absent; the labbook needs {', '.join(LABBOOK_COLUMNS)}")
    texts = labbook[list(LABBOOK_COLUMNS)].dropna(subset=["AoA", "Experiment_number"])
    numbers = texts.apply(pd.to_numeric, errors="coerce").replace([np.inf, -np.inf], np.nan)
    for name in LABBOOK_COLUMNS:
        bad = texts.index[numbers[name].isna() & texts[name].notna()]
        if len(bad):
            raise EdgeCodecError(f"{origin}: line {bad[0] + 2}: {name} is not a number; correct the line")
    rows = numbers.fillna(0).astype(int).drop_duplicates()
    key = ["AoA", "Experiment_number"]
    twice = rows[rows.duplicated(key)]
    if len(twice):
        angle, experiment = twice.iloc[0][key]
        raise EdgeCodecError(f"{origin}: experiment {experiment} at {angle} deg has two different lines; keep one")
    ordered: pd.DataFrame = rows.sort_values(key).reset_index(drop=True)
    return ordered
