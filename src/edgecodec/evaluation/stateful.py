"""What stateful mode saves, and what it loses: bits against error beside packets that stand alone, and lost windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from edgecodec.data.chains import Chain, ChainSource
from edgecodec.evaluation.metrics import central, relative_error_percent
from edgecodec.model.stateful import (
    NoStatefulModeError,
    Sent,
    StatefulCodec,
    StatefulDecoder,
    StatefulPacket,
    WindowLostError,
)
from edgecodec.params import StatefulParams
from edgecodec.progress import progress
from edgecodec.storage import rounded

FIXED, CODED = "fixed", "coded"  # kinds of packets that stand alone
LOSS_RATE = 1  # that packets are sent at over a link that loses some

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Point:
    """One way to send the chains."""

    bits_per_window: float  # mean, of payloads in whole bytes; of fixed-length ones as the codec counts them
    error_percent: float

    def to_json(self) -> dict[str, float]:
        return {name: rounded(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class StatefulMeasurement:
    windows: int
    key_every: int
    key_share: float  # of the packets, at the lowest rate and ``key_every``: regimes change, too
    stateless: Mapping[str, tuple[Point, ...]]  # by kind, one per rate
    stateful: Mapping[int, tuple[Point, ...]]  # by key interval, one per rate
    lost: Mapping[float, float]  # share of the windows at ``key_every``, by the share of the packets
    table_bytes: int  # of the differences, beside the codec's own

    def bits_at_error_of(self, kind: str, rate: int, key_every: int) -> float | None:
        """Mean bits of stateful mode for the error of packets that stand alone, as of :func:`bits_at`."""
        return bits_at(self.stateful[key_every], self.stateless[kind][rate - 1].error_percent)

    def to_json(self) -> dict[str, Any]:
        def by_rate(points: Sequence[Point]) -> dict[str, Any]:
            return {str(rate): point.to_json() for rate, point in enumerate(points, 1)}

        def at_equal_error(kind: str, rate: int) -> dict[str, float | None]:
            bits = {str(every): self.bits_at_error_of(kind, rate, every) for every in self.stateful}
            return {every: None if value is None else rounded(value, 4) for every, value in bits.items()}

        return {
            "windows": self.windows, "key_every": self.key_every, "key_share": rounded(self.key_share, 3),
            "table_bytes": self.table_bytes,
            "stateless": {kind: by_rate(points) for kind, points in self.stateless.items()},
            "stateful": {str(every): by_rate(points) for every, points in self.stateful.items()},
            "bits_at_error_of": {kind: {str(rate): at_equal_error(kind, rate) for rate in range(1, len(points) + 1)}
                                 for kind, points in self.stateless.items()},
            "lost": {str(packets): rounded(windows, 3) for packets, windows in self.lost.items()},
            "expected_loss": {
                str(every): {str(packets): rounded(expected_loss(packets, every), 3) for packets in self.lost}
                for every in self.stateful},
        }

    def table(self) -> pd.DataFrame:
        """One row per way to send the chains."""
        rows = [(kind, None, rate, *vars(point).values())
                for kind, points in self.stateless.items() for rate, point in enumerate(points, 1)]
        rows += [("stateful", every, rate, *vars(point).values())
                 for every, points in self.stateful.items() for rate, point in enumerate(points, 1)]
        table = pd.DataFrame(rows, columns=["packets", "key_every", "rate", "bits_per_window", "error_percent"])
        return table.astype({"key_every": "Int64"})


def measure_stateful(codec: StatefulCodec, chains: ChainSource, params: StatefulParams,
                     seed: int) -> StatefulMeasurement:
    """Send validation chains in every way, without loss, and once more with it.

    Raises:
        NoStatefulModeError: no recording has two windows in a row.
    """
    if chains.length < 2:
        raise NoStatefulModeError("artifacts/windows/validation: no recording has two windows in a row, which stateful "
                                  "mode is measured on; record longer runs")
    generator = np.random.default_rng([seed, params.measure.chains])
    return _Measurement(codec, list(chains.draw(generator, params.measure.chains))).run(params, generator)


class _Measurement:
    def __init__(self, codec: StatefulCodec, chains: Sequence[Chain]) -> None:
        self.codec = codec
        self.inputs = np.concatenate([chain.inputs for chain in chains])  # [chains * windows, channels, samples]
        self.analyzed = codec.analyze_chains(chain.inputs for chain in chains)
        self.inner = central(self.inputs.shape[-1])
        self.targets = np.concatenate([chain.targets[..., self.inner] for chain in chains])
        self.magnitude = np.abs(self.targets).mean(axis=-1, dtype=np.float64)

    def run(self, params: StatefulParams, generator: np.random.Generator) -> StatefulMeasurement:
        rates = self.codec.codec.rates
        indices = self.codec.codec.encode(self.inputs)
        stateless = {
            FIXED: tuple(Point(self.codec.codec.bits(rate), self._error(self.codec.codec.decode(indices, rate)))
                         for rate in rates),
            CODED: tuple(self._coded(rate) for rate in rates),
        }
        del indices
        stateful = {every: tuple(self._point(self._sent(rate, every)) for rate in rates)
                    for every in progress(params.measure.key_intervals, "Key intervals")}
        sent = self._sent(LOSS_RATE, params.key_every)
        lost = {share: share_lost(self.codec, sent, share, generator)
                for share in progress(params.measure.packet_loss, "Links with loss")}
        return StatefulMeasurement(
            windows=len(self.inputs), key_every=params.key_every,
            key_share=float(torch.stack([each.is_key for each in sent]).double().mean()),
            stateless=stateless, stateful=stateful, lost=lost,
            table_bytes=sum(table.numel() * table.element_size() for table in self.codec.differences.buffers()),
        )

    def _sent(self, rate: int, key_every: int) -> list[Sent]:
        return list(self.codec.send_chains(self.analyzed, rate, key_every))

    def _coded(self, rate: int) -> Point:
        """Coded packets: as if every window were a key packet's."""
        return self._point(self._sent(rate, key_every=1))

    def _point(self, sent: Sequence[Sent]) -> Point:
        bits = [8 * len(payload) for packets in sent for payload in packets.payloads]
        latents = torch.stack([packets.state.latent for packets in sent], dim=1)  # [chains, windows, dimension]
        return Point(float(np.mean(bits)), self._error(self.codec.codec.windows_of(latents.flatten(0, 1)[:, None])))

    def _error(self, windows: Floats) -> float:
        deviation = np.abs(windows[..., self.inner] - self.targets).mean(axis=-1, dtype=np.float64)
        return relative_error_percent(deviation, self.magnitude)


