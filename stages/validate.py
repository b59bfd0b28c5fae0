"""Stage validate: Great Expectations over every recording; the bad ones are left out, or stop the pipeline."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from dataclasses import asdict

from edgecodec.artifacts import METRICS, RAW, VALIDATION
from edgecodec.data.recordings import lists_in
from edgecodec.data.validation import validate
from edgecodec.data.validation_report import render
from edgecodec.errors import EdgeCodecError
from edgecodec.params import load_params
from edgecodec.storage import replacing_directory, write_json, write_text


def main() -> None:
    params = load_params()
    lists = lists_in(RAW)
    validations = {folder: validate(folder, listed, params.validate_, params.window)
                   for folder, listed in lists.items()}
    recordings = [recording for listed in lists.values() for recording in listed.recordings]
    outcomes = [outcome for validation in validations.values() for outcome in validation.outcomes]
    excluded = {name: reason for validation in validations.values() for name, reason in validation.excluded.items()}
    with replacing_directory(VALIDATION) as written:
        for folder, validation in validations.items():
            page = "report.html" if folder == RAW else f"{folder.name}.html"
            write_text(written / page, render(validation, lists[folder]))
        write_json(written / "excluded.json", excluded)
    invented = [recording.name for recording in recordings if recording.time == "invented"]
    write_json(METRICS / "validation.json", {
        "recordings": len(recordings),
        "excluded": excluded,
        "excluded_recordings": len(excluded),
        "dead_channels": [name for validation in validations.values() for name in validation.dead_channels],
        "invented_time": invented,
        "expectations": [asdict(outcome) for outcome in outcomes],
        "failed_expectations": sum(outcome.failed > 0 for outcome in outcomes),
    })
    for name, reason in excluded.items():
        print(f"left out {name}: {reason}")
    if invented:
        print(f"no time recorded in {len(invented)} recordings, {invented[0]} first: rate and gaps cannot be checked")
    print(f"{len(recordings) - len(excluded)} of {len(recordings)} recordings are sound")
    if excluded and params.validate_.on_bad_recording == "stop":
        name, reason = next(iter(excluded.items()))
        raise EdgeCodecError(f"{name}: {reason}; {len(excluded)} bad in all, see {VALIDATION / 'report.html'} "
                             "(validate.on_bad_recording: exclude leaves them out)")


if __name__ == "__main__":
    run_program(main)
