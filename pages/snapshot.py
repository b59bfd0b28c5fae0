"""Take docs/figures, the results that the pages show, anew from artifacts/: `make snapshot`.

Only committed results are taken, so that the commit in origin.json holds the very same files.
"""

import argparse
import shutil
import subprocess
from pathlib import Path

from edgecodec.errors import EdgeCodecError, exit_with_one_line
from edgecodec.storage import replacing_directory, write_json
from pages import gallery, origin
from pages.figures import FIGURES, read
from pages.fill import PAGES, SNAPSHOT, filled
from pages.origin import Machine, Origin

METRICS = sorted({source for figure in FIGURES.values() for source in figure.sources} - {origin.FILE})
PICTURES = ("window.svg", "remarks/estimates.svg", "remarks/disturbances.svg", "limits/limits.svg", "limits/parts.svg",
            "limits/bits.svg", "exploration/exploration.svg",
            *(f"gallery/{name}_{picture}.svg" for name in gallery.NAMES for picture in ("design", "window")))
RESULTS = tuple(Path("artifacts") / name for name in (*(f"metrics/{name}" for name in METRICS), *PICTURES))


def main() -> None:
    options = argparse.ArgumentParser(description="Take docs/figures anew from artifacts/.")
    options.add_argument("--elsewhere", action="store_true", help="the results were not made on this machine")
    machine = None if options.parse_args().elsewhere else Machine.of_this_process(Path("/proc/cpuinfo").read_text())
    taken = take(machine)
    print(f"{SNAPSHOT}: commit {taken.commit}, {taken.machine or 'machine not recorded'}; now run make figures")


def take(machine: Machine | None) -> Origin:
    """Replace :data:`SNAPSHOT` as a whole by the present results, which were made on ``machine``.

    Raises:
        EdgeCodecError: a result is absent or not committed, or a page cannot be made from the results.
    """
    commit = _commit_of_results()
    verification = read(Path("artifacts/metrics/verification.json"))
    taken = Origin.from_json({"commit": commit, "machine": machine and machine.model_dump(),
                              "evidence": verification.get("evidence"), "simulator": verification.get("simulator")})
    with replacing_directory(SNAPSHOT) as folder:
        for result in RESULTS:
            shutil.copyfile(result, folder / result.name)
        write_json(folder / origin.FILE, taken.model_dump())
        for page in PAGES:
            filled(page, folder)
    return taken


def _commit_of_results() -> str:
    """The commit that is checked out, which has :data:`RESULTS` as they are."""
    for result in RESULTS:
        if not result.is_file():
            raise EdgeCodecError(f"{result}: not found; make it first (make repro, make studies, or as README.md and "
                                 "docs/ say)")
    changed = _git("status", "--porcelain", "--untracked-files=all", "--", *map(str, RESULTS)).splitlines()
    if changed:
        raise EdgeCodecError(f"{changed[0][3:]}: not committed as it is; commit the results first (git commit dvc.lock "
                             "studies/dvc.lock artifacts)")
    return _git("rev-parse", "HEAD").strip()


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise EdgeCodecError("git: not found; install it: a snapshot names the commit of its results") from None
    except subprocess.CalledProcessError as error:
        raise EdgeCodecError(f"git {arguments[0]}: {error.stderr}; take snapshots in a clone: they name the commit of "
                             "their results") from None
    return done.stdout


if __name__ == "__main__":
    exit_with_one_line(main)
