"""Study train_transform: the classical codec on artifacts/windows, beside ours in every comparison; takes no step."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from pathlib import Path

from edgecodec.data.windows import WindowSet
from edgecodec.designed import designed
from edgecodec.model.codec import save_model
from edgecodec.storage import replacing_directory
from edgecodec.training.loop import Trainer

WINDOWS = Path("artifacts/windows")
MODEL = Path("artifacts/transform")
CHECKPOINTS = Path(".cache/training")


def main() -> None:
    params = designed().model_copy(update={"codec": "transform"})
    train, validation = WindowSet.open(WINDOWS / "train"), WindowSet.open(WINDOWS / "validation")
    trained = Trainer(params, train, validation, CHECKPOINTS).run()
    with replacing_directory(MODEL) as folder:
        save_model(trained.codec, params, folder)


if __name__ == "__main__":
    run_program(main)
