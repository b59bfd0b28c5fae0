"""What ``codec``, ``error.metric`` and ``train.profile`` choose among the settings."""

from __future__ import annotations

from collections.abc import Mapping

from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import ERROR_METRICS, Measure
from edgecodec.params import CodecParams, EdgeParams, PaperParams, Params, TrainParams, TransformParams

SHORTENED = ("warmup_steps", "joint_steps", "decoder_steps", "codebook_windows")  # by profile quick
SIZES: Mapping[str, type[CodecParams]] = {"edge": EdgeParams, "paper": PaperParams, "transform": TransformParams}


def sizes(params: Params, codec: str | None = None) -> CodecParams:
    """Of the chosen codec, or of ``codec``.

    Raises:
        EdgeCodecError: one is left open; :func:`edgecodec.designed.designed` closes them.
    """
    codec = codec or params.codec
    pins = {} if codec not in SIZES else getattr(params.codecs, codec).model_dump()
    left = [name for name, value in pins.items() if value in ("auto", None)]
    if left or not pins:
        raise EdgeCodecError(f"params.yaml: {f'codecs.{codec}.{left[0]}' if left else 'codec'} is auto, and nothing "
                             "has chosen it; run the stage design")
    return SIZES[codec].model_validate(pins)


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
