"""Stage explore_codebooks: codebook sizes and stages of the paper's exploration, on every trained codec."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from collections.abc import Iterable
from pathlib import Path

from edgecodec.artifacts import ARTIFACTS, METRICS, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.exploration import exploration_table, explore
from edgecodec.evaluation.exploration_plots import draw_exploration
from edgecodec.model.codec import Codec, load_model
from edgecodec.params import load_params
from edgecodec.storage import replacing_directory, write_json

EXPLORATION = ARTIFACTS / "exploration"


def main() -> None:
    params = load_params()
    train, validation = WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS)
    rule = params.analyze.utilization_rule
    codecs = load_codecs(params.explore.models)
    explorations = {name: explore(codec, train, validation, params.explore, params.seed)
                    for name, codec in codecs.items()}
    with replacing_directory(EXPLORATION) as folder:
        exploration_table(explorations).to_csv(folder / "exploration.csv", index=False, float_format="%.6g")
        draw_exploration(folder / "exploration.svg", explorations, rule)
    write_json(METRICS / "exploration.json",
               {name: exploration.to_json(rule) for name, exploration in explorations.items()})


def load_codecs(folders: Iterable[Path]) -> dict[str, Codec]:
    """By their names."""
    codecs: dict[str, Codec] = {}
    for folder in folders:
        codec = load_model(folder)
        if codec.name in codecs:
            raise EdgeCodecError(f"params.yaml: explore.models: {folder} holds a second codec {codec.name}; name one "
                                 "folder per kind of codec")
        codecs[codec.name] = codec
    return codecs


if __name__ == "__main__":
    run_program(main)
