"""Set what the firmware says of windows against what is true, on validation windows, sound and disturbed."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgecodec.artifacts import FLOAT16, METRICS, MODEL, VALIDATION_WINDOWS
from edgecodec.data.windows import WindowSet
from edgecodec.deploy.oracle import encode
from edgecodec.evaluation.disturbances import DISTURBANCES
from edgecodec.evaluation.remarks import Remarked, bound_json, disturbance_json, estimate_json, worst
from edgecodec.model.codec import Codec, load_model
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec, load_codec
from edgecodec.params import Params, load_params
from edgecodec.progress import progress
from edgecodec.storage import rounded, write_json

Windows = NDArray[np.float32]
WINDOWS, DISTURBED_WINDOWS = 192, 20  # the oracle rounds like the target, which takes its time


def main() -> None:
    params = load_params()
    codec, exported = load_model(MODEL), load_codec(FLOAT16)
    if exported.monitor is None:
        write_json(METRICS / "remarks.json", {"model_hash": exported.model_hash, "makes_remarks": False})
        return
    validation = WindowSet.open(VALIDATION_WINDOWS)
    some = spread(len(validation), WINDOWS)
    by_kind = remarked(codec, exported, validation.inputs(some), validation.targets(some))
    bound, margin = bound_percent(params, by_kind[PacketKind.FIXED_LENGTH]), exported.monitor.margin
    estimates = {kind.label: estimate_json(found) for kind, found in by_kind.items()}

    few = spread(len(validation), DISTURBED_WINDOWS)
    inputs = validation.inputs(few)
    generator = np.random.default_rng(params.seed)
    disturbed, undisturbed = {}, None
    for name, disturbance in progress(DISTURBANCES.items(), "disturbances"):
        windows = disturbance.of(inputs, validation.sample_rate_hz, validation.lowpass_hz, generator)
        found = remarked(codec, exported, windows.inputs, windows.targets, windows.faulty)[PacketKind.FIXED_LENGTH]
        undisturbed = found.error_percent if undisturbed is None else undisturbed  # "none" comes first
        disturbed[name] = {"description": disturbance.description,
                           **disturbance_json(found, windows.faulty, undisturbed, bound, margin)}
    write_json(METRICS / "remarks.json", {
        "model_hash": exported.model_hash,
        "makes_remarks": True,
        "windows": len(some),
        "estimates": estimates,
        **worst(estimates),
        "within": {kind.label: bound_json(found, bound, margin) for kind, found in by_kind.items()},
        "disturbed_windows": len(few),
        "disturbances": disturbed,
    })


def bound_percent(params: Params, found: Remarked) -> float:
    """What nodes are asked to keep.

    They tell per cent of the magnitude whatever the project's metric is: where its gate is in another unit, they get
    what half of the windows have at the lowest rate.
    """
    if params.error.metric == "relative":
        return params.gates.error
    return rounded(float(np.median(found.error_percent[:, 0])))


def spread(length: int, count: int) -> NDArray[np.int64]:
    """So many numbers below ``length``, evenly."""
    return np.unique(np.linspace(0, length - 1, count).round().astype(int))


def remarked(codec: Codec, exported: ExportedCodec, inputs: Windows, targets: Windows,
             faulty: NDArray[np.bool_] | None = None) -> Mapping[PacketKind, Remarked]:
    """What the firmware does with windows [n, channels, samples], by kind of packets."""
    encoding = encode(exported, np.ascontiguousarray(inputs.transpose(0, 2, 1)))
    found = {}
    for kind in exported.quantizers:
        indices = encoding.indices(kind)
        rebuilt = [codec.decode(indices, rate, kind) for rate in codec.rates]
        bits = [codec.payload_bits(indices, rate, kind) for rate in codec.rates]
        found[kind] = Remarked.of(encoding.remarks[kind], rebuilt, targets, bits, faulty)
    return found


if __name__ == "__main__":
    run_program(main)
