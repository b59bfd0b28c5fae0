"""``edgecodec info`` and ``check-gates``: what the pipeline's present results are, and whether they pass."""

from __future__ import annotations

from pathlib import Path

import typer

from edgecodec.commands.options import ARTIFACTS, Artifacts


def check_gates() -> None:
    """Judge the present results by the gates of params.yaml; exit with 1 and the reasons if one fails."""
    from edgecodec.console import standard_output
    from edgecodec.designed import designed
    from edgecodec.registry.gates import gates_table, reasons
    from edgecodec.registry.register import judge_present

    verdicts = judge_present(designed(), Path())
    console = standard_output()
    console.print(gates_table(verdicts))
    failures = reasons(verdicts)
    for reason in failures:
        console.print(reason, highlight=False, soft_wrap=True)
    if failures:
        raise typer.Exit(1)


def info(artifacts: Artifacts = ARTIFACTS) -> None:
    """Show the present codec: its hash, rates, memory and cycles; and what is installed here."""
    from edgecodec.commands.description import describe
    from edgecodec.console import standard_output
    from edgecodec.designed import designed

    standard_output().print(*describe(artifacts, designed()), sep="\n")
