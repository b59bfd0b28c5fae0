"""Train the paper's networks on artifacts/windows by a sound recipe and by the paper's own; resumes after a kill."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from typing import Any

from edgecodec import chosen
from edgecodec.artifacts import ARTIFACTS, CHECKPOINTS, METRICS, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.metrics import errors
from edgecodec.model.codec import save_model
from edgecodec.params import Params, load_params
from edgecodec.storage import replacing_directory, write_json
from edgecodec.training.loop import Trained, Trainer, autoencoded

MODELS = ARTIFACTS / "paper"


def main() -> None:
    params = load_params()
    train, validation = WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS)
    recipes = {"sound": params.train.paper, "original": params.train.paper_original}
    trainers = {name: Trainer(chosen.for_paper(params, schedule), train, validation, CHECKPOINTS)
                for name, schedule in recipes.items()}
    trained = {name: trainer.run() for name, trainer in trainers.items()}
    with replacing_directory(MODELS) as folder:
        for name, trainer in trainers.items():
            save_model(trained[name].codec, trainer.params, folder / name)
    write_json(METRICS / "paper_training.json", {name: figures(trainer.params, trained[name], validation)
                         for name, trainer in trainers.items()})
    for trainer in trainers.values():
        trainer.checkpoint.unlink(missing_ok=True)


def figures(params: Params, trained: Trained, validation: WindowSet) -> dict[str, Any]:
    """How the training went, and the errors it led to on all validation windows."""
    codec, schedule = trained.codec, chosen.schedule(params)
    steps = schedule.warmup_steps + schedule.joint_steps + schedule.decoder_steps
    inputs, targets = validation.inputs(), validation.targets()
    indices = codec.encode(inputs)
    return {
        "windows_seen": steps * schedule.batch,
        "reseed_rate": trained.reseed_rate,
        "history": trained.history,
        "errors": {
            "unquantized": errors(autoencoded(codec, inputs), targets).to_json(),
            **{f"rate{rate}": errors(codec.decode(indices, rate), targets).to_json()
               for rate in codec.rates},
        },
    }


if __name__ == "__main__":
    run_program(main)
