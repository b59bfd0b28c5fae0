"""Study measure_drift: how often `edgecodec fleet alarms` is wrong, and how soon it is right, on the twin.

Windows come from twins with other seeds than the training's: other sessions, weather and offsets. A recording stands
for a period, and years are drawn from the recordings: how long conditions last in the field, the twin does not tell.
"""

from edgecodec.same_bits import run_program  # first: before numpy and torch

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgecodec.artifacts import FLOAT16, METRICS
from edgecodec.data.acquisition import acquire_twin
from edgecodec.data.windows import WindowSet, write_windows
from edgecodec.deploy.oracle import encode
from edgecodec.evaluation.disturbances import Disturbance
from edgecodec.evaluation.reference import SIGNALS, Reference, Signal, told
from edgecodec.evaluation.slow_drifts import SLOW_DRIFTS
from edgecodec.fleet.cusum import MINUTES_OF_YEAR, alarm_level, drifts
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec, load_codec
from edgecodec.params import Params, load_params
from edgecodec.progress import progress
from edgecodec.storage import read_json, rounded, write_json

TWINS = 3  # minutes of computing; each has as many recordings as the training's
YEARS = 500  # of a node
LASTING = (1, 2, 6)  # periods that a condition lasts
CASES, QUIET_PERIODS, DRIFTING_PERIODS = 300, 500, 4032  # of a drift; what takes longer than four weeks is not found
RATE = 1

Windows = NDArray[np.float32]
Levels = dict[Signal, float]


def main() -> None:
    params, exported = load_params(), load_codec(FLOAT16)
    measured: dict[str, Any] = {"model_hash": exported.model_hash}
    remarks = read_json(METRICS / "remarks.json")
    if params.data.source == "twin" and "reference" in remarks:
        measured |= measure(params, exported, Reference.from_json(remarks["reference"]))
    write_json(METRICS / "drift.json", measured)


def measure(params: Params, exported: ExportedCodec, reference: Reference) -> dict[str, Any]:
    period, asked = params.fleet.period_minutes, params.fleet.false_alarms_per_node_year
    generator = np.random.default_rng(params.seed)
    levels: Levels = {signal: alarm_level(partial(reference.drawn, signal), period, asked / len(SIGNALS))
                      for signal in SIGNALS}
    sets = [windows for seed in progress(range(params.seed + 1, params.seed + 1 + TWINS), "other twins")
            for windows in of_another_twin(params, seed)]
    undisturbed = pd.concat([observations(exported, reference, windows, windows.inputs()) for windows in sets])

    def of_drift(drift: Disturbance) -> dict[str, Any]:
        drifted = pd.concat([observations(exported, reference, windows, drift.of(
            windows.inputs(), windows.sample_rate_hz, windows.lowpass_hz, generator).inputs) for windows in sets[:2]])
        return {"description": drift.description, "deviations": rounded(float(drifted["error"].mean()), 3),
                **delay_json(found_after(undisturbed, drifted, levels, generator), period)}

    return {
        "twins": TWINS, "recordings": len(undisturbed), "windows": sum(len(windows) for windows in sets),
        "period_minutes": period, "levels": {signal: rounded(level, 4) for signal, level in levels.items()},
        "false_alarms": {
            "asked": asked, "node_years": YEARS,
            "by_periods_that_conditions_last": {str(periods): {
                signal: rounded(false_alarms(undisturbed[signal].to_numpy(), level, period, periods, generator), 3)
                for signal, level in levels.items()} for periods in LASTING}},
        "drifts": {name: of_drift(drift) for name, drift in progress(SLOW_DRIFTS.items(), "drifts")},
    }


def of_another_twin(params: Params, seed: int) -> list[WindowSet]:
    """All recordings of a twin, in windows end to end, in memory."""
    with tempfile.TemporaryDirectory() as work:
        raw, cut = Path(work) / "raw", Path(work) / "windows"
        raw.mkdir()
        write_windows({raw: acquire_twin(params.data.twin, seed, raw)}, frozenset(), params.window, cut)
        return [end_to_end(WindowSet.open(folder)) for folder in sorted(cut.iterdir())]


def end_to_end(windows: WindowSet) -> WindowSet:
    starts = np.concatenate([np.arange(each.first_row, each.first_row + each.rows - windows.samples + 1,
                                       windows.samples) for each in windows.description.segments])
    return replace(windows, starts=starts, input_rows=np.array(windows.input_rows))


def observations(exported: ExportedCodec, reference: Reference, windows: WindowSet, inputs: Windows) -> pd.DataFrame:
    """The signals of each recording: of a period in which conditions stay the same."""
    remarks = encode(exported, np.ascontiguousarray(inputs.transpose(0, 2, 1))).remarks[PacketKind.FIXED_LENGTH]
    said = reference.standardized(np.full(len(inputs), RATE), told(remarks.error_percent[:, RATE - 1]),
                                  remarks.unlike > 1)
    return said.groupby(windows.segment_numbers).mean()


def false_alarms(undisturbed: NDArray[np.float64], level: float, period_minutes: float, lasting: int,
                 generator: np.random.Generator) -> float:
    """Per node and year, where each condition lasts so many periods."""
    conditions = round(MINUTES_OF_YEAR / period_minutes / lasting)
    years = (np.repeat(generator.choice(undisturbed, conditions), lasting) for _ in range(YEARS))
    return sum(len(list(drifts(year, level))) for year in years) / YEARS


def found_after(undisturbed: pd.DataFrame, drifted: pd.DataFrame, levels: Levels,
                generator: np.random.Generator) -> NDArray[np.float64]:
    """Periods from the beginning of a drift to the first alarm, of either signal: [cases]; infinite if none comes."""
    def periods() -> float:
        first = np.inf
        quiet = generator.integers(len(undisturbed), size=QUIET_PERIODS)
        drifting = generator.integers(len(drifted), size=DRIFTING_PERIODS)
        for signal, level in levels.items():
            course = np.concatenate([undisturbed[signal].to_numpy()[quiet], drifted[signal].to_numpy()[drifting]])
            first = min([first, *(each.found - QUIET_PERIODS + 1 for each in drifts(course, level)
                                  if each.found >= QUIET_PERIODS)])
        return first

    return np.array([periods() for _ in range(CASES)])


def delay_json(periods: NDArray[np.float64], period_minutes: float) -> dict[str, Any]:
    """Hours; None where fewer of the cases are found."""
    hours = {name: float(np.quantile(periods, share, method="higher")) * period_minutes / 60
             for name, share in (("median_hours", 0.5), ("p95_hours", 0.95))}
    return {"found": rounded(float(np.isfinite(periods).mean())),
            **{name: rounded(value, 3) if np.isfinite(value) else None for name, value in hours.items()}}


if __name__ == "__main__":
    run_program(main)
