"""Train the codec that params.yaml names on artifacts/windows; resumes after a kill."""

from pathlib import Path

from edgecodec.data.windows import WindowSet
from edgecodec.errors import exit_with_one_line
from edgecodec.model.codec import save_model
from edgecodec.params import load_params
from edgecodec.storage import replacing_directory, write_json
from edgecodec.training.curves import live_curves
from edgecodec.training.loop import Trainer

WINDOWS = Path("artifacts/windows")
MODEL = Path("artifacts/model")
METRICS = Path("artifacts/metrics/training.json")
CHECKPOINTS = Path(".cache/training")


def main() -> None:
    params = load_params()
    train, validation = WindowSet.open(WINDOWS / "train"), WindowSet.open(WINDOWS / "validation")
    with live_curves() as report:
        trainer = Trainer(params, train, validation, CHECKPOINTS, report)
        trained = trainer.run()
    with replacing_directory(MODEL) as folder:
        save_model(trained.codec, params, folder)
    write_json(METRICS, {
        "codec": params.codec,
        "profile": params.train.profile,
        "parameters": {
            "encoder": sum(value.numel() for value in trained.codec.encoder.parameters()),
            "decoder": sum(value.numel() for value in trained.codec.decoder.parameters()),
        },
        "linear_fit": trained.linear_fit,
        "reseed_rate": trained.reseed_rate,
        "history": trained.history,
        "final": trained.history[-1] if trained.history else {},
    })
    trainer.checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    exit_with_one_line(main)
