"""What a design is made from: cosine bins of training windows, and what kinds of windows there are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray

from edgecodec.data.offsets import ProfileExchange
from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.rivals.cosine import coefficients_in_band
from edgecodec.metrics import Measure
from edgecodec.model.cosine_bins import decimating_filter, fit_bins
from edgecodec.model.karhunen_loeve import karhunen_loeve
from edgecodec.model.kind import Floats
from edgecodec.model.mixture import fit_mixture
from edgecodec.params import OneTokenParams
from edgecodec.progress import progress
from edgecodec.training.normalization import normalization

Array = NDArray[np.float64]

DRAWN_AT_ONCE = 500
NORMALIZED_FROM = 2000  # windows, as many as a training takes
FILTERED_ROWS = 6000  # channels of windows, unfiltered, that decimating filters are tried on
LARGEST_BINS = 150_000_000  # numbers that are kept of all windows
REGIME_COMPONENTS = 160  # of the moving part, that regimes are told apart by
WINDOWS_PER_COMPONENT = 2  # of a regime, for its covariance to mean something


@dataclass(frozen=True, eq=False)
class Evidence:
    """Normalised training windows, as cosine bins of their targets."""

    means: Array  # [n, channels] bin 0, about its mean
    moving: Floats  # [n, bins, channels] the other bins, from bin 1 on
    beyond: Array  # [n] energy of bins above the band
    regime: NDArray[np.int64]  # [n] kind of window, as a mixture of Gaussians tells them apart
    inputs: Floats  # [few, channels, samples], unfiltered
    targets: Floats  # [few, channels, samples]
    sample_rate_hz: float
    _missed: dict[tuple[int, int], Array] = field(default_factory=dict)  # by decimation and taps: [few, bins, channels]

    @property
    def regimes(self) -> int:
        return int(self.regime.max()) + 1

    @property
    def channels(self) -> int:
        return int(self.means.shape[1])

    @property
    def samples(self) -> int:
        return int(self.inputs.shape[2])

    @property
    def bins(self) -> int:
        """Bins of the band, the mean among them."""
        return 1 + int(self.moving.shape[1])

    @property
    def bin_hz(self) -> float:
        return self.sample_rate_hz / (2 * self.samples)

    @classmethod
    def draw(cls, train: WindowSet, count: int, regimes: int, bits: float, augmentation: float, seed: int,
             measure: Measure) -> Evidence:
        """From ``count`` training windows at random offsets, or fewer where these would be too large.

        Args:
            regimes: to tell apart; fewer if there are too few windows for them.
            bits: of the lowest rate, by which regimes are told apart.
            augmentation: share of windows whose means are exchanged, as in the training.
            measure: the error that the project goes by.
        """
        generator = np.random.default_rng([seed, 2**31 + 3])
        band = min(coefficients_in_band(train.samples, train.sample_rate_hz, train.lowpass_hz), train.samples)
        count = max(DRAWN_AT_ONCE, min(count, LARGEST_BINS // (band * train.channels)))
        exchange = ProfileExchange.of_recordings(train)
        scaling = normalization(train.draw(generator, min(NORMALIZED_FROM, 4 * len(train))), train.channel_names,
                                measure)
        bins, beyond = [], []
        for start in progress(range(0, count, DRAWN_AT_ONCE), "Drawing windows"):
            drawn = exchange.exchanged(generator, train.draw(generator, min(DRAWN_AT_ONCE, count - start)),
                                       augmentation)
            inputs, targets = (((each - scaling.offset[:, None]) * scaling.scale[:, None]).astype(np.float32)
                               for each in (drawn.inputs, drawn.targets))
            spectrum = scipy.fft.dct(targets, norm="ortho", axis=-1)  # [n, channels, samples]
            bins.append(spectrum[..., :band].transpose(0, 2, 1))
            beyond.append(np.square(spectrum[..., band:], dtype=np.float64).sum(axis=(1, 2)))
        all_bins = np.concatenate(bins)  # [n, bins, channels]
        means = all_bins[:, 0].astype(np.float64)
        means -= means.mean(axis=0)
        moving = np.ascontiguousarray(all_bins[:, 1:])
        regime = _regimes(means, moving, regimes, bits)
        filtered = max(20, FILTERED_ROWS // train.channels)
        return cls(means, moving, np.concatenate(beyond), regime, inputs[:filtered], targets[:filtered],
                   train.sample_rate_hz)

    def share(self, regime: int) -> float:
        return float(np.mean(self.regime == regime))

    def missed(self, params: OneTokenParams) -> Array:
        """What the least-squares prediction of bins from decimated windows misses: [few, bins, channels]."""
        key = params.decimation, params.filter_taps
        if key not in self._missed:  # a bin's prediction does not depend on how many others there are
            with torch.random.fork_rng(devices=()):
                decimate = decimating_filter(self.channels, params)
            fit = fit_bins(decimate, self.inputs, self.targets, self.bins)
            true = scipy.fft.dct(self.targets.astype(np.float64), norm="ortho", axis=-1)[..., : self.bins]
            self._missed[key] = (fit.bins - true).transpose(0, 2, 1)
        return self._missed[key]


def _regimes(means: Array, moving: Floats, regimes: int, bits: float) -> NDArray[np.int64]:
    """Of every window, by the components with the most energy."""
    flat = moving.reshape(len(moving), -1)
    if flat.shape[1] > 2 * REGIME_COMPONENTS:  # few spatial modes keep what there is to tell
        basis = karhunen_loeve(moving.reshape(-1, moving.shape[2]).astype(np.float64))
        flat = (moving @ basis[:, :max(1, 1024 // moving.shape[1])].astype(np.float32)).reshape(len(moving), -1)
    strongest = karhunen_loeve(flat.astype(np.float64))[:, :REGIME_COMPONENTS]
    latents = np.concatenate((means, flat @ strongest), axis=1)
    regimes = min(regimes, len(latents) // (WINDOWS_PER_COMPONENT * latents.shape[1]))
    if regimes <= 1:
        return np.zeros(len(latents), np.int64)
    found = np.asarray(fit_mixture(latents, regimes, bits).predict(latents), np.int64)
    return np.unique(found, return_inverse=True)[1]
