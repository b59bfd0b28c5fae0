"""Study leave_conditions_out: codec and rivals on conditions that none of them was trained on.

For every entry of ``leave_out``, all learn from the training windows of the recordings that have none of its values
among their labels, and compress the validation windows of the others.
"""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from collections.abc import Collection
from pathlib import Path
from typing import Any

from edgecodec import chosen
from edgecodec.artifacts import ARTIFACTS, CHECKPOINTS, METRICS, MODEL, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.selection import leave_out
from edgecodec.data.windows import WindowSet
from edgecodec.designed import designed
from edgecodec.evaluation.rate_distortion import CODEC, budgets_around, compare, comparison_json
from edgecodec.evaluation.rivals.lineup import fit_rivals_to
from edgecodec.model.codec import load_model, save_model
from edgecodec.params import Params
from edgecodec.storage import replacing_directory, write_json
from edgecodec.training.loop import Trainer

TRAINED = ARTIFACTS / "left_out"  # a folder per entry of leave_out


def main() -> None:
    params = designed()
    with replacing_directory(TRAINED) as folder:
        splits = {name: without(words, params, folder / name) for name, words in params.leave_out.items()}
    write_json(METRICS / "generalization.json", {"profile": params.train.profile, "splits": splits})


def without(words: Collection[str], params: Params, folder: Path) -> dict[str, Any]:
    """Train without the recordings of ``words``, save the codec to ``folder``, and compare on these."""
    train, _ = leave_out(WindowSet.open(TRAIN_WINDOWS), words)
    validation, unseen = leave_out(WindowSet.open(VALIDATION_WINDOWS), words)
    trainer = Trainer(params, train, validation, CHECKPOINTS)
    codec = trainer.run().codec
    rivals = fit_rivals_to(train, params.analyze.rivals, budgets_around([codec.bits(rate) for rate in codec.rates]),
                           params.seed, chosen.measure(params))
    comparison, of_all = (
        compare({CODEC: each}, beside, unseen.inputs(), unseen.targets(), unseen.groups(params.analyze.groups),
                f"Comparing without {', '.join(words)}", chosen.measure(params))
        for each, beside in ((codec, rivals), (load_model(MODEL), []))
    )
    save_model(codec, params, folder)
    trainer.checkpoint.unlink(missing_ok=True)
    return {"left_out": sorted(words), "training_windows": len(train), "windows": len(unseen),
            "codecs": comparison_json(comparison), "codec_trained_on_all": comparison_json(of_all)}


if __name__ == "__main__":
    run_program(main)
