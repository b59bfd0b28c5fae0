"""Fits a codec's monitor: what sound channels are like, how energies tell the error, which energies are usual.

Factors of the error come from training windows. How far energies may lie from the training's before a window is called
unlike it, is set on one half of the validation recordings; the other half tells how often that is a false alarm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgecodec.data.offsets import ProfileExchange
from edgecodec.data.windows import WindowSet
from edgecodec.metrics import central
from edgecodec.model.calibration import Calibration
from edgecodec.model.codec import Codec
from edgecodec.model.kind import Watched
from edgecodec.model.kinds import KINDS
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import Estimate
from edgecodec.progress import progress

WINDOWS = 3000  # of the training, that the monitor is fitted to; at most four times as many as there are
BATCH = 500
FALSE_ALARMS = 0.01  # of windows that are called unlike the training
MARGIN_PERCENTILE = 99  # of the ratio of error to estimate: what a bound allows for
# A channel may go as far again beyond what it did in training as that was wide, step and drift twice as far, lie
# within a quarter of the smallest span, and repeat itself twice as long.
WIDER, FARTHER, CALMER, LONGER, SHORTEST_RUN = 1.0, 2.0, 0.25, 2, 8
FAULTY_SHARE = 4  # one channel in so many may be faulty
FARTHEST_ORIGIN = 1024.0  # from the mean, in spreads: beyond, the error of float16 would be that of a spread
RIDGE = 1e-3  # of the mean variance, in what the others tell of a channel

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Energies:
    """Of n windows, in one kind of packets."""

    latent: Floats  # [n], left out by the latent
    left: Floats  # [n, rates], by the quantizer
    regime: NDArray[np.int64]  # [n]
    squared: Floats  # [n, rates], the true squared error of a normalised central sample
    absolute: Floats  # [n, rates, channels], its mean absolute error
    nmse: Floats  # [n, rates], per cent


@dataclass(frozen=True, eq=False)
class Seen:
    """What the monitor's fit looks at of n windows."""

    decimated: NDArray[np.float32]  # [n, channels, samples]
    magnitude: Floats  # [n, channels], of normalised central targets about the sensor's zero
    energies: Mapping[PacketKind, Energies]
    weight: Floats  # [coefficients]


@dataclass(frozen=True)
class Fitted:
    calibration: Calibration
    false_alarms: float  # on the validation recordings that set no threshold


def fit_calibration(codec: Codec, train: WindowSet, validation: WindowSet, seed: int) -> Fitted | None:
    """The monitor of ``codec``, whose training windows are ``train``; None if its kind has none."""
    if KINDS[codec.name].watch is None:
        return None
    codec.eval()
    generator = np.random.default_rng([seed, 2**31 + 3])
    exchange = ProfileExchange.of_recordings(train)
    batches = []
    windows = min(WINDOWS, 4 * len(train))
    for start in progress(range(0, windows, BATCH), "monitor"):
        drawn = exchange.exchanged(generator, train.draw(generator, min(BATCH, windows - start)), 0.5)
        batches.append(see(codec, drawn.inputs, drawn.targets))
    seen = joined(batches)
    inside, middle = _inside(codec), _central(codec)
    values = seen.decimated[..., slice(*inside)].astype(np.float16)
    scale = codec.scale.double().numpy()
    gain, origin = _gain_and_origin(codec)
    count = len(range(*middle))
    estimates, ratios, squared = {}, [], {}
    for kind, energies in seen.energies.items():
        factors = _factors(energies)
        squared[kind] = _squared(factors, energies)
    share = np.mean([(energies.absolute / np.sqrt(squared[kind])[..., None]).mean(axis=(0, 1))
                     for kind, energies in seen.energies.items()], axis=0)  # [channels]
    measured = (seen.decimated[..., slice(*middle)] - origin[:, None]) * (gain / scale)[:, None]
    power = np.square(measured).sum(axis=(1, 2))  # [n]
    held = _validation(codec, validation)
    sets = _setting(validation, seed)
    alarms = []
    for kind, energies in seen.energies.items():
        centre, spread = _usual(energies)
        far = distance(held.energies[kind], centre, spread)
        threshold = float(np.quantile(far[sets], 1 - FALSE_ALARMS))
        alarms.append(float((far[~sets] > threshold).mean()) if not sets.all() else 0.0)
        nmse = np.median(energies.nmse * power[:, None] / squared[kind], axis=0)
        estimates[kind] = Estimate(_factors(energies).astype(np.float32), nmse.astype(np.float32),
                                   np.exp(-(centre + threshold * spread)).astype(np.float32))
        error = 100 * (energies.absolute / seen.magnitude[:, None]).mean(axis=2)  # [n, rates]
        estimated = 100 * np.sqrt(squared[kind]) * (share / seen.magnitude).mean(axis=1)[:, None]
        ratios.append(error / estimated)
    expected = {
        **_expected(values), "gain": gain, "origin": origin, "inverse_power": np.square(gain / scale),
        "share": 100 * count * share}
    calibration = Calibration(
        expected, _regression(values.astype(np.float64)), seen.weight, max(SHORTEST_RUN, LONGER * _longest_run(values)),
        codec.window.channels // FAULTY_SHARE,
        max(1.0, float(np.percentile(np.concatenate(ratios), MARGIN_PERCENTILE))), inside, middle, estimates)
    return Fitted(calibration, max(alarms))


