"""The settings with what they leave open, as the stage design closed it in ``artifacts/design/sizes.json``.

A size in params.yaml is a number, which pins it, or ``auto``. Every stage and command that reads sizes takes its
settings from :func:`designed`; those that ran before the design need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgecodec.artifacts import DESIGN
from edgecodec.contradictions import AUTO, is_open
from edgecodec.params import EdgePins, OneTokenPins, Params, TransformPins, load_params
from edgecodec.storage import read_json

FILE_NAME = "sizes.json"  # apart from the reasons, whose wording must train nothing anew
# Kinds of codec whose sizes may be open.
DESIGNED: Mapping[str, type[OneTokenPins]] = {"edge": EdgePins, "transform": TransformPins}


def designed(params: Params | None = None, folder: Path = DESIGN) -> Params:
    """``params``, by default those of params.yaml, with nothing left open. If nothing was, no design is read.

    Raises:
        EdgeCodecError: something is open and there is no design, or it leaves a size open.
    """
    params = load_params() if params is None else params
    if params.codec != AUTO and not any(is_open(getattr(params.codecs, codec)) for codec in DESIGNED):
        return params
    content = read_json(folder / FILE_NAME)
    return closed(params, content["codec"], content["sizes"])


def closed(params: Params, codec: str, sizes: Mapping[str, Mapping[str, Any]]) -> Params:
    """``params`` with ``codec`` and ``sizes``, by kind of codec, in place of what is open. What is pinned stays."""
    codecs = {name: pins.model_validate(_filled(getattr(params.codecs, name).model_dump(), sizes[name]))
              for name, pins in DESIGNED.items() if name in sizes}
    return params.model_copy(update={
        "codec": codec if params.codec == AUTO else params.codec,
        "codecs": params.codecs.model_copy(update=codecs)})


def _filled(pins: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _filled(pin, chosen[name]) if isinstance(pin, Mapping) else chosen[name] if pin == AUTO else pin
            for name, pin in pins.items()}
