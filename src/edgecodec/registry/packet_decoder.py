"""Packets to windows, with the weights of the trained decoder and the very codebooks that the firmware holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edgecodec.deploy.export import quantizers_of
from edgecodec.deploy.network import load_codec
from edgecodec.deploy.packet import Packet, PacketFormat, unpack
from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import Codec, load_model


@dataclass(frozen=True)
class DecodedWindows:
    """What n packets held, in their order."""

    windows: NDArray[np.float32]  # [n, channels, samples]
    rate: NDArray[np.int32]  # [n]
    sequence: NDArray[np.int64]  # [n]


class PacketDecoder:
    """The receiver of one model's packets."""

    def __init__(self, codec: Codec, form: PacketFormat) -> None:
        self.codec = codec
        self.form = form

    @classmethod
    def open(cls, model: Path, float16: Path) -> PacketDecoder:
        """Join the trained decoder of the folder ``model`` with the codebooks of the folder ``float16``.

        Raises:
            EdgeCodecError: a file is absent or damaged, or the folders are of different codecs.
        """
        codec, exported = load_model(model), load_codec(float16)
        stages = exported.quantizer.stages
        if [stage.norms.size for stage in stages] != [len(codebook) for codebook in codec.quantizer.codebooks]:
            raise EdgeCodecError(f"{float16}: not the float16 export of {model}; run the stage export_float16")
        for regime, quantizer in enumerate(quantizers_of(codec)):
            for codebook, stage in zip(quantizer.codebooks, stages, strict=True):
                words = stage.codewords[regime, :, : codebook.shape[1]]  # the export pads them to an even number
                codebook.copy_(torch.from_numpy(words.astype(np.float32)))
        return cls(codec, PacketFormat.of(exported))

    def decode(self, packets: Sequence[bytes]) -> DecodedWindows:
        """Rates may mix freely.

        Raises:
            EdgeCodecError: a packet is damaged, cut short or of another model; the text gives its number, from 0.
        """
        opened = [self._unpack(number, packet) for number, packet in enumerate(packets)]
        rates = np.array([packet.rate for packet in opened], np.int32)
        windows = np.zeros((len(opened), self.codec.window.channels, self.codec.window.samples), np.float32)
        for rate in np.unique(rates).tolist():
            which = np.flatnonzero(rates == rate)
            windows[which] = self.codec.decode(np.stack([opened[each].indices for each in which]), rate)
        return DecodedWindows(windows, rates, np.array([packet.sequence for packet in opened], np.int64))

    def _unpack(self, number: int, packet: bytes) -> Packet:
        try:
            return unpack(self.form, packet)
        except EdgeCodecError as error:
            raise EdgeCodecError(f"packet {number}: {str(error).removeprefix('packet: ')}") from None
