"""Train the codec that params.yaml names on artifacts/windows, or refit its codebooks; resumes after a kill.

Also with several processes: ``torchrun --nproc-per-node 2 stages/train.py``.
"""

from edgecodec.same_bits import HOLDS_HERE, OTHER_BITS, run_program  # first: before numpy and torch

from contextlib import nullcontext

from edgecodec.artifacts import CHECKPOINTS, METRICS, MODEL, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.designed import designed
from edgecodec.model.codec import save_model
from edgecodec.storage import replacing_directory, write_json
from edgecodec.training.curves import live_curves
from edgecodec.training.loop import Trainer
from edgecodec.training.processes import joined_processes
from edgecodec.training.refitting import networks_to_keep


def main() -> None:
    params = designed()
    train, validation = WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS)
    with (joined_processes() as processes,
          live_curves() if processes.is_first else nullcontext(lambda step, metrics: None) as report):
        trainer = Trainer(params, train, validation, CHECKPOINTS, report, processes, networks_to_keep(params, train))
        trained = trainer.run()
    if not processes.is_first:
        return
    with replacing_directory(MODEL) as folder:
        save_model(trained.codec, params, folder)
    write_json(METRICS / "training.json", {
        "codec": params.codec,
        "profile": params.train.profile,
        "parameters": {
            "encoder": sum(value.numel() for value in trained.codec.encoder.parameters()),
            "decoder": sum(value.numel() for value in trained.codec.decoder.parameters()),
        },
        "linear_fit": trained.linear_fit,
        "reseed_rate": trained.reseed_rate,
        "undone": trained.undone,
        "history": trained.history,
        "final": trained.history[-1] if trained.history else {},
    })
    trainer.checkpoint.unlink(missing_ok=True)
    if not HOLDS_HERE:
        print(OTHER_BITS)


if __name__ == "__main__":
    run_program(main)
