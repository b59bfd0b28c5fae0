"""The monitor's part of the oracle: the arithmetic of :mod:`edgecodec.packets.monitor`, one rounding at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import central
from edgecodec.packets.monitor import (
    BLOCK,
    KEPT,
    LEAST_SQUARED,
    PASSES,
    Estimate,
    Monitor,
    Remarks,
    inverse_root,
)
from edgecodec.packets.network import Half, Single

if TYPE_CHECKING:
    from edgecodec.deploy.oracle import Quantized


@dataclass(frozen=True)
class Screened:
    """Of n windows' channels."""

    margin: float
    faulty: NDArray[np.bool_]  # [n, channels]
    inverse: Single  # [n, channels], of the magnitude
    share: Single  # [n, channels], over the magnitude
    power: Single  # [n, channels]


@dataclass(frozen=True)
class Escapable:
    """What escapes of n windows are made of."""

    bins: Half  # [n, channels, bins]
    of_one_percent: Single  # [n], the squared error that a bound of one per cent allows


@dataclass(frozen=True)
class Watched:
    """What the monitor saw of n windows before any quantizer."""

    screened: Screened
    latent: Single  # [n], the energy that the latent leaves out
    escapable: Escapable


def screen(monitor: Monitor, rows: Half) -> Screened:
    """Judge the channels in ``rows`` [n, channels and padding, samples], and fill the faulty ones there.

    Raises:
        EdgeCodecError: too many channels hold NaN or Inf.
    """
    channels = len(monitor.lowest)
    values = rows[:, :channels]  # a view
    finite = np.logical_and.reduce(np.isfinite(values), axis=2)
    inside = values[..., slice(*monitor.inside)]
    with np.errstate(over="ignore", invalid="ignore"):  # of channels that are faulty anyhow
        steps = np.abs(inside[..., 2:] - inside[..., :-2])
    step = steps.max(axis=2, initial=0)
    drift = largest_drift(inside)
    lowest, highest = inside.min(axis=2), inside.max(axis=2)
    run = longest_run(steps)
    faulty = (~finite | (lowest < monitor.lowest) | (highest > monitor.highest) | (step > monitor.largest_step)
              | (drift > monitor.largest_drift) | (highest - lowest < monitor.smallest_span)
              | (run >= monitor.longest_run))
    too_many = faulty.sum(axis=1) > monitor.most_faulty
    if (unusable := np.flatnonzero(too_many & ~finite.all(axis=1))).size:
        raise EdgeCodecError(f"windows: window {unusable[0]} holds NaN or Inf, or values beyond float16, and "
                             f"{faulty[unusable[0]].sum()} channels are faulty; leave it out")
    faulty[too_many] = False
    with np.errstate(over="ignore", invalid="ignore"):
        central = np.abs(values[..., slice(*monitor.central)] - monitor.origin[:, None].astype(np.float16))
        root = inverse_root(monitor.gain * sum_by_pairs(central))
        inverse = root * root
        screened = Screened(monitor.margin, faulty, inverse, monitor.share * inverse,
                            monitor.inverse_power * squares_by_pairs(central))
    for window in np.flatnonzero(faulty.any(axis=1)):
        _fill(monitor, values[window], np.flatnonzero(faulty[window]))
    return screened


def largest_drift(samples: Half) -> Single:
    """The most that deviations from the mean add up to, over the last axis."""
    with np.errstate(over="ignore", invalid="ignore"):
        of_count = inverse_root(np.full((), samples.shape[-1], np.float32))
        expected = np.float32(BLOCK) * (sum_by_pairs(samples) * (of_count * of_count))
        drift, farthest = np.zeros_like(expected), np.zeros_like(expected)
        for end in range(BLOCK, samples.shape[-1] + 1, BLOCK):
            drift = drift + (sum_by_pairs(samples[..., end - BLOCK : end]) - expected)
            farthest = np.maximum(farthest, np.abs(drift))
    return farthest


def escape_factor(monitor: Monitor, samples: int) -> float:
    """Of the squared error that escapes of windows of ``samples`` samples may have."""
    inner, looked_at = central(samples), len(range(*monitor.central))
    return float(np.float32(KEPT * (inner.stop - inner.start) / (100 * looked_at) ** 2))


