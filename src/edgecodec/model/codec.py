"""The codec that joins the networks: window > latent > indices > latent > window.

``forward`` is for training (gradients, any number of stages per item); ``encode`` and ``decode`` are for use, with
NumPy arrays in the units of the recordings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from edgecodec import chosen
from edgecodec.errors import EdgeCodecError, naming
from edgecodec.model.kind import Parts, WindowFormat
from edgecodec.model.kinds import KINDS
from edgecodec.model.quantizer import Quantized
from edgecodec.model.regimes import PacketQuantizer
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.payloads import Payloads
from edgecodec.params import CodebookParams, CodecParams, Params
from edgecodec.storage import read_json, write_json

BATCH = 256  # windows that encode and decode take at a time


@dataclass(frozen=True)
class Rebuilt:
    """What a training step looks at; windows are normalised."""

    windows: Tensor  # [n, channels, samples]
    quantized: Quantized | None  # None in the warm-up, which leaves the quantizer out


class Codec(nn.Module):
    """An encoder, a residual vector quantizer and a decoder with one normalisation around them."""

    offset: Tensor  # [channels]
    scale: Tensor  # [channels]

    def __init__(self, name: str, window: WindowFormat, parts: Parts) -> None:
        super().__init__()
        self.name = name
        self.window = window
        self.encoder = parts.encoder
        self.quantizer = parts.quantizer
        self.decoder = parts.decoder
        self.coded = parts.coded
        self.tokens = parts.tokens
        self.coefficient_groups = parts.coefficient_groups
        self.register_buffer("offset", torch.zeros(window.channels))
        self.register_buffer("scale", torch.ones(window.channels))

    # -- training ------------------------------------------------------------------------------------------------

    def normalize(self, windows: Tensor) -> Tensor:  # [n, channels, samples]
        return (windows - self.offset[:, None]) * self.scale[:, None]

    def forward(self, normalized: Tensor, stages_sent: Tensor | None, quantize: bool = True) -> Rebuilt:
        latent = self.encoder(normalized)  # [n, tokens, dimension]
        quantized = self.quantizer(latent, stages_sent) if quantize else None
        return Rebuilt(self.decoder(latent if quantized is None else quantized.latent), quantized)

    # -- use -----------------------------------------------------------------------------------------------------

    @property
    def rates(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.quantizer.stages_of_rate) + 1))

    @property
    def quantizers(self) -> Mapping[PacketKind, PacketQuantizer]:
        """By the kind of packets that they are for."""
        fixed_length: dict[PacketKind, PacketQuantizer] = {PacketKind.FIXED_LENGTH: self.quantizer}
        return fixed_length if self.coded is None else {**fixed_length, PacketKind.CODED: self.coded}

    def payloads(self, kind: PacketKind = PacketKind.FIXED_LENGTH) -> Payloads:
        """How indices are sent in packets of ``kind``."""
        return self.quantizers[kind].payloads(self.tokens)

    def bits(self, rate: int) -> int:
        """Payload bits of a fixed-length packet at ``rate``."""
        return self.quantizer.payloads(self.tokens).bits(rate)

    def payload_bits(self, indices: Indices, rate: int, kind: PacketKind) -> NDArray[np.int64]:
        """Of every window's packet of ``kind``: [n]."""
        payloads = self.payloads(kind)
        return payloads.bits_of(payloads.sent(indices, rate))

    @torch.no_grad()
    def encode(self, windows: NDArray[np.float32], kind: PacketKind = PacketKind.FIXED_LENGTH) -> Indices:
        """What packets of ``kind`` hold of ``windows`` [n, channels, samples], for the highest rate.

        A lower rate has the first of these stages. The firmware computes in float16 and may choose another codeword
        where two are nearly as near; ``edgecodec.deploy.oracle`` gives the firmware's very bits.

        Raises:
            EdgeCodecError: wrong shape, or NaN or Inf in a window.
        """
        self.eval()
        quantizer = self.quantizers[kind]
        return Indices.joined([quantizer.encode(self.encoder(self.normalize(batch)))
                               for batch in torch.split(torch.from_numpy(self._checked(windows)), BATCH)])

    def decode(self, indices: Indices, rate: int, kind: PacketKind = PacketKind.FIXED_LENGTH) -> NDArray[np.float32]:
        """Windows [n, channels, samples] from what packets of ``kind`` hold at ``rate``."""
        return self.windows_of(self.quantized_latents(indices, rate, kind))

    def quantized_latents(self, indices: Indices, rate: int,
                          kind: PacketKind = PacketKind.FIXED_LENGTH) -> Tensor:
        """The latents [n, tokens, dimension] of what packets of ``kind`` hold at ``rate``.

        Raises:
            EdgeCodecError: no such rate, too few stages, or an index without codeword.
        """
        payloads = self.payloads(kind)
        sent = payloads.sent(indices, rate)
        payloads.check(sent)
        return self.quantizers[kind].decode(sent)

    @torch.no_grad()
    def latents(self, windows: NDArray[np.float32]) -> Tensor:
        """What the encoder makes of ``windows`` [n, channels, samples]: [n, tokens, dimension], not quantized.

        Raises:
            EdgeCodecError: wrong shape, or NaN or Inf in a window.
        """
        self.eval()
        batches = torch.split(torch.from_numpy(self._checked(windows)), BATCH)
        return torch.cat([self.encoder(self.normalize(batch)) for batch in batches])

    @torch.no_grad()
    def windows_of(self, latent: Tensor) -> NDArray[np.float32]:
        """What the decoder makes of ``latent`` [n, tokens, dimension]: [n, channels, samples], in their unit."""
        self.eval()
        rebuilt = [self.decoder(batch) / self.scale[:, None] + self.offset[:, None]
                   for batch in torch.split(latent, BATCH)]
        return cast(NDArray[np.float32], torch.cat(rebuilt).numpy())

    def _checked(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        shape = (self.window.channels, self.window.samples)
        if windows.ndim != 3 or windows.shape[1:] != shape:
            raise EdgeCodecError(f"windows: shape {windows.shape}; this codec takes [n, {shape[0]}, {shape[1]}]")
        if not np.isfinite(windows).all():
            bad = int(np.argwhere(~np.isfinite(windows).all(axis=(1, 2)))[0, 0])
            raise EdgeCodecError(f"windows: window {bad} holds NaN or Inf; leave it out or fill it")
        return np.ascontiguousarray(windows, dtype=np.float32)


def build_codec(name: str, window: WindowFormat, sizes: CodecParams, codebooks: CodebookParams) -> Codec:
    """An untrained codec of the kind ``name``; its sizes must suit the window (:mod:`edgecodec.contradictions`)."""
    return Codec(name, window, KINDS[name].build(window, sizes, codebooks))


def codec_from_params(params: Params, window: WindowFormat) -> Codec:
    """The untrained codec that ``params.codec`` names."""
    return build_codec(params.codec, window, chosen.sizes(params), chosen.schedule(params))


def save_model(codec: Codec, params: Params, folder: Path) -> None:
    """Write ``model.json`` (what to build) and ``model.safetensors`` (what was learned)."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in codec.state_dict().items()}, folder / "model.safetensors")
    write_json(folder / "model.json", {
        "codec": codec.name,
        "window": {**vars(codec.window), "channel_names": list(codec.window.channel_names)},
        "sizes": chosen.sizes(params).model_dump(mode="json"),
        "training": chosen.schedule(params).model_dump(mode="json"),
    })


def load_model(folder: Path) -> Codec:
    """Read what :func:`save_model` wrote.

    Raises:
        EdgeCodecError: a file is absent or damaged, or does not fit the other.
    """
    with naming(folder, "damaged", "run the stage train again"):
        return _load_model(folder)


def _load_model(folder: Path) -> Codec:
    described: dict[str, Any] = read_json(folder / "model.json")
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise EdgeCodecError(f"{weights}: not found; run the stage train")
    window = WindowFormat(**{**described["window"], "channel_names": tuple(described["window"]["channel_names"])})
    sizes = KINDS[described["codec"]].sizes.model_validate(described["sizes"])
    codebooks = CodebookParams(**{name: described["training"][name] for name in CodebookParams.model_fields})
    codec = build_codec(described["codec"], window, sizes, codebooks)
    try:
        codec.load_state_dict({_present_name(name): value for name, value in load_file(weights).items()})
    except RuntimeError as error:
        raise EdgeCodecError(f"{weights}: does not fit model.json ({str(error).splitlines()[0]}); "
                             "run the stage train again") from None
    codec.eval()
    return codec


def _present_name(name: str) -> str:
    """Of a value in models from before codec paper had regimes, of which it has one."""
    return re.sub(r"^quantizer\.(?=stages|coordinates)", "quantizer.regimes.0.", name)
