"""Round the trained codec to float16, lay it out for the target, and measure what that costs."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from edgecodec import chosen
from edgecodec.artifacts import CALIBRATION, FLOAT16, METRICS, MODEL, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.oracle import Encoding, encode
from edgecodec.metrics import Measure, errors
from edgecodec.model.calibration import load_calibration
from edgecodec.model.codec import Codec, load_model
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import Arithmetic, ExportedCodec, save_codec
from edgecodec.params import load_params
from edgecodec.storage import replacing_directory, rounded, write_json

Windows = NDArray[np.float32]
WINDOWS = 96  # the oracle rounds like the target, which takes its time


def main() -> None:
    codec = load_model(MODEL)
    params = load_params()
    exported = export_codec(codec, params.firmware.arithmetic, load_calibration(CALIBRATION))
    with replacing_directory(FLOAT16) as folder:
        save_codec(exported, folder)

    validation = WindowSet.open(VALIDATION_WINDOWS)
    which = np.unique(np.linspace(0, len(validation) - 1, WINDOWS).round().astype(int))
    inputs, targets = validation.inputs(which), validation.targets(which)
    measure = chosen.measure(params)
    float32 = codec.encode(inputs)
    encoding = encode(exported, np.ascontiguousarray(inputs.transpose(0, 2, 1)))
    float16 = encoding.indices()
    before = {rate: codec.decode(float32, rate) for rate in codec.rates}
    by_rate = {rate: growth(before[rate], codec.decode(float16, rate), targets, measure) for rate in codec.rates}
    coded = growth_of_coded_packets(codec, encoding, inputs, targets, measure) if codec.coded is not None else {}
    equal = float32.words == float16.words
    equal[:, 0] &= (float32.regime == float16.regime)[:, np.newaxis]
    write_json(METRICS / "float16.json", {
        "model_hash": exported.model_hash,
        "arithmetic": exported.arithmetic,
        "windows": len(which),
        "by_rate": by_rate,
        "coded_by_rate": coded,
        "by_arithmetic": by_arithmetic(codec, exported, before, inputs, targets, measure),
        "relative_error_growth": max(entry["relative_error_growth"] for entry in (*by_rate.values(), *coded.values())),
        "equal_indices": rounded(float(equal.mean())),
        "weight_bytes": sum(array.nbytes for array in exported.weights().values()),
        "codebook_bytes": sum(array.nbytes for array in exported.codebooks().values()),
        "encoder_macs": exported.multiply_accumulates,
        "quantizer_macs": exported.quantizer.multiply_accumulates,
    })


def growth(float32: Windows, float16: Windows, targets: Windows, measure: Measure) -> dict[str, float]:
    """How much larger the error is with the target's roundings; windows are [n, channels, samples]."""
    metric = measure.metric
    before, after = (metric.of(errors(windows, targets, tolerance=measure.tolerance)) for windows in (float32, float16))
    return {
        f"{metric.field}_float32": rounded(before),
        f"{metric.field}_float16": rounded(after),
        "relative_error_growth": rounded(metric.ratio(after, before) - 1),
    }


def by_arithmetic(codec: Codec, exported: ExportedCodec, float32: Mapping[int, Windows], inputs: Windows,
                  targets: Windows, measure: Measure) -> dict[Arithmetic, dict[int, dict[str, float]]]:
    """What each arithmetic that a target may have costs, by rate."""
    windows = np.ascontiguousarray(inputs.transpose(0, 2, 1))
    found: dict[Arithmetic, dict[int, dict[str, float]]] = {}
    for arithmetic in get_args(Arithmetic):
        indices = encode(replace(exported, arithmetic=arithmetic), windows).indices()
        found[arithmetic] = {rate: growth(float32[rate], codec.decode(indices, rate), targets, measure)
                             for rate in codec.rates}
    return found


def growth_of_coded_packets(codec: Codec, encoding: Encoding, inputs: Windows,
                            targets: Windows, measure: Measure) -> dict[int, dict[str, float]]:
    """By rate, with the mean bits of the payloads."""
    kind = PacketKind.CODED
    float32, float16 = codec.encode(inputs, kind), encoding.indices(kind)
    return {rate: {
        **growth(codec.decode(float32, rate, kind), codec.decode(float16, rate, kind), targets, measure),
        "payload_bits_float32": rounded(codec.payload_bits(float32, rate, kind).mean()),
        "payload_bits_float16": rounded(codec.payload_bits(float16, rate, kind).mean()),
    } for rate in codec.rates}


if __name__ == "__main__":
    run_program(main)
