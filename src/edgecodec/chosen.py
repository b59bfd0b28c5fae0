"""What ``codec``, ``error.metric`` and ``train.profile`` choose among the settings."""

from __future__ import annotations

from edgecodec.metrics import ERROR_METRICS, Measure
from edgecodec.params import CodecParams, Params, TrainParams

SHORTENED = ("warmup_steps", "joint_steps", "decoder_steps", "codebook_windows")  # by profile quick


def sizes(params: Params) -> CodecParams:
    """Of the chosen codec."""
    return getattr(params.codecs, params.codec)  # type: ignore[no-any-return]


def measure(params: Params) -> Measure:
    """The error that the project goes by."""
    return Measure(ERROR_METRICS[params.error.metric], params.error.tolerance)


def schedule(params: Params) -> TrainParams:
    """By which the chosen codec is trained in the chosen profile."""
    full: TrainParams = getattr(params.train, params.codec)
    if params.train.profile == "full":
        return full
    return full.model_copy(update={name: -(-getattr(full, name) // params.train.quick_divisor) for name in SHORTENED})


def for_paper(params: Params, schedule: TrainParams) -> Params:
    """The same settings with codec paper, trained by ``schedule``."""
    return params.model_copy(update={"codec": "paper", "train": params.train.model_copy(update={"paper": schedule})})
