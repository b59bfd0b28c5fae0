"""Stage analyze_limits: what limits the codec, per rate, wind speed and damage."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from pathlib import Path

from edgecodec.data.noise_free import noise_free_targets
from edgecodec.data.windows import Floats, WindowSet
from edgecodec.evaluation import limit_plots
from edgecodec.evaluation.limits import measure_limits
from edgecodec.model.codec import load_model
from edgecodec.params import Params, load_params
from edgecodec.storage import read_json, replacing_directory, write_json

RAW = Path("artifacts/raw")
EXCLUDED = Path("artifacts/validation/excluded.json")
WINDOWS = Path("artifacts/windows")
MODEL = Path("artifacts/model")
LIMITS = Path("artifacts/limits")
METRICS = Path("artifacts/metrics/limits.json")


def main() -> None:
    params = load_params()
    train, validation = WindowSet.open(WINDOWS / "train"), WindowSet.open(WINDOWS / "validation")
    limits = measure_limits(load_model(MODEL), train, validation, noise_free(params, validation), params.seed)
    with replacing_directory(LIMITS) as folder:
        limits.table().to_csv(folder / "limits.csv", index=False, float_format="%.6g")
        limit_plots.draw_limits(folder / "limits.svg", limits)
        limit_plots.draw_parts(folder / "parts.svg", limits)
        limit_plots.draw_bits(folder / "bits.svg", limits)
    write_json(METRICS, limits.to_json())


def noise_free(params: Params, validation: WindowSet) -> Floats | None:
    """Only the twin knows its signal without noise."""
    if params.data.source != "twin":
        return None
    return noise_free_targets(params, RAW, frozenset(read_json(EXCLUDED)), validation)


if __name__ == "__main__":
    run_program(main)
