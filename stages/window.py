"""Stage window: sound recordings, zeroed and scaled, as two sets of windows with low-passed targets."""

from dataclasses import asdict
from pathlib import Path

from edgecodec.data.recordings import RecordingList
from edgecodec.data.windows import write_windows
from edgecodec.errors import exit_with_one_line
from edgecodec.params import load_params
from edgecodec.storage import read_json, write_json


def main() -> None:
    params = load_params()
    raw = Path("artifacts/raw")
    listed = RecordingList.open(raw)
    excluded = frozenset(read_json(Path("artifacts/validation/excluded.json")))
    summaries = write_windows(raw, listed, excluded, params.window, Path("artifacts/windows"))
    metrics = {
        "channels": len(listed.preset(params.window.preset)),
        "samples": params.window.samples,
        "splits": {
            split: {
                "recordings": sum(summary.recordings for summary in by_wind.values()),
                "windows": sum(summary.windows for summary in by_wind.values()),
                "by_wind": {str(wind): asdict(summary) for wind, summary in by_wind.items()},
            }
            for split, by_wind in summaries.items()
        },
    }
    write_json(Path("artifacts/metrics/windows.json"), metrics)
    for split, figures in metrics["splits"].items():
        print(f"{split}: {figures['windows']} windows from {figures['recordings']} recordings")


if __name__ == "__main__":
    exit_with_one_line(main)
