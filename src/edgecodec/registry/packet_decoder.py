"""Packets to windows, with the weights of the trained decoder and the very codebooks that the firmware holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edgecodec.deploy.export import quantizers_of
from edgecodec.deploy.network import load_codec
from edgecodec.deploy.packet import CodedFormat, PacketFormat, PacketKind, SealedPacket, open_packet
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
        if [stage.norms.size for stage in stages] != [len(codebook) for codebook in codec.quantizer.codebooks] \
                or (codec.coded is None) != (exported.coded is None):
            raise EdgeCodecError(f"{float16}: not the float16 export of {model}; run the stage export_float16")
        for regime, quantizer in enumerate(quantizers_of(codec)):
            for codebook, stage in zip(quantizer.codebooks, stages, strict=True):
                words = stage.codewords[regime, :, : codebook.shape[1]]  # the export pads them to an even number
                codebook.copy_(torch.from_numpy(words.astype(np.float32)))
        if codec.coded is not None and exported.coded is not None:
            books = np.stack([stage.codewords for stage in exported.coded.quantizer.stages], axis=1)
            codec.coded.codewords.copy_(torch.from_numpy(books.astype(np.float32)))
        return cls(codec, PacketFormat.of(exported))

    def decode(self, packets: Sequence[bytes]) -> DecodedWindows:
        """Rates and kinds may mix freely.

        Raises:
            EdgeCodecError: a packet is damaged, cut short or of another model; the text gives its number, from 0.
        """
        opened = [self._open(number, packet) for number, packet in enumerate(packets)]
        windows = np.zeros((len(opened), self.codec.window.channels, self.codec.window.samples), np.float32)
        for kind, rate in sorted({(packet.kind, packet.rate) for packet in opened}):
            alike = {number: packet.payload for number, packet in enumerate(opened)
                     if (packet.kind, packet.rate) == (kind, rate)}
            decode = self._decode_coded if kind is PacketKind.CODED else self._decode_fixed_length
            windows[list(alike)] = decode(rate, alike)
        return DecodedWindows(windows, np.array([packet.rate for packet in opened], np.int32),
                              np.array([packet.sequence for packet in opened], np.int64))

    def _open(self, number: int, packet: bytes) -> SealedPacket:
        with _naming(number):
            return open_packet(self.form, packet)

    def _decode_fixed_length(self, rate: int, payloads: Mapping[int, bytes]) -> NDArray[np.float32]:
        """Windows [n, channels, samples] of payloads by number of their packets."""
        indices = []
        for number, payload in payloads.items():
            with _naming(number):
                indices.append(self.form.indices(rate, payload))
        return self.codec.decode(np.stack(indices), rate)

    def _decode_coded(self, rate: int, payloads: Mapping[int, bytes]) -> NDArray[np.float32]:
        """The same; all payloads at once, which is many times faster than one by one."""
        coded = self.form.payloads(PacketKind.CODED)
        assert isinstance(coded, CodedFormat)
        try:
            found = coded.tables.decode_many(list(payloads.values()), coded.stages(rate))
        except EdgeCodecError:
            for number, payload in payloads.items():
                with _naming(number):
                    coded.indices(rate, payload)
            raise
        return self.codec.decode_coded(found, rate)


@contextmanager
def _naming(number: int) -> Iterator[None]:
    """Errors about a packet tell its number."""
    try:
        yield
    except EdgeCodecError as error:
        raise EdgeCodecError(f"packet {number}: {str(error).removeprefix('packet: ')}") from None
