"""Round the trained codec to float16, lay it out for the target, and measure what that costs."""

from pathlib import Path

import numpy as np

from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.network import save_codec
from edgecodec.deploy.oracle import encode
from edgecodec.errors import exit_with_one_line
from edgecodec.evaluation.metrics import errors
from edgecodec.model.codec import load_model
from edgecodec.storage import replacing_directory, rounded, write_json

VALIDATION = Path("artifacts/windows/validation")
MODEL = Path("artifacts/model")
FLOAT16 = Path("artifacts/float16")
METRICS = Path("artifacts/metrics/float16.json")
WINDOWS = 96  # the oracle rounds like the target, which takes its time


def main() -> None:
    codec = load_model(MODEL)
    exported = export_codec(codec)
    with replacing_directory(FLOAT16) as folder:
        save_codec(exported, folder)

    validation = WindowSet.open(VALIDATION)
    which = np.unique(np.linspace(0, len(validation) - 1, WINDOWS).round().astype(int))
    inputs, targets = validation.inputs(which), validation.targets(which)
    float32 = codec.encode(inputs)
    float16 = encode(exported, np.ascontiguousarray(inputs.transpose(0, 2, 1))).indices
    by_rate = {}
    for rate in codec.rates:
        before = errors(codec.decode(float32, rate), targets).error_percent
        after = errors(codec.decode(float16, rate), targets).error_percent
        by_rate[str(rate)] = {
            "error_percent_float32": rounded(before),
            "error_percent_float16": rounded(after),
            "relative_error_growth": rounded(after / before - 1),
        }
    arrays = exported.tensors()
    write_json(METRICS, {
        "model_hash": exported.model_hash,
        "windows": len(which),
        "by_rate": by_rate,
        "relative_error_growth": max(entry["relative_error_growth"] for entry in by_rate.values()),
        "equal_indices": rounded(float((float32 == float16).mean())),
        "weight_bytes": sum(array.nbytes for name, array in arrays.items() if not name.startswith("stage")),
        "codebook_bytes": sum(array.nbytes for name, array in arrays.items() if name.startswith("stage")),
        "encoder_macs": exported.multiply_accumulates,
        "quantizer_macs": exported.quantizer.multiply_accumulates,
    })


if __name__ == "__main__":
    exit_with_one_line(main)
