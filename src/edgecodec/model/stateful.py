"""Stateful mode: packets that build on the packet before. An option; packets that stand alone remain the default.

Every ``key_every`` windows, and whenever a window is of another regime than the one before, a **key packet** goes out:
a coded packet that stands alone. A **stateful packet** in between holds by what its window differs from the prediction
(:mod:`edgecodec.model.differences`).

**Loss.** A packet's checksum is a CRC-32 that starts from the checksum of the packet before; that of a key packet
starts anew. So it costs no bit more than any packet's, and a receiver sees that a packet builds on one that it does not
have: lost, damaged, out of order, or from before the node started again. It refuses such a packet with
:class:`WindowLostError`, and so all others up to the next key packet. It never predicts from another state than the
node's, so that a window is either the same as without loss, or not there.

A stateful packet cannot be cut to a lower rate on its way, as others can: the node predicts from what it sent.

The node's firmware does not run this mode: it is one of the host.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import Codec
from edgecodec.model.differences import DifferenceQuantizer, State
from edgecodec.model.entropy import ManyWindowIndices
from edgecodec.model.regimes import RegimeQuantizer
from edgecodec.params import StatefulParams
from edgecodec.storage import read_json, sha256_of_file, write_json

CHAINS_AT_ONCE = 16  # that are analyzed together

Floats = NDArray[np.float32]


class WindowLostError(EdgeCodecError):
    """A packet builds on one that is not there."""


class NoStatefulModeError(EdgeCodecError):
    """A codec, or the data that it was trained on, cannot have a stateful mode."""


@dataclass(frozen=True, eq=False)
class Analyzed:
    """One window of every link, before it is decided what kind of packet it becomes."""

    latent: Tensor  # [n, dimension], not quantized
    alone: ManyWindowIndices  # of key packets

    @property
    def regime(self) -> Tensor:
        return torch.from_numpy(self.alone.regimes.astype(np.int64))  # [n]

    def select(self, which: Tensor) -> Analyzed:
        """Of the links ``which`` [n]."""
        rows = which.numpy()
        return Analyzed(self.latent[which], ManyWindowIndices(self.alone.regimes[rows], self.alone.indices[rows]))


@dataclass(frozen=True, eq=False)
class Sent:
    """One packet of every link."""

    is_key: Tensor  # [n]
    payloads: list[bytes]
    state: State  # behind it, at both ends


class StatefulCodec:
    """What both ends of a link compute, for n links side by side; it keeps nothing of any of them.

    Raises:
        NoStatefulModeError: the codec has no coded packets.
        EdgeCodecError: ``differences`` were made for another codec.
    """

    def __init__(self, codec: Codec, differences: DifferenceQuantizer) -> None:
        if codec.coded is None or not isinstance(codec.quantizer, RegimeQuantizer):
            raise NoStatefulModeError(f"codec {codec.name}: has no coded packets, which stateful mode needs as key "
                                      "packets; take codec edge")
        shape, wanted = list(differences.centre.shape), [len(codec.quantizer.regimes), codec.quantizer.dimension]
        if shape != wanted:
            raise EdgeCodecError(f"stateful mode: made for {shape} regimes and latent entries, the codec has {wanted}; "
                                 "run the stage analyze_stateful again")
        if len(differences.coded.stages_of_rate) != len(codec.rates):
            raise EdgeCodecError(f"params.yaml: stateful.coded.stages_of_rate: "
                                 f"{len(differences.coded.stages_of_rate)} rates, the codec has {len(codec.rates)}")
        self.codec, self.differences = codec.eval(), differences.eval()
        self._coded = codec.coded
        self._key_tables, self._tables = codec.coded.tables, differences.tables()

    def at_the_start(self, n: int) -> State:
        """Of ``n`` links."""
        return State.at_the_start(n, self.differences.dimension)

    @torch.no_grad()
    def analyze(self, windows: Floats) -> Analyzed:
        """Of ``windows`` [n, channels, samples], one per link.

        Raises:
            EdgeCodecError: wrong shape, or NaN or Inf in a window.
        """
        return Analyzed(self.codec.latents(windows)[:, 0], self.codec.encode_coded(windows))

    def analyze_chains(self, chains: Iterable[Floats]) -> list[Analyzed]:
        """Of ``chains`` [windows, channels, samples] of equal length, one per link: their first windows, and so on."""
        rest, length = iter(chains), 0
        parts: list[Analyzed] = []
        while some := list(islice(rest, CHAINS_AT_ONCE)):
            parts.append(self.analyze(np.concatenate(some)))
            length = len(some[0])
        latents = torch.cat([part.latent for part in parts]).reshape(-1, length, self.differences.dimension)
        regimes = np.concatenate([part.alone.regimes for part in parts]).reshape(-1, length)
        indices = np.concatenate([part.alone.indices for part in parts]).reshape(len(regimes), length, -1)
        return [Analyzed(latents[:, number], ManyWindowIndices(regimes[:, number], indices[:, number]))
                for number in range(length)]

    def send_chains(self, chains: Sequence[Analyzed], rate: int, key_every: int) -> Iterator[Sent]:
        """One packet of every link after the other, from the start."""
        state = self.at_the_start(len(chains[0].latent))
        for analyzed in chains:
            sent = self.send(analyzed, state, rate, key_every)
            yield sent
            state = sent.state

    @torch.no_grad()
    def send(self, analyzed: Analyzed, before: State, rate: int, key_every: int) -> Sent:
        """The next packet of every link."""
        is_key = (before.since_key + 1 >= key_every) | (analyzed.regime != before.regime)
        keys = self._send_alone(analyzed.select(is_key), rate)
        others = self._send_differences(analyzed.select(~is_key).latent, before.select(~is_key), rate)
        payloads = iter(keys.payloads), iter(others.payloads)
        return Sent(is_key, [next(payloads[0 if key else 1]) for key in is_key.tolist()],
                    State.merged(is_key, keys.state, others.state))

    @torch.no_grad()
    def receive_key(self, payload: bytes, rate: int) -> State:
        """The state of one link behind a key packet.

        Raises:
            EdgeCodecError: it is the payload of no window.
        """
        sent = self._key_tables.decode(payload, self._coded.stages_of_rate[rate - 1])
        return self._after_keys(ManyWindowIndices(np.array([sent.regime], np.uint16), sent.indices[np.newaxis]), rate)

    @torch.no_grad()
    def receive_difference(self, payload: bytes, before: State, rate: int) -> State:
        """The state of one link behind a stateful packet. Errors as of :meth:`receive_key`."""
        tables = self._tables[int(before.regime)]
        sent = tables.decode(payload, self.differences.coded.stages_of_rate[rate - 1])
        return self.differences.decode(torch.from_numpy(sent.indices[np.newaxis].astype(np.int64)), before)

    def windows(self, state: State) -> Floats:
        """The last window of every link, [n, channels, samples]."""
        return self.codec.windows_of(state.latent[:, None])

    def _send_alone(self, analyzed: Analyzed, rate: int) -> Sent:
        stages = self._coded.stages_of_rate[rate - 1]
        payloads = self._key_tables.encode_many(analyzed.alone.regimes, analyzed.alone.indices[:, :stages])
        return Sent(torch.ones(len(payloads), dtype=torch.bool), payloads, self._after_keys(analyzed.alone, rate))

    def _after_keys(self, alone: ManyWindowIndices, rate: int) -> State:
        regime = torch.from_numpy(alone.regimes.astype(np.int64))
        return State.after_key(self.codec.coded_latents(alone, rate)[:, 0], regime)

    def _send_differences(self, latent: Tensor, before: State, rate: int) -> Sent:
        indices = self.differences.encode(latent, before, rate)
        payloads = [b""] * len(indices)
        for regime, mine in self.differences.by_regime(before):
            words = indices[mine].numpy().astype(np.uint16)
            encoded = self._tables[regime].encode_many(np.zeros(len(words), np.uint16), words)
            for link, payload in zip(mine.tolist(), encoded, strict=True):
                payloads[link] = payload
        return Sent(torch.zeros(len(payloads), dtype=torch.bool), payloads, self.differences.decode(indices, before))


@dataclass(frozen=True)
class StatefulPacket:
    """One window on its way."""

    rate: int
    is_key: bool
    payload: bytes
    checksum: int  # CRC-32 of all packets from the key packet on

    @classmethod
    def sealed(cls, rate: int, is_key: bool, payload: bytes, before: int) -> StatefulPacket:
        """A packet; if it is no key packet, it builds on one with the checksum ``before``."""
        return cls(rate, is_key, payload, zlib.crc32(bytes([rate, is_key]) + payload, 0 if is_key else before))

    def builds_on(self, before: int) -> bool:
        """Whether it is whole, and a key packet or one that builds on a packet with the checksum ``before``."""
        return self == StatefulPacket.sealed(self.rate, self.is_key, self.payload, before)


class StatefulEncoder:
    """The sending end: windows that follow each other in, packets out."""

    def __init__(self, codec: StatefulCodec, key_every: int) -> None:
        if key_every < 1:
            raise EdgeCodecError(f"key_every {key_every}: must be 1 (key packets alone) or more")
        self._codec, self._key_every = codec, key_every
        self._state, self._checksum = codec.at_the_start(1), 0

    def encode(self, window: Floats, rate: int) -> StatefulPacket:
        """The packet of ``window`` [channels, samples], which follows the last one without a gap.

        Raises:
            EdgeCodecError: no such rate, wrong shape, or NaN or Inf in the window; the state stays as it is.
        """
        self._codec.codec.bits(rate)  # refuses what is no rate
        sent = self._codec.send(self._codec.analyze(window[np.newaxis]), self._state, rate, self._key_every)
        packet = StatefulPacket.sealed(rate, bool(sent.is_key), sent.payloads[0], self._checksum)
        self._state, self._checksum = sent.state, packet.checksum
        return packet


class StatefulDecoder:
    """The receiving end: packets in, in any order and with any of them lost; windows out."""

    def __init__(self, codec: StatefulCodec) -> None:
        self._codec = codec
        self._state: State | None = None  # until a key packet comes
        self._checksum = 0

    def decode(self, packet: StatefulPacket) -> Floats:
        """The window [channels, samples] of ``packet``.

        Raises:
            WindowLostError: it builds on a packet that is not there, or is damaged.
            EdgeCodecError: no such rate, a damaged key packet, or a payload of no window. The state stays as it is.
        """
        self._codec.codec.bits(packet.rate)
        whole = packet.builds_on(self._checksum)
        if packet.is_key:
            if not whole:
                raise EdgeCodecError("key packet: damaged, the checksum does not match; leave it out")
            state = self._codec.receive_key(packet.payload, packet.rate)
        else:
            if self._state is None or not whole:
                raise WindowLostError("stateful packet: it is damaged, or the packet before it is not there; its "
                                      "window is lost, go on to the next key packet")
            state = self._codec.receive_difference(packet.payload, self._state, packet.rate)
        self._state, self._checksum = state, packet.checksum
        return cast(Floats, self._codec.windows(state)[0])


def build_differences(codec: Codec, params: StatefulParams) -> DifferenceQuantizer:
    """Unfitted."""
    return DifferenceQuantizer(
        regimes=len(codec.quantizer.regimes) if isinstance(codec.quantizer, RegimeQuantizer) else 1,
        dimension=codec.quantizer.dimension, means=codec.window.channels, line_coordinates=params.line_coordinates,
        **dict(params.coded),
    )


def save_differences(differences: DifferenceQuantizer, params: StatefulParams, model: Path, folder: Path) -> None:
    """Write ``stateful.json`` (what to build, and for which codec) and ``stateful.safetensors`` to ``folder``.

    Args:
        model: folder of the codec that they were made for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in differences.state_dict().items()},
              folder / "stateful.safetensors")
    write_json(folder / "stateful.json", {
        "model_sha256": sha256_of_file(model / "model.safetensors"), "stateful": params.model_dump(mode="json")})


def load_stateful(codec: Codec, model: Path, folder: Path) -> StatefulCodec:
    """Read what :func:`save_differences` wrote for ``codec``, which comes from the folder ``model``.

    Raises:
        EdgeCodecError: a file is absent or does not fit the other, or was made for another codec.
    """
    described, weights = read_json(folder / "stateful.json"), folder / "stateful.safetensors"
    if not weights.is_file():
        raise EdgeCodecError(f"{weights}: not found; run the stage analyze_stateful")
    if described["model_sha256"] != sha256_of_file(model / "model.safetensors"):
        raise EdgeCodecError(f"{folder / 'stateful.json'}: made for another codec than {model}; "
                             "run the stage analyze_stateful again")
    differences = build_differences(codec, StatefulParams.model_validate(described["stateful"]))
    try:
        differences.load_state_dict(load_file(weights))
    except RuntimeError as error:
        raise EdgeCodecError(f"{weights}: does not fit stateful.json ({str(error).splitlines()[0]}); "
                             "run the stage analyze_stateful again") from None
    return StatefulCodec(codec, differences)
