"""Write the network that receivers rebuild windows with, as ONNX, from the trained codec."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from edgecodec.model.codec import Codec
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.receiver import DESCRIPTION, NETWORK
from edgecodec.storage import sha256_of_file, write_json


def export_receiver(codec: Codec, exported: ExportedCodec, folder: Path) -> None:
    """Write ``receiver.onnx`` and ``receiver.json`` to ``folder``.

    Args:
        codec: the trained codec.
        exported: its float16 export, whose codebooks the receiver takes.
    """
    quantizer = exported.quantizer
    sums = torch.zeros(2, quantizer.tokens, quantizer.latent.channels)
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's newer exporter needs two packages more
        torch.onnx.export(
            ReceiverNetwork(codec).eval(), (sums, torch.zeros(2, dtype=torch.int64)), folder / NETWORK, dynamo=False,
            input_names=["sums", "regime"], output_names=["windows"],
            dynamic_axes={name: {0: "n"} for name in ("sums", "regime", "windows")})
    write_json(folder / DESCRIPTION, {"model_hash": exported.model_hash,
                                      "network_sha256": sha256_of_file(folder / NETWORK)})


class ReceiverNetwork(nn.Module):
    """Sums of codewords [n, tokens, dimension, even] and regimes [n] to windows [n, channels, samples]."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, sums: Tensor, regime: Tensor) -> Tensor:
        codec = self.codec
        latent = sums[..., : codec.quantizer.dimension]  # the export pads an odd dimension
        latent = codec.quantizer.to_latent(latent, regime)
        return codec.decoder(latent) / codec.scale[:, None] + codec.offset[:, None]  # type: ignore[no-any-return]
