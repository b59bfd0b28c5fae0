"""What a node computes of a window beside its indices: which channels are faulty, how large the error will be, and
whether the window is like those of the training.

**Channels.** The first layer filters and decimates every channel. Its samples are looked at in pairs. A channel is
faulty if one of its values is NaN or Inf; or if, among the samples that the filter takes from inside the window alone,

- a value is lower or higher than any may be,
- a value and the next but one are farther apart (their difference rounded to float16),
- deviations from the mean add up to more on the way (a jump, a drift), looked at after every :data:`BLOCK` samples,
- all lie closer together, or more pairs in a row are equal.

If more than :attr:`Monitor.most_faulty` channels are faulty, then it is the window that is unusual, and none is called
so. Faulty channels get the values that the others tell, ``v[c] = sum_j regression[c, j] * v[j]``, sample by sample, in
the order of j, rounded to float16. Several are told one after the other, :data:`PASSES` times, from zeros on.

**Error.** A window's squared error is what the latent leaves out and what the quantizer leaves:

    latent     = sum of the squares of all cosine bins but that of the means
                 - sum_i weight[i] * (coefficients[i] - centre[i])^2    at least 0
    quantizer  = sum of the squares of the residual after the stages of a rate, as in the choice of a regime
    squared    = factors[rate, 0] * latent + factors[rate, 1] * quantizer + factors[rate, 2]    at least LEAST_SQUARED

and in per cent of the magnitude, as :mod:`edgecodec.metrics` defines it, over the channels that are not faulty

    magnitude  = gain * sum over the central samples of |v - origin|    each difference rounded to float16
    per cent   = root(squared) * mean over channels of share / magnitude
    NMSE       = nmse[rate] * squared / sum over channels of inverse_power * sum of (v - origin)^2

**Likeness.** ``unlike = max(latent * familiar[regime, 0], quantizer at the lowest rate * familiar[regime, 1])``; beyond
1 the window is unlike those of the training.

**Escapes.** A window's cosine bins may all be sent (:mod:`edgecodec.packets.escape`), within ``bound`` per cent of the
magnitude. Their squared errors may then add up to

    inverse    = 1 / magnitude, of each channel that is not faulty
    reach      = number of these channels / root(sum over them of inverse^2)
    one        = factor * reach^2, the squared error of one per cent
    allowed    = bound^2 * one
    factor     = KEPT * central samples of a window / (100 * samples in a magnitude)^2, rounded once

This keeps the bound whatever the window: cosines are orthonormal, so that the squared error of a channel's bins is that
of its samples, and the central ones have no more of it. By Cauchy-Schwarz neither the mean over a channel's samples nor
that over the channels can be larger than what ``allowed`` gives. The bound is on what the node's own filter passes:
what lies above its band is no part of it.

All else is float32, every operation rounded, sums in order from zero. Sums over the float16 of samples and bins go pair
by pair: the two, or their squares, are added, the second to the first, and then to the sum. Quotients and roots go by
:func:`inverse_root`, which is made of products and sums alone, so that every core gives the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from edgecodec.packets.network import View

Single = NDArray[np.float32]

BLOCK = 8  # samples, whose deviations from the mean are added up together
PASSES = 8  # over several faulty channels
LEAST_SQUARED = 1e-9
NEWTON_STEPS = 4  # of inverse_root: from 3 % down to the last bits of float32
KEPT = 0.999  # of the squared error that an escape may have: the rest is for what float32 rounds
CODES = 64  # of an estimated error in a packet
OF_CHANNELS = ("lowest", "highest", "largest_step", "largest_drift", "smallest_span", "gain", "origin", "inverse_power",
               "share")


@dataclass(frozen=True, eq=False)
class Monitor:
    """What of a codec's layers the node looks at, and by which measures."""

    channels: View  # what the first layer, a filter, writes: [channels and padding, samples]
    bins: View  # the cosine bins, [bins without that of the means, channels]
    coefficients: View  # of the latent, one row
    spectrum: View  # the cosine bins once more, [channels and padding, bins and padding]
    inside: tuple[int, int]  # of the first layer's samples, those whose taps all lie in the window: from, to before
    central: tuple[int, int]  # those of the window's central part; both ranges are whole pairs
    most_faulty: int  # channels; with more it is the window that is unusual
    limits: Single  # [2], see the properties: data, so that codecs of another training are the same program
    lowest: Single  # [channels]
    highest: Single  # [channels]
    largest_step: Single  # [channels]
    largest_drift: Single  # [channels]
    smallest_span: Single  # [channels]
    gain: Single  # [channels]
    origin: Single  # [channels], values of float16
    inverse_power: Single  # [channels]
    share: Single  # [channels]
    regression: Single  # [channels, channels], zero on the diagonal
    centre: Single  # [coefficients]
    weight: Single  # [coefficients]

    @property
    def longest_run(self) -> float:
        """So many equal pairs of samples in a row are a fault."""
        return float(self.limits[0])

    @property
    def margin(self) -> float:
        """What a bound needs over the estimate."""
        return float(self.limits[1])

    @property
    def by_bin(self) -> View:
        """Where what ``spectrum`` has of the window's channels lies transposed, [bins, channels]: kept for escapes."""
        return replace(self.bins, rows=self.spectrum_bins, offset=self.bins.offset - self.bins.channels)

    @property
    def spectrum_bins(self) -> int:
        """Cosine bins of a channel, that of the mean included."""
        return self.bins.rows + 1

    def arrays(self) -> dict[str, Single]:
        """By name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}

    def structure(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON."""
        views = {name: dict(vars(getattr(self, name))) for name in ("channels", "bins", "coefficients", "spectrum")}
        return {**views, "inside": list(self.inside), "central": list(self.central), "most_faulty": self.most_faulty}


