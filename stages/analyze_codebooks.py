"""Stage analyze_codebooks: codebook utilization; rate-distortion beside every rival."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from pathlib import Path

import numpy as np
import pandas as pd

from edgecodec import chosen
from edgecodec.artifacts import ARTIFACTS, METRICS, MODEL, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.selection import spread
from edgecodec.data.windows import WindowSet
from edgecodec.evaluation import plots
from edgecodec.evaluation.codebooks import usage_table, utilization
from edgecodec.evaluation.interval import Interval, error_interval
from edgecodec.evaluation.rate_distortion import (
    CODEC,
    budgets_around,
    compare,
    comparison_json,
    comparison_table,
)
from edgecodec.evaluation.rivals.lineup import fit_rivals_to, save_rivals
from edgecodec.metrics import Measure
from edgecodec.model.codec import Codec, load_model
from edgecodec.packets.indices import Indices
from edgecodec.params import load_params
from edgecodec.progress import progress
from edgecodec.storage import read_json, replacing_directory, replacing_file, write_json

ANALYSIS = ARTIFACTS / "analysis"
WINDOW = ARTIFACTS / "window.svg"
TRAIN_COMPARED = 192  # training windows in the comparison: shows what was memorised
DRAWS_PER_CODEWORD = 8
DRAWN_AT_ONCE = 512


def main() -> None:
    params = load_params()
    train, validation = WindowSet.open(TRAIN_WINDOWS), WindowSet.open(VALIDATION_WINDOWS)
    codec = load_model(MODEL)
    training = read_json(METRICS / "training.json")

    used = utilization(
        drawn_indices(codec, train, params.seed), [codebook.numpy() for codebook in codec.quantizer.codebooks],
        params.analyze.near_duplicate_fraction, training["reseed_rate"],
    )
    measure = chosen.measure(params)
    budgets = budgets_around([codec.bits(rate) for rate in codec.rates])
    rivals = fit_rivals_to(train, params.analyze.rivals, budgets, params.seed, measure)
    some = spread(train, TRAIN_COMPARED)
    everything = np.arange(len(validation))
    comparisons = {
        split: compare({CODEC: codec}, rivals, windows.inputs(which), windows.targets(which),
                       windows.groups(params.analyze.groups, windows.starts[which]), f"Comparing on {split}", measure)
        for split, windows, which in (("validation", validation, everything), ("train", train, some))
    }

    with replacing_directory(ANALYSIS) as folder:
        save_rivals(rivals, folder)
        comparison_table(comparisons).to_csv(folder / "rate_distortion.csv", index=False, float_format="%.6g")
        usage_table(used).to_csv(folder / "codebook_usage.csv", index=False, float_format="%.6g")
        pd.DataFrame(training["history"]).to_csv(folder / "learning_curves.csv", index=False, float_format="%.6g")
        plots.draw_rate_distortion(folder / "rate_distortion.svg", comparisons["validation"], params.gates.error)
        plots.draw_codebook_usage(folder / "codebook_usage.svg", used)
        plots.draw_learning_curves(folder / "learning_curves.svg", training["history"], measure.metric)
        with replacing_file(WINDOW) as window:
            draw_windows(folder / "reconstructions.svg", window, codec, validation)
    write_json(METRICS / "codebooks.json",
               used.to_json(codec.quantizer.stages_of_rate, params.analyze.utilization_rule))
    intervals = intervals_of(codec, validation, measure)
    write_json(METRICS / "rate_distortion.json", {
        "splits": {split: comparison_json(comparison) for split, comparison in comparisons.items()},
        "intervals": {str(rate): interval.to_json() for rate, interval in intervals.items()},
    })
    for rate, interval in intervals.items():
        if interval.is_wide:
            error, low, high = map(measure.metric.shown, (interval.error, interval.low, interval.high))
            print(f"rate {rate}: {measure.metric.label} {error}, but with other recordings likely from {low} to {high} "
                  f"({interval.resampled}); record more to know it better")


def intervals_of(codec: Codec, validation: WindowSet, measure: Measure) -> dict[int, Interval]:
    """Of the codec's error on the validation windows, by rate."""
    indices, targets = codec.encode(validation.inputs()), validation.targets()
    return {rate: error_interval(codec.decode(indices, rate), targets, validation.recording, measure)
            for rate in codec.rates}


def drawn_indices(codec: Codec, train: WindowSet, seed: int) -> Indices:
    """What the codec makes of training windows at random offsets: enough to see every codeword that is in use."""
    generator = np.random.default_rng([seed, len(train)])
    batches = DRAWS_PER_CODEWORD * codec.quantizer.codewords // DRAWN_AT_ONCE + 1
    return Indices.joined([codec.encode(train.draw(generator, DRAWN_AT_ONCE).inputs)
                           for _ in progress(range(batches), "Counting codewords")])


def draw_windows(reconstructions: Path, window: Path, codec: Codec, validation: WindowSet) -> None:
    """Validation windows, and what arrives of them at the lowest and the highest rate."""
    inputs, targets = validation.inputs(), validation.targets()
    indices = codec.encode(inputs)
    rebuilt = {rate: codec.decode(indices, rate) for rate in (codec.rates[0], codec.rates[-1])}
    plots.draw_reconstructions(reconstructions, inputs, targets, rebuilt, validation.sample_rate_hz,
                               validation.channel_names)
    plots.draw_window(window, targets, {codec.bits(rate): windows for rate, windows in rebuilt.items()},
                      validation.sample_rate_hz, validation.channel_names)


if __name__ == "__main__":
    run_program(main)
