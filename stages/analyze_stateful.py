"""Stage analyze_stateful: fit stateful mode to the codec, and measure what it saves and what it loses."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from pathlib import Path
from typing import Any

from edgecodec.data.chains import ChainSource, chain_source
from edgecodec.data.windows import Split, WindowSet
from edgecodec.evaluation.stateful import measure_stateful
from edgecodec.evaluation.stateful_plots import draw_stateful
from edgecodec.model.codec import load_model
from edgecodec.model.stateful import NoStatefulModeError, save_differences
from edgecodec.params import Params, load_params
from edgecodec.storage import read_json, replacing_directory, write_json
from edgecodec.training.offsets import ProfileExchange
from edgecodec.training.stateful import fit_stateful

RAW = Path("artifacts/raw")
EXCLUDED = Path("artifacts/validation/excluded.json")
WINDOWS = Path("artifacts/windows")
MODEL = Path("artifacts/model")
TABLES = Path("artifacts/stateful_model")
STATEFUL = Path("artifacts/stateful")
METRICS = Path("artifacts/metrics/stateful.json")


def main() -> None:
    params = load_params()
    with replacing_directory(TABLES) as tables, replacing_directory(STATEFUL) as figures:
        try:
            metrics = write_stateful(params, tables, figures)
        except NoStatefulModeError as reason:
            metrics = {"absent": str(reason)}
    write_json(METRICS, metrics)


def write_stateful(params: Params, tables: Path, figures: Path) -> dict[str, Any]:
    """Fill both folders; the metrics back."""
    exchange = ProfileExchange.of_recordings(WindowSet.open(WINDOWS / "train"))
    stateful = fit_stateful(load_model(MODEL), chains(params, "train", params.stateful.fit.chain_windows), exchange,
                            params.stateful, params.seed)
    measured = measure_stateful(stateful, chains(params, "validation", params.stateful.measure.chain_windows),
                                params.stateful, params.seed)
    save_differences(stateful.differences, params.stateful, MODEL, tables)
    measured.table().to_csv(figures / "stateful.csv", index=False, float_format="%.6g")
    draw_stateful(figures / "stateful.svg", measured)
    return measured.to_json()


def chains(params: Params, split: Split, length: int) -> ChainSource:
    return chain_source(params, RAW, frozenset(read_json(EXCLUDED)), WindowSet.open(WINDOWS / split), length)


if __name__ == "__main__":
    run_program(main)