@dataclass(frozen=True, eq=False)
class Estimate:
    """How the energies that one quantizer leaves tell the error."""

    factors: Single  # [rates, 3]
    nmse: Single  # [rates]
    familiar: Single  # [regimes, 2]

    def arrays(self) -> Mapping[str, Single]:
        return {name: getattr(self, name) for name in ("factors", "nmse", "familiar")}


@dataclass(frozen=True, eq=False)
class Remarks:
    """Of n windows; or of one window, without the axis n."""

    error_percent: Single  # [n, rates]
    nmse_percent: Single  # [n, rates]
    margin: float  # that a bound needs over the estimates
    unlike: Single  # [n], beyond 1: unlike the windows of the training
    faulty: NDArray[np.bool_]  # [n, channels]

    def __getitem__(self, which: Any) -> Remarks:
        """As NumPy selects along the axis n."""
        return Remarks(self.error_percent[which], self.nmse_percent[which], self.margin, self.unlike[which],
                       self.faulty[which])


def inverse_root(x: Single) -> Single:
    """``1 / sqrt(x)`` in float32: a start from the bits of ``x`` (a line through the logarithm), then Newton's method.

    Zero gives a large number.
    """
    x = np.asarray(x, np.float32)
    y = (np.uint32(0x5F3759DF) - (x.view(np.uint32) >> np.uint32(1))).view(np.float32)
    half = np.float32(0.5) * x
    for _ in range(NEWTON_STEPS):
        y = y * (np.float32(1.5) - half * y * y)
    return y


def rate_within(remarks: Remarks, bound_percent: float, rate: int) -> int | None:
    """The lowest of the rates 1 to ``rate`` at which one window keeps a bound, with the margin; or None."""
    kept = remarks.error_percent[:rate] * np.float32(remarks.margin) <= np.float32(bound_percent)
    return int(kept.argmax()) + 1 if kept.any() else None


def allowed_error(of_one_percent: float, bound: float) -> float:
    """The squared error that the bins of an escape within ``bound`` per cent may have. A bound below 0, or that is no
    number, is 0."""
    bound_32 = np.float32(bound if bound > 0 else 0)
    return float(bound_32 * bound_32 * np.float32(of_one_percent))


def error_edges() -> Single:
    """The largest estimated error in per cent that each code but the last stands for: [CODES - 1].

    Half a per cent, and from there eight steps to a doubling: a code tells the error to 9 per cent of it. The last code
    stands for all that is larger.
    """
    return (0.5 * 2 ** (np.arange(CODES - 1) / 8)).astype(np.float32)


def error_code(percent: float) -> int:
    """The code of an estimated error. What is not a number is larger than any."""
    return int(np.argmax([*(np.float32(percent) <= error_edges()), True]))
