"""Study repeat_training: the codec trained with other seeds on the same windows; how far errors lie apart."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

import numpy as np

from edgecodec import chosen
from edgecodec.artifacts import ARTIFACTS, CHECKPOINTS, METRICS, MODEL, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.designed import designed
from edgecodec.evaluation.rate_distortion import CODEC, Curve, RatePoint, compare
from edgecodec.metrics import Measure, Metric
from edgecodec.model.codec import Codec, load_model, save_model
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
    write_json(METRICS / "seeds.json", {
        "seeds": list(measured),
        **{name: {str(rate): spread([curves[name].by_rate[rate] for curves in measured.values()], measure.metric)
                  for rate in curve.by_rate}
           for name, curve in measured[params.seed].items()},
    })


def errors_of(codec: Codec, validation: WindowSet, measure: Measure) -> dict[str, Curve]:
    return dict(compare({CODEC: codec}, [], validation.inputs(), validation.targets(), None, "Measuring", measure))


def spread(points: list[RatePoint], metric: Metric) -> dict[str, float]:
    """Of the errors, with the relative distance from the least to the largest."""
    found = [metric.of(point.errors) for point in points]
    return {"least": rounded(min(found)), "mean": rounded(float(np.mean(found))), "largest": rounded(max(found)),
            "relative_spread": rounded(max(found) / min(found) - 1),
            "mean_bits": rounded(float(np.mean([point.bits_per_window for point in points])))}


if __name__ == "__main__":
    run_program(main)
