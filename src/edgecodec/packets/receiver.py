"""The receiver's side of a codec: from indices to windows, with NumPy and ONNX Runtime; no torch.

Stage by stage the codewords are summed up, in the coordinates of their regime and out of the very codebooks that the
firmware holds; of coded packets every coordinate is restored by itself. A network in ONNX makes windows of them:
``receiver.onnx``, with what it belongs to in ``receiver.json``.

ONNX Runtime's matrix products sum in an order that depends on the layer alone, neither on how many windows are
rebuilt together nor on the number of threads: a window is the same bits in every batch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError, naming
from edgecodec.packets.indices import Indices
from edgecodec.packets.network import AnyQuantizer, ExportedCodec, Quantizer, ScalarQuantizer, load_codec
from edgecodec.storage import read_json, sha256_of_file

if TYPE_CHECKING:
    import onnxruntime

NETWORK, DESCRIPTION = "receiver.onnx", "receiver.json"
BATCH = 64  # windows that are rebuilt at a time: they and what they are made from stay in the processor's cache


def onnx_runtime() -> ModuleType:
    """ONNX Runtime, its telemetry off, which leaves a file in the folder of temporary files."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Receiver:
    """Rebuilds the windows of one codec."""

    codec: ExportedCodec
    network: onnxruntime.InferenceSession

    @classmethod
    def open(cls, folder: Path, float16: Path, threads: int = 1) -> Receiver:
        """Join the network in ``folder`` with the codebooks of the exported codec in ``float16``.

        Raises:
            EdgeCodecError: a file is absent or damaged, or the folders are of different codecs.
        """
        with naming(folder, "damaged", "run the stage export_receiver again"):
            return cls._open(folder, float16, threads)

    @classmethod
    def _open(cls, folder: Path, float16: Path, threads: int) -> Receiver:
        codec, described, path = load_codec(float16), read_json(folder / DESCRIPTION), folder / NETWORK
        if described["model_hash"] != codec.model_hash:
            raise EdgeCodecError(f"{folder}: made for another codec than {float16}; run the stage export_receiver")
        if not path.is_file() or sha256_of_file(path) != described["network_sha256"]:
            raise EdgeCodecError(f"{path}: absent or damaged; run the stage export_receiver again")
        runtime = onnx_runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        network = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return cls(codec, network)

    def rebuild(self, quantizer: AnyQuantizer, indices: Indices) -> NDArray[np.float32]:
        """Windows [n, channels, samples] in the unit of the recordings.

        Args:
            quantizer: the one of ``codec.quantizers`` that the indices are of.
            indices: of n windows, with the stages they were sent with.
        """
        windows = np.empty((len(indices), self.codec.channels, self.codec.samples), np.float32)
        asked = {each.name for each in self.network.get_inputs()}  # a network of one regime does not ask for it
        for start in range(0, len(indices), BATCH):
            part = slice(start, start + BATCH)
            sums = latents(quantizer, indices[part])
            regime = indices.regime[part].astype(np.int64)
            offered = {"sums": sums, "regime": regime}
            (windows[part],) = self.network.run(None, {name: offered[name] for name in asked})
        return windows


def latents(quantizer: AnyQuantizer, indices: Indices) -> NDArray[np.float32]:
    """What ``indices`` stand for, [n, tokens, dimension] in the coordinates of the windows' regimes."""
    if isinstance(quantizer, ScalarQuantizer):
        rate = indices.words.shape[1]
        return quantizer.scalars.restore(indices.words[:, -1], indices.regime, rate)[:, np.newaxis]
    return sums_of_codewords(quantizer, indices)


def sums_of_codewords(quantizer: Quantizer, indices: Indices) -> NDArray[np.float32]:
    """Stage by stage, in float32: [n, tokens, dimension] in the coordinates of the windows' regimes."""
    n, stages, tokens = indices.words.shape
    dimension = quantizer.latent.channels
    sums = np.zeros((n, tokens, dimension), np.float32)
    whole_token = np.broadcast_to(np.arange(dimension), (quantizer.regimes, dimension))
    windows, each_token = np.arange(n)[:, np.newaxis, np.newaxis], np.arange(tokens)[:, np.newaxis]
    regime = indices.regime[:, np.newaxis]
    for number, stage in enumerate(quantizer.stages[:stages]):
        where = (whole_token if stage.coordinates is None else stage.coordinates)[regime]  # [n, 1, codeword samples]
        sums[windows, each_token, where] += stage.codewords[regime, indices.words[:, number]]
    return sums
