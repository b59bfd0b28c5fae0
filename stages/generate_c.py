"""Write the exported codec as C, with its memory plan and golden vectors from validation windows."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

import numpy as np

from edgecodec.artifacts import FIRMWARE, FLOAT16, METRICS, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.deploy.emit import firmware_metrics, write_firmware
from edgecodec.deploy.memory import arena_bytes
from edgecodec.packets.network import load_codec
from edgecodec.params import load_params
from edgecodec.storage import write_json


def main() -> None:
    params = load_params().firmware
    codec = load_codec(FLOAT16)
    validation = WindowSet.open(VALIDATION_WINDOWS)
    which = np.unique(np.linspace(0, len(validation) - 1, params.golden_windows).round().astype(int))
    windows = np.ascontiguousarray(validation.inputs(which).transpose(0, 2, 1))  # [n, samples, channels]
    plan = write_firmware(codec, windows, arena_bytes(params), FIRMWARE, params.l1_stack_bytes)
    write_json(METRICS / "firmware.json", {
        **firmware_metrics(codec, plan, FIRMWARE),
        "l1_bytes": plan.arena_bytes + params.l1_stack_bytes,
        "golden_windows": len(which),
    })
    print(plan.table(), end="")


if __name__ == "__main__":
    run_program(main)
