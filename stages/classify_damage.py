"""What compression costs a classifier of damage: its accuracy on raw and on decoded windows."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from dataclasses import asdict

from edgecodec.artifacts import METRICS, MODEL, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.damage import classify, damages_of
from edgecodec.model.codec import load_model
from edgecodec.params import load_params
from edgecodec.storage import rounded, write_json


def main() -> None:
    params = load_params()
    train, validation = WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS)
    if damages_of(train) is None:
        write_json(METRICS / "damage.json", {"classes": []})  # the gate says that there was nothing to tell apart
        return
    found = classify(train, validation, load_model(MODEL), params.seed)
    line = found["heave_line"]
    write_json(METRICS / "damage.json", {
        "classes": sorted(set(damages_of(validation))),
        "train_windows": len(train),
        "validation_windows": len(validation),
        "accuracy": {kind: {
            "raw": rounded(accuracy.raw),
            "by_rate": {str(rate): {name: rounded(value) for name, value in asdict(of_rate).items()}
                        for rate, of_rate in accuracy.by_rate.items()},
        } for kind, accuracy in found.items()},
        "accuracy_loss": {str(rate): rounded(line.raw - of_rate.decoded) for rate, of_rate in line.by_rate.items()},
    })


if __name__ == "__main__":
    run_program(main)
