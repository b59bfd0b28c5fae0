"""Fit the monitor of the trained codec: what a node says of a window beside its indices."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from edgecodec.artifacts import CALIBRATION, METRICS, MODEL, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.model.calibration import save_calibration
from edgecodec.model.codec import load_model
from edgecodec.params import load_params
from edgecodec.storage import replacing_directory, rounded, write_json
from edgecodec.training.calibration import FALSE_ALARMS, fit_calibration


def main() -> None:
    codec = load_model(MODEL)
    fitted = fit_calibration(codec, WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS),
                             load_params().seed)
    with replacing_directory(CALIBRATION) as folder:
        save_calibration(None if fitted is None else fitted.calibration, folder)
    write_json(METRICS / "calibration.json", {} if fitted is None else {
        "margin": rounded(fitted.calibration.margin),
        "longest_run": fitted.calibration.longest_run,
        "most_faulty": fitted.calibration.most_faulty,
        "false_alarms": {"wanted": FALSE_ALARMS, "held_out": rounded(fitted.false_alarms)},
    })


if __name__ == "__main__":
    run_program(main)
