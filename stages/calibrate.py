"""Fit the monitor of the trained codec: what a node says of a window beside its indices.

What the channels tell of each other grows with the square of their number. Where it takes the memory that the codec
needs, the codec goes without remarks.
"""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from edgecodec.artifacts import CALIBRATION, METRICS, MODEL, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.memory import arena_bytes, plan_memory
from edgecodec.model.calibration import Calibration, save_calibration
from edgecodec.model.codec import Codec, load_model
from edgecodec.params import Params, load_params
from edgecodec.storage import replacing_directory, rounded, write_json
from edgecodec.training.calibration import FALSE_ALARMS, fit_calibration


def main() -> None:
    codec, params = load_model(MODEL), load_params()
    fitted = fit_calibration(codec, WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS), params.seed)
    if fitted is not None and monitor_is_in_the_way(codec, fitted.calibration, params):
        print(f"no remarks: what {codec.window.channels} channels tell of each other takes more of "
              f"gates.largest_l2_bytes ({params.gates.largest_l2_bytes}) than the codec leaves; raise it for remarks")
        fitted = None
    with replacing_directory(CALIBRATION) as folder:
        save_calibration(None if fitted is None else fitted.calibration, folder)
    write_json(METRICS / "calibration.json", {} if fitted is None else {
        "margin": rounded(fitted.calibration.margin),
        "longest_run": fitted.calibration.longest_run,
        "most_faulty": fitted.calibration.most_faulty,
        "false_alarms": {"wanted": FALSE_ALARMS, "held_out": rounded(fitted.false_alarms)},
    })


def monitor_is_in_the_way(codec: Codec, calibration: Calibration, params: Params) -> bool:
    """Whether the firmware fits its L2 without a monitor, and does not with it."""
    def l2_bytes(of: Calibration | None) -> int:
        exported = export_codec(codec, params.firmware.arithmetic, of)
        return plan_memory(exported, arena_bytes(params.firmware)).l2_bytes_with_code

    return l2_bytes(None) <= params.gates.largest_l2_bytes < l2_bytes(calibration)


if __name__ == "__main__":
    run_program(main)
