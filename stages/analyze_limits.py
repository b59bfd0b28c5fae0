"""Stage analyze_limits: what limits the codec, per rate and group of windows."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from edgecodec.artifacts import ARTIFACTS, EXCLUDED, METRICS, MODEL, RAW, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.noise_free import noise_free_targets
from edgecodec.data.windows import Floats, WindowSet
from edgecodec.evaluation import limit_plots
from edgecodec.evaluation.limits import measure_limits
from edgecodec.model.codec import load_model
from edgecodec.params import Params, load_params
from edgecodec.storage import read_json, replacing_directory, write_json

LIMITS = ARTIFACTS / "limits"


def main() -> None:
    params = load_params()
    train, validation = WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS)
    limits = measure_limits(load_model(MODEL), train, validation, noise_free(params, validation), params.seed,
                            params.analyze.groups, params.classify.label)
    with replacing_directory(LIMITS) as folder:
        limits.table().to_csv(folder / "limits.csv", index=False, float_format="%.6g")
        limit_plots.draw_limits(folder / "limits.svg", limits)
        limit_plots.draw_parts(folder / "parts.svg", limits)
        limit_plots.draw_bits(folder / "bits.svg", limits)
    write_json(METRICS / "limits.json", limits.to_json())


def noise_free(params: Params, validation: WindowSet) -> Floats | None:
    """Only the twin knows its signal without noise."""
    if params.data.source != "twin" or params.data.field.path is not None:
        return None
    return noise_free_targets(params, RAW, frozenset(read_json(EXCLUDED)), validation)


if __name__ == "__main__":
    run_program(main)
