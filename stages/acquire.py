"""Stage acquire: recordings of the chosen source, laid out under artifacts/raw."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from edgecodec.artifacts import RAW
from edgecodec.data.acquisition import acquire
from edgecodec.data.recordings import lists_in
from edgecodec.params import load_params


def main() -> None:
    params = load_params()
    acquire(params.data, params.seed, RAW)
    for folder, listed in lists_in(RAW).items():
        for remark in listed.remarks:
            print(remark)
        wind = sum(recording.kind in ("wind", "signal") for recording in listed.recordings)
        source = params.data.source if folder == RAW else folder.name
        print(f"{len(listed.recordings)} recordings from {source}, {wind} of them to be compressed")


if __name__ == "__main__":
    run_program(main)
