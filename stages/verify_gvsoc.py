"""Run the firmware on this host and on the best simulator found, compare it with the oracle bit for bit, count cycles.

A firmware whose bits differ is no failure of the stage: the verdict is recorded, and a gate reads it.
"""

from edgecodec.same_bits import run_program  # first: before numpy and torch

import tempfile
from pathlib import Path

from edgecodec.artifacts import ARTIFACTS, FIRMWARE, FLOAT16, METRICS
from edgecodec.deploy.memory import arena_bytes
from edgecodec.packets.network import load_codec
from edgecodec.params import load_params
from edgecodec.simulators.estimate import CYCLE_TABLE
from edgecodec.simulators.measurement import add, read_measurements, write_measurements
from edgecodec.simulators.selection import choose_simulator
from edgecodec.simulators.toolchain import choose_toolchain
from edgecodec.simulators.verifier import Verifier
from edgecodec.storage import replacing_directory, write_json, write_text

VERIFICATION = ARTIFACTS / "verification"
MEASUREMENTS = ARTIFACTS / "gvsoc_measurements.json"


def main() -> None:
    params = load_params()
    codec = load_codec(FLOAT16)
    kept = read_measurements(MEASUREMENTS)
    toolchain = choose_toolchain(params.verify.compiler, "host", "riscv32")
    choice = choose_simulator(params.verify.simulator, toolchain, params.firmware.l1_stack_bytes)
    print(f"simulator {choice.simulator.name}: {choice.reason}")
    with tempfile.TemporaryDirectory() as work:
        verifier = Verifier(codec, FIRMWARE, params.verify.target, arena_bytes(params.firmware),
                            params.firmware.l1_stack_bytes, toolchain, params.verify.time_limit_seconds, Path(work))
        verification = verifier.verify(choice.simulator, params.verify.target_windows, kept,
                                       ARTIFACTS / CYCLE_TABLE)
    for check in verification.checks:
        print(check)
    cost, highest_rate = verification.cost, len(codec.quantizer.stages_of_rate)
    print(f"{params.verify.target}: {verification.milliseconds(highest_rate):.2f} ms a window at rate {highest_rate}, "
          f"{cost.evidence} ({cost.remark})")
    code = verification.code
    print(f"stack of a core: at most {code.stack}; {code.stack_reserved_bytes} are reserved")
    print("instructions: " + ", ".join(f"{count} of {extension}" for extension, count in code.instructions.items()))
    with replacing_directory(VERIFICATION) as folder:
        write_json(folder / "report.json", verification.report())
        write_text(folder / "transcript.txt", verification.checks[-1].printed)
        write_text(folder / "memory_map.txt", verification.memory_map)
    if verification.new_measurement is not None:
        kept = add(kept, verification.new_measurement)
    write_measurements(MEASUREMENTS, kept)
    write_json(METRICS / "verification.json", verification.metrics())


if __name__ == "__main__":
    run_program(main)
