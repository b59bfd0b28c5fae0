"""Stage validate: Great Expectations over every recording; the bad ones are left out, or stop the pipeline."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from dataclasses import asdict

from edgecodec.artifacts import METRICS, RAW, VALIDATION
from edgecodec.data.recordings import RecordingList
from edgecodec.data.validation import validate
from edgecodec.data.validation_report import render
from edgecodec.errors import EdgeCodecError
from edgecodec.params import load_params
from edgecodec.storage import replacing_directory, write_json, write_text


def main() -> None:
    params = load_params()
    listed = RecordingList.open(RAW)
    validation = validate(RAW, listed, params.validate_, params.window)
    excluded = validation.excluded
    with replacing_directory(VALIDATION) as folder:
        write_text(folder / "report.html", render(validation, listed))
        write_json(folder / "excluded.json", excluded)
    invented = [recording.name for recording in listed.recordings if recording.time == "invented"]
    write_json(METRICS / "validation.json", {
        "recordings": len(listed.recordings),
        "excluded": excluded,
        "excluded_recordings": len(excluded),
        "dead_channels": list(validation.dead_channels),
        "invented_time": invented,
        "expectations": [asdict(outcome) for outcome in validation.outcomes],
        "failed_expectations": sum(outcome.failed > 0 for outcome in validation.outcomes),
    })
    for name, reason in excluded.items():
        print(f"left out {name}: {reason}")
    if invented:
        print(f"no time recorded in {len(invented)} recordings, {invented[0]} first: rate and gaps cannot be checked")
    print(f"{len(listed.recordings) - len(excluded)} of {len(listed.recordings)} recordings are sound")
    if excluded and params.validate_.on_bad_recording == "stop":
        name, reason = next(iter(excluded.items()))
        raise EdgeCodecError(f"{name}: {reason}; {len(excluded)} bad in all, see {VALIDATION / 'report.html'} "
                             "(validate.on_bad_recording: exclude leaves them out)")


if __name__ == "__main__":
    run_program(main)
