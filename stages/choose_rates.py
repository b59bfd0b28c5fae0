"""Study choose_rates: rates chosen window by window, by what the node says of its error, at equal mean bits.

On validation windows; and on the conditions that leave_conditions_out left out, with the codecs that it trained without
them. ``python stages/choose_rates.py FILE`` does the same on recorded windows, which no study needs, in a file such as
``edgecodec evaluate`` takes.
"""

from edgecodec.same_bits import run_program  # first: before numpy and torch

import argparse
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecodec import chosen
from edgecodec.artifacts import ARTIFACTS, FLOAT16, METRICS, MODEL, TRAIN_WINDOWS, VALIDATION_WINDOWS
from edgecodec.data.selection import leave_out, spread
from edgecodec.data.window_reader import Trained, read_windows
from edgecodec.data.windows import WindowSet, lowpass
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.golden import escape_of
from edgecodec.deploy.oracle import encode
from edgecodec.evaluation.rate_distortion import budgets_around
from edgecodec.evaluation.rates_by_need import need_json, references
from edgecodec.evaluation.remarks import bound_percent, remarked
from edgecodec.evaluation.rivals.lineup import fit_rivals_to
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.evaluation.rivals.transform_codec import KLT_DCT
from edgecodec.model.codec import Codec, load_model
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec, load_codec
from edgecodec.params import Params, load_params
from edgecodec.storage import write_json
from edgecodec.training.calibration import fit_calibration

LEFT_OUT = ARTIFACTS / "left_out"  # codecs of the study leave_conditions_out
WINDOWS = 576  # of a split, at most: the oracle rounds like the target, which takes its time


def main() -> None:
    options = argparse.ArgumentParser(description="Rates by need, on validation windows and left-out conditions.")
    options.add_argument("windows", nargs="?", type=Path, help="recorded windows, to be measured instead")
    recorded = options.parse_args().windows
    params, codec, exported = load_params(), load_model(MODEL), load_codec(FLOAT16)
    measured: dict[str, Any] = {"model_hash": exported.model_hash, "makes_remarks": exported.monitor is not None}
    if exported.monitor is not None:
        train = WindowSet.open(TRAIN_WINDOWS)
        measured["splits"] = dict(
            of_the_twin(params, codec, exported, train) if recorded is None else
            of_recorded(params, codec, exported, train, recorded))
    write_json(METRICS / ("rates_by_need.json" if recorded is None else "recorded_windows.json"), measured)


def of_recorded(params: Params, codec: Codec, exported: ExportedCodec, train: WindowSet,
                path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The windows in a file."""
    windows = read_windows(path, Trained(codec.window, codec.offset.numpy(), codec.scale.numpy()), params.validate_)
    targets = lowpass(windows.windows, codec.window.sample_rate_hz, codec.window.lowpass_hz)
    yield "recorded", measure(params, codec, exported, rival_of(params, codec, train), windows.windows, targets)


def of_the_twin(params: Params, codec: Codec, exported: ExportedCodec,
                train: WindowSet) -> Iterator[tuple[str, dict[str, Any]]]:
    """Validation windows, and those of each entry of ``leave_out``."""
    validation = WindowSet.open(VALIDATION_WINDOWS)
    some = spread(validation, WINDOWS)
    yield "validation", measure(params, codec, exported, rival_of(params, codec, train), validation.inputs(some),
                                validation.targets(some))
    for name, words in params.leave_out.items():
        without = load_model(LEFT_OUT / name)
        rest, _ = leave_out(train, words)
        validation_of_rest, unseen = leave_out(validation, words)
        fitted = fit_calibration(without, rest, validation_of_rest, params.seed)
        assert fitted is not None, "the codec of artifacts/model is of the same kind and has a monitor"
        some = spread(unseen, WINDOWS)
        yield name, {"left_out": sorted(words), **measure(
            params, without, export_codec(without, params.firmware.arithmetic, fitted.calibration),
            rival_of(params, without, rest), unseen.inputs(some), unseen.targets(some))}


def rival_of(params: Params, codec: Codec, train: WindowSet) -> Rival:
    """KLT + DCT at its best, with the codec's bits."""
    rival, = fit_rivals_to(train, (KLT_DCT,), budgets_around([codec.bits(rate) for rate in codec.rates]), params.seed,
                           chosen.measure(params))
    return rival


def measure(params: Params, codec: Codec, exported: ExportedCodec, rival: Rival, inputs: NDArray[np.float32],
            targets: NDArray[np.float32]) -> dict[str, Any]:
    """By kind of packets, what nodes say of windows [n, channels, samples], and what choosing by that brings."""
    encoding = encode(exported, np.ascontiguousarray(inputs.transpose(0, 2, 1)))
    by_kind = remarked(codec, encoding, targets)
    first, goes_by = by_kind[PacketKind.FIXED_LENGTH], chosen.measure(params)
    bound, beside = bound_percent(params, first), references(rival, targets, goes_by)
    escape = cache(partial(escape_of, exported, encoding, bound=bound))
    return {
        "windows": len(inputs),
        "called_faulty": int(first.remarks.faulty.sum()),
        "packets": {kind.label: need_json(found, targets, bound, beside, goes_by, exported, escape)
                    for kind, found in by_kind.items()},
    }


if __name__ == "__main__":
    run_program(main)
