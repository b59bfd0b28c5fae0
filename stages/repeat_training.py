"""Study repeat_training: the codec trained with other seeds on the same windows; how far errors lie apart.

With ``repeat.folds``, also on the training recordings but for a part of them, which errors are measured on: every part
in turn. That tells more than one validation where windows are few.
"""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgecodec import chosen
from edgecodec.artifacts import ARTIFACTS, CHECKPOINTS, METRICS, MODEL, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.selection import folds
from edgecodec.data.windows import WindowSet
from edgecodec.designed import designed
from edgecodec.evaluation.rate_distortion import CODEC, Curve, RatePoint, compare
from edgecodec.metrics import Measure, Metric
from edgecodec.model.codec import Codec, load_model, save_model
from edgecodec.params import Params
from edgecodec.storage import replacing_directory, rounded, write_json
from edgecodec.training.loop import Trainer

REPEATED = ARTIFACTS / "repeat"  # a folder per seed


def main() -> None:
    params = designed()
    train, validation = WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS)
    measure = chosen.measure(params)
    measured = {params.seed: errors_of(load_model(MODEL), validation, measure)}
    with replacing_directory(REPEATED) as folder:
        for seed in params.repeat.seeds:
            of_seed = params.model_copy(update={"seed": seed})
            trainer = Trainer(of_seed, train, validation, CHECKPOINTS)
            codec = trainer.run().codec
            measured[seed] = errors_of(codec, validation, measure)
            save_model(codec, of_seed, folder / str(seed))
            trainer.checkpoint.unlink(missing_ok=True)
    found = {"seeds": list(measured), **spreads(list(measured.values()), measure.metric)}
    if params.repeat.folds:
        found["folds"] = spreads(list(errors_of_folds(params, train, measure)), measure.metric)
    write_json(METRICS / "seeds.json", found)


def errors_of_folds(params: Params, train: WindowSet, measure: Measure) -> Iterator[dict[str, Curve]]:
    for fitted, held in folds(train, params.repeat.folds, params.data.array.split_by, params.seed):
        trainer = Trainer(params, fitted, held, CHECKPOINTS)
        yield errors_of(trainer.run().codec, held, measure)
        trainer.checkpoint.unlink(missing_ok=True)


def errors_of(codec: Codec, validation: WindowSet, measure: Measure) -> dict[str, Curve]:
    return dict(compare({CODEC: codec}, [], validation.inputs(), validation.targets(), None, "Measuring", measure))


def spreads(measured: list[dict[str, Curve]], metric: Metric) -> dict[str, Any]:
    """By the name of the packets and the rate."""
    return {name: {str(rate): spread([curves[name].by_rate[rate] for curves in measured], metric)
                   for rate in curve.by_rate}
            for name, curve in measured[0].items()}


def spread(points: list[RatePoint], metric: Metric) -> dict[str, float]:
    """Of the errors, with the relative distance from the least to the largest."""
    found = [metric.of(point.errors) for point in points]
    return {"least": rounded(min(found)), "mean": rounded(float(np.mean(found))), "largest": rounded(max(found)),
            "relative_spread": rounded(max(found) / min(found) - 1),
            "mean_bits": rounded(float(np.mean([point.bits_per_window for point in points])))}


if __name__ == "__main__":
    run_program(main)
