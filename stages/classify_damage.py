"""What compression costs a classifier, of damage or of any other label: its accuracy on raw and on decoded windows."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from dataclasses import asdict

from edgecodec.artifacts import METRICS, MODEL, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.damage import classes_of, classify
from edgecodec.model.codec import load_model
from edgecodec.params import load_params
from edgecodec.storage import rounded, write_json


def main() -> None:
    params = load_params()
    train, validation = WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS)
    label = params.classify.label
    classes = classes_of(train, validation, label)
    if not classes:  # the gate says that there was nothing to tell apart
        if label is not None:
            print(f"classify.label: training and validation have no two values of {label} in common; no classifier is "
                  "tried")
        write_json(METRICS / "damage.json", {"label": label, "classes": []})
        return
    found = classify(train, validation, load_model(MODEL), params.seed, params.classify)
    line = found["heave_line"]
    write_json(METRICS / "damage.json", {
        "label": label,
        "classes": classes,
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