@torch.no_grad()
def see(codec: Codec, inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> Seen:
    """What there is to see of windows [n, channels, samples]."""
    normalized = codec.normalize(torch.from_numpy(inputs))
    watch = KINDS[codec.name].watch
    assert watch is not None, "only of kinds that have a monitor"
    watched: Watched = watch(codec.encoder, normalized)
    latent = (watched.bins_energy - (watched.coefficients.square() * watched.weight).sum(dim=1)).clamp(min=0)
    latents, middle = codec.encoder(normalized), central(codec.window.samples)
    scale = codec.scale[:, None].numpy()
    energies = {}
    for kind in codec.quantizers:
        indices = codec.encode(inputs, kind)
        left, squared, absolute, nmse = [], [], [], []
        for rate in codec.rates:
            left.append((latents - codec.quantized_latents(indices, rate, kind)).square().sum(dim=(1, 2)).numpy())
            error = (codec.decode(indices, rate, kind) - targets)[..., middle].astype(np.float64)
            squared.append(np.square(error * scale).mean(axis=(1, 2)))
            absolute.append(np.abs(error * scale).mean(axis=2))
            nmse.append(100 * np.square(error).sum(axis=(1, 2)) / np.square(targets[..., middle]).sum(axis=(1, 2)))
        energies[kind] = Energies(latent.double().numpy(), np.stack(left, 1).astype(np.float64),
                                  indices.regime.astype(np.int64), np.stack(squared, 1), np.stack(absolute, 1),
                                  np.stack(nmse, 1))
    magnitude = np.abs(targets[..., middle] * scale).mean(axis=2, dtype=np.float64)
    return Seen(watched.decimated.numpy(), magnitude, energies, watched.weight.double().numpy())


def joined(parts: Sequence[Seen]) -> Seen:
    """One part's windows after the other's."""
    kinds = {kind: Energies(*(np.concatenate([vars(part.energies[kind])[name] for part in parts])
                              for name in vars(parts[0].energies[kind]))) for kind in parts[0].energies}
    return Seen(np.concatenate([part.decimated for part in parts]), np.concatenate([part.magnitude for part in parts]),
                kinds, parts[0].weight)


def distance(energies: Energies, centre: Floats, spread: Floats) -> Floats:
    """How many spreads the energies of windows [n] lie above their regime's usual ones; of both the farther."""
    found = (_logarithms(energies) - centre[energies.regime]) / spread[energies.regime]
    return np.asarray(found.max(axis=1))


def _setting(validation: WindowSet, seed: int) -> NDArray[np.bool_]:
    """The windows [n] that set thresholds: those of half of the recordings, or the first half of the only one."""
    half = np.random.default_rng(seed).permutation(np.unique(validation.recording))
    if len(half) == 1:
        return np.arange(len(validation)) < max(1, len(validation) // 2)
    return np.isin(validation.recording, half[: len(half) // 2])


def _validation(codec: Codec, validation: WindowSet) -> Seen:
    parts = [slice(start, start + BATCH) for start in range(0, len(validation), BATCH)]
    return joined([see(codec, validation.inputs(part), validation.targets(part)) for part in parts])


def _logarithms(energies: Energies) -> Floats:
    """Of what the latent and the stages of the lowest rate leave: [n, 2]."""
    return np.log(np.column_stack([energies.latent, energies.left[:, 0]]) + 1e-12)


def _usual(energies: Energies) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the logarithms of both energies, by regime: [regimes, 2] each."""
    logarithms, regimes = _logarithms(energies), range(int(energies.regime.max()) + 1)
    of_regime = [logarithms[energies.regime == regime] for regime in regimes]
    of_all = (logarithms.mean(axis=0), logarithms.std(axis=0))  # for a regime that nobody is in
    found = [(some.mean(axis=0), some.std(axis=0)) if len(some) > 1 else of_all for some in of_regime]
    return np.stack([centre for centre, _ in found]), np.stack([spread for _, spread in found])


def _factors(energies: Energies) -> Floats:
    """[rates, 3] that give the squared error with the least relative error."""
    found = []
    for rate in range(energies.left.shape[1]):
        true = energies.squared[:, rate]
        told = np.column_stack([energies.latent, energies.left[:, rate], np.ones(len(true))])
        found.append(np.linalg.lstsq(told / true[:, None], np.ones(len(true)), rcond=None)[0])
    return np.stack(found)


def _squared(factors: Floats, energies: Energies) -> Floats:
    """The estimated squared errors [n, rates]."""
    told = factors[:, 0] * energies.latent[:, None] + factors[:, 1] * energies.left + factors[:, 2]
    return np.asarray(np.maximum(told, 1e-9))


def _expected(values: NDArray[np.float16]) -> dict[str, Floats]:
    """The limits of every channel, from decimated samples [n, channels, samples]."""
    wide = values.astype(np.float64)
    lowest, highest = wide.min(axis=(0, 2)), wide.max(axis=(0, 2))
    return {
        "lowest": lowest - WIDER * (highest - lowest),
        "highest": highest + WIDER * (highest - lowest),
        "largest_step": FARTHER * np.abs(wide[..., 2:] - wide[..., :-2]).max(axis=(0, 2)),
        "largest_drift": FARTHER * np.abs(np.cumsum(wide - wide.mean(axis=2, keepdims=True), axis=2)).max(axis=(0, 2)),
        "smallest_span": CALMER * np.ptp(wide, axis=2).min(axis=0),
    }


def _longest_run(values: NDArray[np.float16]) -> int:
    """Of equal pairs of samples in a row."""
    pairs = values.reshape(*values.shape[:2], -1, 2)
    equal = (pairs[:, :, 1:] == pairs[:, :, :-1]).all(axis=3)
    longest = run = np.zeros(equal.shape[:2], np.int64)
    for number in range(equal.shape[2]):
        run = np.where(equal[..., number], run + 1, 0)
        longest = np.maximum(longest, run)
    return int(longest.max()) + 1


def _regression(values: Floats) -> Floats:
    """What the others tell of each channel [channels, channels]: least squares, by the inverse of the covariance."""
    rows = values.transpose(1, 0, 2).reshape(values.shape[1], -1)  # [channels, n * samples]
    covariance = rows @ rows.T / rows.shape[1]
    covariance[np.diag_indices_from(covariance)] += RIDGE * np.trace(covariance) / len(covariance)
    inverse = np.linalg.inv(covariance)
    regression = -inverse / np.diag(inverse)[:, None]
    np.fill_diagonal(regression, 0)
    return np.asarray(regression)


def _filter(codec: Codec) -> nn.Conv1d:
    return cast(nn.Conv1d, codec.encoder.decimate)


def _gain_and_origin(codec: Codec) -> tuple[Floats, Floats]:
    """Of decimated samples v: gain * (v - origin) is what the sensor measured, in spreads; [channels] each.

    An origin that is too far for float16 is taken nearer, with more gain: the mean is right then, and the error that a
    deviation from it makes is small beside it.
    """
    gain = 1 / _filter(codec).weight.detach().double().sum(dim=(1, 2)).numpy()
    origin = -(codec.offset * codec.scale).double().numpy() / gain
    too_far = np.maximum(1, np.abs(origin) / FARTHEST_ORIGIN)
    return gain * too_far, (origin / too_far).astype(np.float16).astype(np.float64)


def _inside(codec: Codec) -> tuple[int, int]:
    """The decimated samples whose taps all lie in the window, in whole pairs."""
    layer = _filter(codec)
    taps, stride, before = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
    return _whole_pairs(-(-before // stride), (codec.window.samples + before - taps) // stride + 1)


def _central(codec: Codec) -> tuple[int, int]:
    """The decimated samples of the window's central part, in whole pairs."""
    middle, stride = central(codec.window.samples), _filter(codec).stride[0]
    return _whole_pairs(middle.start // stride, middle.stop // stride)


def _whole_pairs(first: int, end: int) -> tuple[int, int]:
    return first + first % 2, end - end % 2
