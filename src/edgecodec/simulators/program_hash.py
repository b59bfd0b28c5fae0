"""What a firmware's cycles hang on, as a hash: its code, shapes and memory plan, and no weight.

The kernels run the same instructions whatever the values of weights, codebooks, norms, coordinates and frequencies are,
but for a few that look at data. So codecs that differ in values alone are one program.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from edgecodec.deploy.c_source import shape_hash
from edgecodec.deploy.memory import MemoryPlan, plan_for_one_worker
from edgecodec.packets.network import Convolution, ExportedCodec
from edgecodec.storage import sha256_of_file


def program_hash(codec: ExportedCodec, plan: MemoryPlan, firmware: Path) -> str:
    """sha256 of the hand-written sources in ``firmware``, of the codec's shape, and of which slopes are above 1, where
    convolution.c takes another path."""
    shape = shape_hash(codec, plan, plan_for_one_worker(codec))
    steep = [layer.name for layer in codec.layers if isinstance(layer, Convolution) and (layer.slope or 0.0) > 1]
    return hashlib.sha256(f"{kernels_hash(firmware)}\n{shape}\n{steep}".encode()).hexdigest()


def kernels_hash(firmware: Path) -> str:
    """sha256 of the sources of a firmware folder that do not depend on the model: the hand-written ones, and which
    arithmetic they are for."""
    sources = sorted(path for part in ("include", "src", "ports", "verify") for path in (firmware / part).rglob("*")
                     if path.is_file() and not path.name.startswith("codec_"))
    lines = [f"{path.relative_to(firmware).as_posix()} {sha256_of_file(path)}\n" for path in sources]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
