"""The codec that joins the networks: window > latent > indices > latent > window.

``forward`` is for training (gradients, any number of stages per item); ``encode`` and ``decode`` are for use, with
NumPy arrays in the units of the recordings.
"""

from __future__ import annotations

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
from edgecodec.model.coded import CodedQuantizer
from edgecodec.model.kind import Parts, Quantizer, WindowFormat
from edgecodec.model.kinds import KINDS
from edgecodec.model.quantizer import Quantized
from edgecodec.packets.entropy import ManyWindowIndices
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
    def has_coded_packets(self) -> bool:
        return self.coded is not None

    @property
    def index_bits(self) -> int:
        """Bits of one index: ceil(log2 K), so a codebook size that is no power of two wastes a part of a bit."""
        return max(1, (self.quantizer.codewords - 1).bit_length())

    def bits(self, rate: int) -> int:
        """Payload bits of one window at ``rate``."""
        return self._stages(rate) * self.tokens * self.index_bits

    @torch.no_grad()
    def encode(self, windows: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Indices [n, stages, tokens] of ``windows`` [n, channels, samples], for the highest rate.

        A lower rate is a prefix of the stages. The firmware computes in float16 and may choose another codeword where
        two are nearly as near; ``edgecodec.deploy.oracle`` gives the firmware's very bits.

        Raises:
            EdgeCodecError: wrong shape, or NaN or Inf in a window.
        """
        self.eval()
        windows = self._checked(windows)
        return np.concatenate([
            self.quantizer(self.encoder(self.normalize(batch))).indices.numpy().astype(np.uint16)
            for batch in torch.split(torch.from_numpy(windows), BATCH)
        ]) if len(windows) else np.zeros((0, self.quantizer.stages_of_rate[-1], self.tokens), np.uint16)

    def word_numbers(self, indices: NDArray[np.uint16]) -> NDArray[np.int64]:
        """Which of ``quantizer.codebooks``' words ``indices`` [n, stages, tokens] name: the same shape."""
        return self.quantizer.word_numbers(torch.from_numpy(indices.astype(np.int64))).numpy()

    @torch.no_grad()
    def decode(self, indices: NDArray[np.uint16], rate: int) -> NDArray[np.float32]:
        """Windows [n, channels, samples] from ``indices`` [n, stages of the rate or more, tokens]."""
        self.eval()
        stages = self._stages(rate)
        if indices.ndim != 3 or indices.shape[1] < stages or indices.shape[2] != self.tokens:
            raise EdgeCodecError(f"indices: shape {indices.shape}; rate {rate} needs [n, {stages}, {self.tokens}]")
        if indices.size and int(indices[:, :stages].max()) >= self.quantizer.codewords:
            raise EdgeCodecError(f"indices: {int(indices[:, :stages].max())} is no codeword of "
                                 f"{self.quantizer.codewords}")
        wanted = torch.from_numpy(indices[:, :stages].astype(np.int64))
        return self.windows_of(self.quantizer.decode(wanted))

    @torch.no_grad()
    def encode_coded(self, windows: NDArray[np.float32]) -> ManyWindowIndices:
        """What coded packets of ``windows`` [n, channels, samples] hold, for the highest rate.

        Raises:
            EdgeCodecError: wrong shape, NaN or Inf in a window, or a codec without coded packets.
        """
        self.eval()
        quantizer, coded = self.for_coded()
        regimes = np.zeros(len(windows), np.uint16)
        indices = np.zeros((len(windows), coded.stages_of_rate[-1]), np.uint16)
        for start in range(0, len(windows), BATCH):
            batch = slice(start, start + BATCH)
            latent = self.encoder(self.normalize(torch.from_numpy(self._checked(windows[batch]))))
            rotated = [quantizer.into(number, latent)[:, 0] for number in range(len(quantizer.quantizers))]
            regimes[batch] = regime = coded.choose(rotated).numpy()
            for number in np.unique(regime):
                mine = np.flatnonzero(regime == number)
                indices[start + mine] = coded.encode(rotated[number][mine], number).numpy()
        return ManyWindowIndices(regimes, indices)

    def decode_coded(self, sent: ManyWindowIndices, rate: int) -> NDArray[np.float32]:
        """Windows [n, channels, samples] from what coded packets hold at ``rate``."""
        return self.windows_of(self.coded_latents(sent, rate))

    @torch.no_grad()
    def coded_latents(self, sent: ManyWindowIndices, rate: int) -> Tensor:
        """The quantized latents [n, 1, dimension] of what coded packets hold at ``rate``.

        Raises:
            EdgeCodecError: no such rate, or a codec without coded packets.
        """
        self._stages(rate)
        quantizer, coded = self.for_coded()
        latent = torch.zeros(len(sent.regimes), 1, quantizer.dimension)
        for number in np.unique(sent.regimes):
            mine = np.flatnonzero(sent.regimes == number)
            own = torch.from_numpy(sent.indices[mine, : coded.stages_of_rate[rate - 1]].astype(np.int64))
            latent[mine] = quantizer.out_of(number, coded.decode(own, number)[:, None])
        return latent

    def coded_payloads(self, sent: ManyWindowIndices, rate: int) -> list[bytes]:
        """What coded packets at ``rate`` carry, one per window."""
        self._stages(rate)
        _, coded = self.for_coded()
        return coded.tables.encode_many(sent.regimes, sent.indices[:, : coded.stages_of_rate[rate - 1]])

    def for_coded(self) -> tuple[Quantizer, CodedQuantizer]:
        """What coded packets are made with.

        Raises:
            EdgeCodecError: the codec has none.
        """
        if self.coded is None:
            raise EdgeCodecError(f"codec {self.name}: has no coded packets; send fixed-length ones")
        return self.quantizer, self.coded

    @torch.no_grad()
    def latents(self, windows: NDArray[np.float32]) -> Tensor:
        """What the encoder makes of ``windows`` [n, channels, samples]: [n, tokens, dimension], not quantized.

        Raises:
            EdgeCodecError: wrong shape, or NaN or Inf in a window.
        """
        if self.training:
            self.eval()
        batches = torch.split(torch.from_numpy(self._checked(windows)), BATCH)
        return torch.cat([self.encoder(self.normalize(batch)) for batch in batches])

    @torch.no_grad()
    def windows_of(self, latent: Tensor) -> NDArray[np.float32]:
        """What the decoder makes of ``latent`` [n, tokens, dimension]: [n, channels, samples], in their unit."""
        if self.training:
            self.eval()
        rebuilt = [self.decoder(batch) / self.scale[:, None] + self.offset[:, None]
                   for batch in torch.split(latent, BATCH)]
        return cast(NDArray[np.float32], torch.cat(rebuilt).numpy())

    def _stages(self, rate: int) -> int:
        if rate not in self.rates:
            raise EdgeCodecError(f"rate {rate}: this codec was trained for rates 1 to {len(self.rates)}")
        return self.quantizer.stages_of_rate[rate - 1]

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
        codec.load_state_dict(load_file(weights))
    except RuntimeError as error:
        raise EdgeCodecError(f"{weights}: does not fit model.json ({str(error).splitlines()[0]}); "
                             "run the stage train again") from None
    codec.eval()
    return codec
