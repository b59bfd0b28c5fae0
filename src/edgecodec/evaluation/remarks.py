"""How true a node's remarks are: estimated against true errors, bounds that are kept, faults and disturbances found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgecodec.metrics import errors_of_windows
from edgecodec.packets import escape
from edgecodec.packets.cosines import cosines, samples_of
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import Remarks
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, open_packet
from edgecodec.params import Params
from edgecodec.storage import rounded

if TYPE_CHECKING:
    from edgecodec.model.codec import Codec

Floats = NDArray[np.float32]
TOLERANCE = 0.1  # an error that is larger than the bound by this share, and of which nothing is said, is unsaid


class Encoded(Protocol):
    """What a node makes of n windows; the oracle's ``Encoding`` is such."""

    @property
    def remarks(self) -> Mapping[PacketKind, Remarks]: ...

    def indices(self, kind: PacketKind) -> Indices: ...


@dataclass(frozen=True, eq=False)
class Remarked:
    """n windows that were encoded, with what was said of them and what came back."""

    remarks: Remarks
    error_percent: NDArray[np.float64]  # [n, rates], the true one over the healthy channels
    bits: NDArray[np.int64]  # [n, rates], of the payloads
    rebuilt: tuple[Floats, ...]  # the windows that came back, by rate: [n, channels, samples]

    @classmethod
    def of(cls, remarks: Remarks, rebuilt: Sequence[Floats], targets: Floats, bits: Sequence[NDArray[np.int64]],
           faulty: NDArray[np.bool_] | None = None) -> Remarked:
        """
        Args:
            rebuilt: windows [n, channels, samples], by rate.
            targets: the same, low-passed.
            bits: [n], by rate.
            faulty: [n, channels], the channels that are; if not given, those that were called so.
        """
        healthy = ~(remarks.faulty if faulty is None else faulty)
        return cls(remarks, np.stack([errors_of_windows(windows, targets, healthy) for windows in rebuilt], axis=1),
                   np.stack(bits, axis=1), tuple(rebuilt))

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Of the estimate to the truth: [n, rates]."""
        return np.asarray(self.remarks.error_percent / self.error_percent)

    @property
    def bounds(self) -> Floats:
        """The lowest bounds that the node takes a rate to keep: [n, rates]."""
        return self.remarks.error_percent * np.float32(self.remarks.margin)


def remarked(codec: Codec, encoded: Encoded, targets: Floats,
             faulty: NDArray[np.bool_] | None = None) -> Mapping[PacketKind, Remarked]:
    """What came of windows [n, channels, samples], by kind of packets; arguments as of :meth:`Remarked.of`."""
    found = {}
    for kind, remarks in encoded.remarks.items():
        indices = encoded.indices(kind)
        rebuilt = [codec.decode(indices, rate, kind) for rate in codec.rates]
        bits = [codec.payload_bits(indices, rate, kind) for rate in codec.rates]
        found[kind] = Remarked.of(remarks, rebuilt, targets, bits, faulty)
    return found


def bound_percent(params: Params, found: Remarked) -> float:
    """What nodes are asked to keep.

    They tell per cent of the magnitude whatever the project's metric is: where its gate is in another unit, they get
    what half of the windows have at the lowest rate.
    """
    if params.error.metric == "relative":
        return params.gates.error
    return rounded(float(np.median(found.error_percent[:, 0])))


def rates_within(bounds: NDArray[np.floating[Any]], bound_percent: float) -> tuple[
        NDArray[np.int64], NDArray[np.bool_]]:
    """Of each of n windows, the number from 0 of the lowest rate that keeps a bound, else of the highest; and whether
    one does.

    Args:
        bounds: [n, rates], the lowest that each rate keeps.
    """
    keeps = bounds <= bound_percent
    held = np.asarray(keeps.any(axis=1))
    return np.where(held, keeps.argmax(axis=1), keeps.shape[1] - 1), held


def open_escapes(exported: ExportedCodec, packets: Sequence[bytes]) -> tuple[NDArray[np.int64], Floats]:
    """Of n escapes, the bits of their payloads [n], and their windows [n, channels, samples]."""
    form = PacketFormat.of(exported)
    basis = cosines(form.spectrum_bins, exported.samples)
    payloads = [open_packet(form, packet).payload for packet in packets]
    windows = np.empty((len(packets), exported.channels, exported.samples), np.float32)
    for window, payload in zip(windows, payloads, strict=True):
        window[:] = samples_of(exported, escape.decode(payload, exported.channels, form.spectrum_bins), basis)
    return np.array([8 * len(payload) for payload in payloads], np.int64), windows


@dataclass(frozen=True, eq=False)
class Escaped:
    """n windows that were sent as escapes."""

    bytes: NDArray[np.int64]  # [n], of the packets
    error_percent: NDArray[np.float64]  # [n], the true one over the healthy channels

    def to_json(self) -> dict[str, Any]:
        return {"mean_bytes": rounded(float(self.bytes.mean())), "most_bytes": int(self.bytes.max()),
                "error_percent": _mean(self.error_percent[np.isfinite(self.error_percent)])}


def estimate_json(found: Remarked) -> dict[str, Any]:
    """By rate: how estimates and true errors go together."""
    by_rate = zip(found.remarks.error_percent.T, found.error_percent.T, strict=True)
    return {str(rate): {
        "correlation": rounded(np.corrcoef(estimated, true)[0, 1]),
        **{name: rounded(np.percentile(estimated / true, percentile))
           for name, percentile in (("ratio_p5", 5), ("ratio_median", 50), ("ratio_p95", 95))},
    } for rate, (estimated, true) in enumerate(by_rate, 1)}


def bound_json(found: Remarked, bound_percent: float) -> dict[str, Any]:
    """What it takes to keep a bound window by window, by the estimates, and at one rate for all."""
    rate, held = rates_within(found.bounds, bound_percent)
    windows = np.arange(len(rate))
    of_all = [number for number, errors in enumerate(found.error_percent.T) if (errors <= bound_percent).all()]
    return {
        "bound_percent": rounded(bound_percent),
        "mean_bits": rounded(float(found.bits[windows, rate].mean())),
        "mean_bits_at_one_rate": rounded(float(found.bits[:, of_all[0]].mean())) if of_all else None,
        "said_over": rounded(float((~held).mean())),
        "over_with_nothing_said": rounded(float((held & (found.error_percent[windows, rate] > bound_percent)).mean())),
    }


def disturbance_json(found: Remarked, faulty: NDArray[np.bool_], undisturbed: NDArray[np.float64],
                     bound_percent: float) -> dict[str, Any]:
    """Of windows that were disturbed in one way.

    Args:
        faulty: [n, channels], the sensors that failed.
        undisturbed: [n, rates], the same windows' errors without the disturbance.
    """
    first = found.remarks.error_percent[:, 0]
    true = found.error_percent[:, 0]
    silent = (found.bounds[:, 0] <= bound_percent) & (true > (1 + TOLERANCE) * bound_percent)
    finite = np.isfinite(true)
    return {
        "error_percent": {"lowest_rate": _mean(true[finite]), "highest_rate": _mean(found.error_percent[finite, -1])},
        # None: nodes call the error infinite, as they do where a channel without any signal is not masked.
        "estimated_percent": rounded(float(np.median(first))) if np.isfinite(np.median(first)) else None,
        "called_unlike": rounded(float((found.remarks.unlike > 1).mean())),
        "faults_found": rounded(float(found.remarks.faulty[faulty].mean())) if faulty.any() else None,
        "sound_called_faulty": rounded(float(found.remarks.faulty[~faulty].mean())),
        "healthy_error_ratio": rounded(float(true.mean() / undisturbed[:, 0].mean())) if faulty.any() else None,
        "over_with_nothing_said": rounded(float((silent & ~(found.remarks.unlike > 1)).mean())),
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    return rounded(float(values.mean())) if values.size else None


def worst(estimates: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, float]:
    """Over all kinds of packets and rates: the least correlation, and how far from 1 nine tenths of the ratios go."""
    every = [of_rate for of_kind in estimates.values() for of_rate in of_kind.values()]
    return {"least_correlation": min(each["correlation"] for each in every),
            "largest_deviation": rounded(max(max(1 - each["ratio_p5"], each["ratio_p95"] - 1) for each in every))}
