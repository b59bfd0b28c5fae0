"""What a firmware's cycles hang on, as a hash: its code, shapes and memory plan, and no weight.

The kernels run the same instructions whatever the values of weights, codebooks, norms, coordinates and frequencies are,
but for a few that look at data. So codecs that differ in values alone are one program.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from edgecodec.deploy.c_source import memory_header, network_source
from edgecodec.deploy.memory import MemoryPlan, plan_for_one_worker
from edgecodec.packets.entropy import quantize_frequencies
from edgecodec.packets.monitor import Estimate, Monitor
from edgecodec.packets.network import AnyQuantizer, Convolution, ExportedCodec, Layer, ScalarQuantizer, Stage
from edgecodec.packets.scalar import Scalars
from edgecodec.storage import sha256_of_file

_Arrays = TypeVar("_Arrays", bound=Layer | Stage | Scalars | Monitor | Estimate)


def program_hash(codec: ExportedCodec, plan: MemoryPlan, firmware: Path) -> str:
    """sha256 of the hand-written sources in ``firmware``, and of the network as C, which a codec without values gives:
    layers, stages, places in memory."""
    shape = without_values(codec)
    network = network_source(shape, plan) + memory_header(shape, plan, plan_for_one_worker(shape))
    return hashlib.sha256(f"{kernels_hash(firmware)}\n{network}".encode()).hexdigest()


def kernels_hash(firmware: Path) -> str:
    """sha256 of the sources of a firmware folder that do not depend on the model: the hand-written ones, and which
    arithmetic they are for."""
    sources = sorted(path for part in ("include", "src", "ports", "verify") for path in (firmware / part).rglob("*")
                     if path.is_file() and not path.name.startswith("codec_"))
    lines = [f"{path.relative_to(firmware).as_posix()} {sha256_of_file(path)}\n" for path in sources]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def without_values(codec: ExportedCodec) -> ExportedCodec:
    """``codec`` with zeros for values, and a window of nowhere: equal for codecs of equal shape. Of a
    slope remains whether it is above 1, where convolution.c takes another path."""
    return replace(
        codec, channel_names=(), sample_rate_hz=0.0, layers=tuple(_layer(layer) for layer in codec.layers),
        quantizers={kind: _quantizer(quantizer) for kind, quantizer in codec.quantizers.items()},
        monitor=None if codec.monitor is None else _zeros(codec.monitor))


def _layer(layer: Layer) -> Layer:
    if isinstance(layer, Convolution) and layer.slope is not None:
        layer = replace(layer, slope=2.0 if layer.slope > 1 else 0.0)
    return _zeros(layer)


def _quantizer(quantizer: AnyQuantizer) -> AnyQuantizer:
    estimate = None if quantizer.estimate is None else _zeros(quantizer.estimate)
    if isinstance(quantizer, ScalarQuantizer):
        return replace(quantizer, scalars=_evened(quantizer.scalars), estimate=estimate)
    return replace(quantizer, stages=tuple(_zeros(stage) for stage in quantizer.stages), estimate=estimate)


def _evened(scalars: Scalars) -> Scalars:
    """Zeros, and for every table even frequencies."""
    even = np.concatenate([quantize_frequencies(np.ones(length)) for length in scalars.lengths.tolist()])
    return replace(_zeros(scalars), reach=scalars.reach, fine_bits=scalars.fine_bits, frequencies=even,
                   regime_frequencies=quantize_frequencies(np.ones(scalars.regimes)))


def _zeros(record: _Arrays) -> _Arrays:
    zeros: dict[str, Any] = {each.name: np.zeros_like(value) for each in fields(record)
                             if isinstance(value := getattr(record, each.name), np.ndarray)}
    return replace(record, **zeros)
