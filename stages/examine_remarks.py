"""Set what the firmware says of windows against what is true, on validation windows, sound and disturbed."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec.artifacts import ARTIFACTS, FLOAT16, METRICS, MODEL, VALIDATION_WINDOWS
from edgecodec.data.selection import spread
from edgecodec.data.windows import WindowSet
from edgecodec.deploy.golden import escape_of
from edgecodec.deploy.oracle import Encoding, encode
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.disturbances import DISTURBANCES, Disturbed
from edgecodec.evaluation.reference import Reference
from edgecodec.evaluation.remark_plots import Shown, draw_disturbances, draw_estimates
from edgecodec.evaluation.remarks import (
    Escaped,
    Remarked,
    bound_json,
    bound_percent,
    disturbance_json,
    estimate_json,
    open_escapes,
    remarked,
    worst,
)
from edgecodec.metrics import errors_of_windows
from edgecodec.model.codec import Codec, load_model
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec, load_codec
from edgecodec.params import Params, load_params
from edgecodec.progress import progress
from edgecodec.storage import replacing_directory, write_json

Windows = NDArray[np.float32]
PICTURES = ARTIFACTS / "remarks"
WINDOWS, DISTURBED_WINDOWS, REFERENCE_WINDOWS = 192, 20, 1152  # the oracle rounds like the target, which takes its time


def main() -> None:
    params = load_params()
    codec, exported = load_model(MODEL), load_codec(FLOAT16)
    with replacing_directory(PICTURES) as pictures:
        examined = {"makes_remarks": False} if exported.monitor is None else {
            "makes_remarks": True, **examine(params, codec, exported, pictures)}
        write_json(METRICS / "remarks.json", {"model_hash": exported.model_hash, **examined})


def examine(params: Params, codec: Codec, exported: ExportedCodec, pictures: Path) -> dict[str, Any]:
    """What there is to say of a codec's remarks; draws its pictures."""
    assert exported.monitor is not None
    validation = WindowSet.open(VALIDATION_WINDOWS)
    some = spread(validation, WINDOWS)
    by_kind = remarked(codec, node(exported, validation.inputs(some)), validation.targets(some))
    bound = bound_percent(params, by_kind[PacketKind.FIXED_LENGTH])
    estimates = {kind.label: estimate_json(found) for kind, found in by_kind.items()}
    draw_estimates(pictures / "estimates.svg", {kind.label: found for kind, found in by_kind.items()})

    many = spread(validation, REFERENCE_WINDOWS)
    said = node(exported, validation.inputs(many)).remarks[PacketKind.FIXED_LENGTH]
    few = spread(validation, DISTURBED_WINDOWS)
    inputs = validation.inputs(few)
    generator = np.random.default_rng(params.seed)
    disturbed, refused, shown, undisturbed = {}, [], [], None
    for name, disturbance in progress(DISTURBANCES.items(), "disturbances"):
        windows = disturbance.of(inputs, validation.sample_rate_hz, validation.lowpass_hz, generator)
        try:
            encoding = node(exported, windows.inputs)
        except EdgeCodecError:  # not finite, and of too few channels to do without one: nodes say so, and send nothing
            refused.append(name)
            continue
        found = remarked(codec, encoding, windows.targets, windows.faulty)[PacketKind.FIXED_LENGTH]
        undisturbed = found.error_percent if undisturbed is None else undisturbed  # "none" comes first
        disturbed[name] = {"description": disturbance.description,
                           **disturbance_json(found, windows.faulty, undisturbed, bound),
                           "escape": escaped(exported, encoding, windows, bound).to_json()}
        shown.append(show(disturbance.description, found, windows, validation.sample_rate_hz))
    draw_disturbances(pictures / "disturbances.svg", shown)
    return {
        "windows": len(some),
        "estimates": estimates,
        **worst(estimates),
        "within": {kind.label: bound_json(found, bound) for kind, found in by_kind.items()},
        "disturbed_windows": len(few),
        "disturbances": disturbed,
        "reference": Reference.of(said.error_percent, said.unlike > 1, len(np.unique(validation.recording))).to_json(),
        **({"refused": refused} if refused else {}),
    }


def node(exported: ExportedCodec, inputs: Windows) -> Encoding:
    """What the firmware makes of windows [n, channels, samples]."""
    return encode(exported, np.ascontiguousarray(inputs.transpose(0, 2, 1)))


def escaped(exported: ExportedCodec, encoding: Encoding, windows: Disturbed, bound: float) -> Escaped:
    """The same windows as escapes within ``bound`` per cent."""
    packets = [escape_of(exported, encoding, window, bound) for window in range(len(windows.inputs))]
    _, rebuilt = open_escapes(exported, packets)
    said_healthy = ~(windows.faulty | encoding.remarks[PacketKind.FIXED_LENGTH].faulty)
    return Escaped(np.array([len(packet) for packet in packets]),
                   errors_of_windows(rebuilt, windows.targets, said_healthy))


def show(description: str, found: Remarked, windows: Disturbed, sample_rate_hz: float) -> Shown:
    """The window in the middle: its faulty channel, or the one that moves most."""
    window = len(windows.inputs) // 2
    said_faulty = found.remarks.faulty[window]
    moves = np.ptp(windows.targets[window], axis=1)
    channel = int((windows.faulty[window] if windows.faulty[window].any() else moves).argmax())
    returned = found.rebuilt[0][window, channel]
    return Shown(description, np.arange(len(returned)) / sample_rate_hz, windows.inputs[window, channel],
                 windows.targets[window, channel],
                 np.full_like(returned, np.nan) if said_faulty[channel] else returned,
                 float(found.error_percent[window, 0]), float(found.remarks.error_percent[window, 0]),
                 bool(found.remarks.unlike[window] > 1), int(said_faulty.sum()))


if __name__ == "__main__":
    run_program(main)
