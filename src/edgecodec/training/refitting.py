"""The trained codec whose codebooks are refitted (``train.refit: codebooks``), and whether it has the shape for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecodec import chosen
from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import Codec, load_model
from edgecodec.model.kind import WindowFormat
from edgecodec.params import Params
from edgecodec.storage import read_json


def networks_to_keep(params: Params, train: WindowSet) -> Codec | None:
    """The codec in ``train.model``; None where everything is trained.

    Raises:
        EdgeCodecError: it is absent or damaged, or has another shape than ``params`` and ``train`` ask for.
    """
    if params.train.model is None:
        return None
    codec = load_model(params.train.model)
    refuse_other_shape(params.train.model, params)
    window = WindowFormat(tuple(train.channel_names), train.samples, train.sample_rate_hz, train.lowpass_hz)
    _refuse(params.train.model, vars(codec.window), vars(window))
    return codec


def refuse_other_shape(model: Path, params: Params) -> None:
    """Hold the trained codec in ``model`` against the settings, which is possible before there are windows.

    Raises:
        EdgeCodecError: its kind, a size or its windows' length is another; the text names the first such.
    """
    described = read_json(model / "model.json")
    sizes = chosen.sizes(params).model_dump(mode="json")
    asked = {"codec": params.codec, "samples": params.window.samples,
             **{f"codecs.{params.codec}.{name}": size for name, size in sizes.items()}}
    found = {"codec": described["codec"], "samples": described["window"]["samples"],
             **{f"codecs.{described['codec']}.{name}": size for name, size in described["sizes"].items()}}
    _refuse(model, found, asked)


def _refuse(model: Path, found: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    for name, value in asked.items():
        if found.get(name) != value:
            raise EdgeCodecError(f"train.refit codebooks keeps the shape of {model}, but {name} is "
                                 f"{_told(found.get(name))} there and {_told(value)} now; make them equal, or set "
                                 "train.refit to all")


def _told(value: Any) -> str:
    return f"({', '.join(map(str, value))})" if isinstance(value, list | tuple) else str(value)