def share_lost(codec: StatefulCodec, sent: Sequence[Sent], packet_loss: float, generator: np.random.Generator) -> float:
    """Share of the windows that a :class:`StatefulDecoder` per link does not get if it gets a part of the packets."""
    lost = []
    for link in range(len(sent[0].payloads)):
        decoder = StatefulDecoder(codec)
        for packet in packets_of(sent, link, LOSS_RATE):
            lost.append(generator.random() < packet_loss or not _decodes(decoder, packet))
    return float(np.mean(lost))


def packets_of(sent: Sequence[Sent], link: int, rate: int) -> Iterator[StatefulPacket]:
    """What one link carries."""
    checksum = 0
    for packets in sent:
        packet = StatefulPacket.sealed(rate, bool(packets.is_key[link]), packets.payloads[link], checksum)
        yield packet
        checksum = packet.checksum


def expected_loss(packet_loss: float, key_every: int) -> float:
    """Share of windows without all packets from their key packet on, if losses are independent."""
    arrived = (1 - packet_loss) ** np.arange(1, key_every + 1)
    return float(1 - arrived.mean())


def bits_at(points: Sequence[Point], error_percent: float) -> float | None:
    """Bits that are enough for ``error_percent``; None if no point has so small an error.

    Between points, errors are taken to fall evenly with the logarithm of bits. Where even the fewest bits do better,
    they are the answer: fewer were not measured.
    """
    falling = sorted((point.error_percent, point.bits_per_window) for point in points)
    errors = [error for error, _ in falling]
    if error_percent < errors[0]:
        return None
    return float(np.exp2(np.interp(error_percent, errors, np.log2([bits for _, bits in falling]))))


def _decodes(decoder: StatefulDecoder, packet: StatefulPacket) -> bool:
    try:
        decoder.decode(packet)
    except WindowLostError:
        return False
    return True
