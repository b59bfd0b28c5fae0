"""Study compare_paper: our codec beside the paper's networks and the classical codec, all of the same windows."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from pathlib import Path
from typing import Any

from edgecodec import chosen
from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.evaluation import plots
from edgecodec.evaluation.evaluate import load_learned_codecs
from edgecodec.evaluation.rate_distortion import CODEC, compare, comparison_json, comparison_table
from edgecodec.evaluation.rivals.lineup import load_rivals
from edgecodec.model.codec import Codec
from edgecodec.params import load_params
from edgecodec.storage import replacing_directory, rounded, write_json

ARTIFACTS = Path("artifacts")
COMPARISON = Path("artifacts/paper_comparison")
METRICS = Path("artifacts/metrics/paper_comparison.json")


def main() -> None:
    params = load_params()
    validation = WindowSet.open(ARTIFACTS / "windows/validation")
    codecs = load_learned_codecs(ARTIFACTS)
    comparison = compare(codecs, load_rivals(ARTIFACTS / "analysis"), validation.inputs(), validation.targets(),
                         validation.groups(params.analyze.groups), "Comparing", chosen.measure(params))
    ours, metric = comparison[CODEC].by_rate, comparison[CODEC].metric
    with replacing_directory(COMPARISON) as folder:
        comparison_table({"validation": comparison}).to_csv(folder / "rate_distortion.csv", index=False,
                                                            float_format="%.6g")
        plots.draw_rate_distortion(folder / "rate_distortion.svg", comparison, params.gates.error)
    write_json(METRICS, {
        name: {
            **work(codec),
            "rates": errors,
            "error_of_ours_to_this": {  # all send 90 bits per rate
                rate: rounded(metric.ratio(metric.of(ours[int(rate)].errors), entry[metric.field]))
                for rate, entry in errors.items() if int(rate) in ours
            },
        }
        for name, errors in comparison_json({name: comparison[name] for name in codecs}).items()
        for codec in (codecs[name],)
    })


def work(codec: Codec) -> dict[str, Any]:
    """MACs for a window, and parameters."""
    exported = export_codec(codec)
    return {
        "encoder_macs": exported.multiply_accumulates,
        "quantizer_macs": exported.quantizer.multiply_accumulates,
        "encoder_parameters": sum(value.numel() for value in codec.encoder.parameters()),
        "decoder_parameters": sum(value.numel() for value in codec.decoder.parameters()),
    }


if __name__ == "__main__":
    run_program(main)
