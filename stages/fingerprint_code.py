"""Write a list of the code behind every stage to artifacts/code: a stage depends on its list, not on source files.

It always runs, as it takes a second. A list changes where a statement or an import did; comments and docstrings do not
count. As the first stage, it also refuses settings that contradict each other, before anything runs for long.
"""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from pathlib import Path

from edgecodec.params import load_params
from edgecodec.sources.fingerprint import FOLDER, fingerprints
from edgecodec.storage import replacing_directory, write_json


def main() -> None:
    load_params()
    found = fingerprints(Path())
    with replacing_directory(FOLDER) as folder:
        for stage, fingerprint in found.items():
            write_json(folder / f"{stage}.json", fingerprint)


if __name__ == "__main__":
    run_program(main)