def error_of_one_percent(monitor: Monitor, samples: int, screened: Screened) -> Single:
    """What one per cent allows the escapes of n windows of ``samples`` samples: [n]. NaN where a channel is zero, of
    which there is no per cent."""
    healthy = ~screened.faulty
    with np.errstate(over="ignore", invalid="ignore"):
        squares = in_order(np.where(healthy, screened.inverse * screened.inverse, np.float32(0)))
        reach = healthy.sum(axis=1).astype(np.float32) * inverse_root(squares)
        return np.asarray(np.float32(escape_factor(monitor, samples)) * (reach * reach), np.float32)


def latent_energy(monitor: Monitor, bins: Half, coefficients: Half) -> Single:
    """What the latent leaves out [n] of ``bins`` [n, bins, channels], given its ``coefficients`` [n, coefficients]."""
    offered = in_order(squares_by_pairs(bins))
    deviation = coefficients.astype(np.float32) - monitor.centre
    left = offered - in_order(monitor.weight * deviation * deviation)
    return np.where(left > 0, left, np.float32(0))


def remark(estimate: Estimate | None, watched: Watched, quantized: Quantized) -> Remarks:
    """What is said of n windows that one quantizer quantized."""
    assert estimate is not None, "checked when it was exported: a monitor comes with estimates"
    screened, latent, left = watched.screened, watched.latent[:, None], quantized.left  # [n, 1], [n, rates]
    squared = estimate.factors[:, 0] * latent
    squared = squared + estimate.factors[:, 1] * left
    squared = squared + estimate.factors[:, 2]
    squared = np.where(squared > np.float32(LEAST_SQUARED), squared, np.float32(LEAST_SQUARED))
    healthy = ~screened.faulty
    share, power = (in_order(np.where(healthy, of_channels, np.float32(0)))
                    for of_channels in (screened.share, screened.power))
    of_count = inverse_root(healthy.sum(axis=1).astype(np.float32))
    mean_share = share * (of_count * of_count)
    of_power = inverse_root(power)
    root = squared * inverse_root(squared)
    familiar = estimate.familiar[quantized.indices.regime]  # [n, 2]
    by_latent, by_quantizer = watched.latent * familiar[:, 0], left[:, 0] * familiar[:, 1]
    return Remarks(
        error_percent=root * mean_share[:, None],
        nmse_percent=(estimate.nmse * squared) * (of_power * of_power)[:, None],
        margin=screened.margin,
        unlike=np.where(by_latent > by_quantizer, by_latent, by_quantizer),
        faulty=screened.faulty,
    )


def longest_run(steps: Half) -> NDArray[np.int64]:
    """Of equal pairs of samples in a row, given how far samples lie from the next but one, over the last axis."""
    longest = run = np.ones(steps.shape[:-1], np.int64)
    for number in range(0, steps.shape[-1], 2):
        run = np.where((steps[..., number : number + 2] == 0).all(axis=-1), run + 1, 1)
        longest = np.maximum(longest, run)
    return longest


def sum_by_pairs(values: Half) -> Single:
    """Over the last axis: pair by pair."""
    return _by_pairs(values.astype(np.float32))


def squares_by_pairs(values: Half) -> Single:
    """The sum of their squares."""
    wide = values.astype(np.float32)
    return _by_pairs(wide * wide)


def _by_pairs(terms: Single) -> Single:
    """An odd number's last one is paired with zero."""
    pairs = terms[..., 0::2].copy()
    pairs[..., : terms.shape[-1] // 2] += terms[..., 1::2]
    return in_order(pairs)


def in_order(terms: Single) -> Single:
    """The sum over the last axis, one term after the other."""
    total: Single = np.zeros(terms.shape[:-1], np.float32)
    for number in range(terms.shape[-1]):
        total = total + terms[..., number]
    return total


def _fill(monitor: Monitor, values: Half, faulty: NDArray[np.int64]) -> None:
    """``values`` [channels, samples] of one window."""
    values[faulty] = 0
    for _ in range(PASSES if len(faulty) > 1 else 1):
        for channel in faulty:
            told = values.astype(np.float32).T * monitor.regression[channel]  # [samples, channels]
            values[channel] = in_order(told).astype(np.float16)
