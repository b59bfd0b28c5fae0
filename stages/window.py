"""Stage window: sound recordings, zeroed and scaled, as two sets of windows with low-passed targets."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from dataclasses import asdict

from edgecodec.artifacts import EXCLUDED, METRICS, RAW, WINDOWS
from edgecodec.data.recordings import lists_in
from edgecodec.data.windows import write_windows
from edgecodec.params import load_params
from edgecodec.storage import read_json, write_json


def main() -> None:
    params = load_params()
    lists = lists_in(RAW)
    excluded = frozenset(read_json(EXCLUDED))
    summaries = write_windows(lists, excluded, params.window, WINDOWS, params.analyze.groups)
    write_json(METRICS / "windows.json", {
        "channels": len(lists[RAW].preset(params.window.preset)),
        "samples": params.window.samples,
        "splits": {split: asdict(summary) for split, summary in summaries.items()},
    })
    label = params.analyze.groups
    known = sorted({name for listed in lists.values() for each in listed.recordings for name in each.labels})
    if label is not None and label not in known:
        print(f"analyze.groups: no recording has the label {label}; there are {', '.join(known) or 'none'}. Errors "
              "will be told of all windows together")
    for split, summary in summaries.items():
        print(f"{split}: {summary.windows} windows from {summary.recordings} recordings")


if __name__ == "__main__":
    run_program(main)
