"""Whether dvc.lock and studies/dvc.lock record results of the present code, settings and data: `make release-check`.

Results themselves need not be there. What a named stage would change, and so which stages come after it, is not known.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from edgecodec.dvc_files import stages_of
from edgecodec.errors import EdgeCodecError, exit_with_one_line
from edgecodec.sources.fingerprint import FOLDER, fingerprints
from edgecodec.storage import read_json

PIPELINES = {"make repro": "dvc.yaml", "make studies": "studies/dvc.yaml"}


def main() -> None:
    repository = Path()
    outdated = outdated_fingerprints(repository)
    if outdated:
        raise EdgeCodecError(f"{FOLDER}: not of the present code: {', '.join(outdated)}; run make deps")
    stages = outdated_stages(repository)
    if stages:
        told = "; ".join(f"{', '.join(names)} ({command})" for command, names in stages.items())
        raise EdgeCodecError(f"would run again: {told}; run them and commit the results")
    print("every recorded result is of the present code, settings and data")


def outdated_fingerprints(repository: Path) -> list[str]:
    """Stages whose list in ``artifacts/code`` is absent, too many, or not of the present code."""
    present = fingerprints(repository)
    recorded = {path.stem: read_json(path) for path in (repository / FOLDER).glob("*.json")}
    return sorted(stage for stage in present.keys() | recorded.keys() if present.get(stage) != recorded.get(stage))


def outdated_stages(repository: Path) -> dict[str, list[str]]:
    """Stages that would run, but for those that always do, by the command that runs them.

    DVC calls those failed whose data are not here.
    """
    command = [sys.executable, "-m", "dvc", "repro", "--allow-missing", "--dry", "--all-pipelines", "--keep-going"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    told = re.findall(r"(?:Running stage|failed to reproduce).*", done.stdout + done.stderr)
    would_run = dict.fromkeys(re.findall(r"'(?:[^']*:)?(\w+)'", " ".join(told)))
    found = {}
    for command_line, file in PIPELINES.items():
        stages = stages_of(repository / file)
        names = [name for name in would_run if name in stages and not stages[name].get("always_changed")]
        if names:
            found[command_line] = names
    if done.returncode != 0 and not found:
        raise EdgeCodecError(f"dvc repro --dry: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return found


if __name__ == "__main__":
    exit_with_one_line(main)
