"""Stage register: log the run of this pipeline state, judge it, and register its bundle if every gate passes.

A failed gate is a result, not a failure of the pipeline: it is recorded on the run, and `edgecodec check-gates` exits
with 1.
"""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from pathlib import Path

from rich.console import Console

from edgecodec.designed import designed
from edgecodec.registry.gates import gates_table, reasons
from edgecodec.registry.register import register


def main() -> None:
    console = Console(soft_wrap=True)
    registration = register(designed(), Path())
    console.print(gates_table(registration.verdicts))
    for reason in reasons(registration.verdicts):
        console.print(f"failed: {reason}")
    version = registration.version
    if version is None:
        console.print(f"not registered; MLflow run {registration.run_id} has the reasons")
    else:
        known = " (MLflow had lost files of it; they are back)" if version.is_restored else " (as before)"
        console.print(f"{version.name} version {version.number}{'' if version.is_new else known}"
                      f"{', alias candidate' if version.is_candidate else ''}; MLflow run {registration.run_id}")


if __name__ == "__main__":
    run_program(main)
