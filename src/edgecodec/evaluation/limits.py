"""What limits a codec: sensor noise, its networks, the number of bits, its quantizer, each in percent of error.

    noise floor    what is left if the sensors had no noise: below it, a codec stores noise
    autoencoder    decoder(encoder(window)) without quantizer: what the networks lose
    ideal          the same networks with the best quantizer that Gaussian latents allow: what the bits lose
    codec          what is measured: the rest is what the real quantizer loses
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.water_filling import GaussianModel
from edgecodec.metrics import central, relative_error_percent
from edgecodec.progress import progress
from edgecodec.storage import rounded

if TYPE_CHECKING:
    from edgecodec.model.codec import Codec

Floats = NDArray[np.float32]
Scores = Mapping[str, float]  # error_percent, by the name of a group of windows

ALL = "all"
LATENT_BATCHES, LATENT_BATCH = 16, 512  # training windows behind the latents' covariance
CURVE_POINTS = 12
FURTHER_BITS = 10  # what they would save is told


@dataclass(frozen=True)
class RateLimits:
    """One rate of the codec."""

    bits: int
    codec: Scores
    ideal: Scores  # Gaussian bound, one covariance per group
    ideal_of_one_class: Scores  # one covariance for all windows
    ideal_with_further_bits: Scores  # as ``ideal``, with FURTHER_BITS more
    equivalent_bits: float  # with which the ideal quantizer has the codec's error
    components_sent: float  # of the latent, by the ideal quantizer
    bits_by_coefficients: Mapping[str, float]  # how the ideal quantizer spends its bits
    if_exact: Mapping[str, Scores]  # the codec's error if it did not quantize these coefficients

    def to_json(self) -> dict[str, Any]:
        return {
            "bits": self.bits,
            "codec": _json(self.codec), "ideal": _json(self.ideal),
            "ideal_of_one_class": _json(self.ideal_of_one_class),
            f"saved_by_{FURTHER_BITS}_further_bits": rounded(self.ideal[ALL] - self.ideal_with_further_bits[ALL], 3),
            "equivalent_bits": rounded(self.equivalent_bits, 3),
            "components_sent": rounded(self.components_sent, 4),
            "bits_by_coefficients": {name: rounded(bits, 4) for name, bits in self.bits_by_coefficients.items()},
            "if_exact": {name: _json(scores) for name, scores in self.if_exact.items()},
        }


@dataclass(frozen=True)
class Limits:
    windows: Mapping[str, int]  # number of windows in every group: all, and by each of the labels
    panels: tuple[str, ...]  # groups that have a picture of their own, by the first label
    noise_floor: Scores | None  # None where nobody knows the signal without noise
    autoencoder: Scores
    latent_dimension: int
    rates: Mapping[int, RateLimits]
    ideal_curve: Mapping[float, Scores]  # by bits

    def to_json(self) -> dict[str, Any]:
        noise: dict[str, Any] = {"noise_floor": None if self.noise_floor is None else _json(self.noise_floor)}
        if self.noise_floor is None:
            noise["noise_floor_absent"] = "only the twin knows its signal without noise"
        return {
            "windows": dict(self.windows), **noise, "autoencoder": _json(self.autoencoder),
            "latent_dimension": self.latent_dimension,
            "rates": {str(rate): limits.to_json() for rate, limits in self.rates.items()},
        }

    def table(self) -> pd.DataFrame:
        """One row per figure: what it is, at how many bits, for which windows."""
        return pd.DataFrame(list(self._rows()), columns=["part", "rate", "bits", "group", "error_percent"])

    def _rows(self) -> Iterator[tuple[str, int | None, float | None, str, float]]:
        floors = {"noise_floor": self.noise_floor or {}, "autoencoder": self.autoencoder}
        for part, scores in floors.items():
            yield from ((part, None, None, group, error) for group, error in scores.items())
        for rate, limits in self.rates.items():
            parts = {"codec": limits.codec, "ideal": limits.ideal, "ideal_of_one_class": limits.ideal_of_one_class,
                     **{f"if_exact: {name}": scores for name, scores in limits.if_exact.items()}}
            for part, scores in parts.items():
                yield from ((part, rate, limits.bits, group, error) for group, error in scores.items())
        for bits, scores in self.ideal_curve.items():
            yield from (("ideal_curve", None, bits, group, error) for group, error in scores.items())


def measure_limits(codec: Codec, train: WindowSet, validation: WindowSet, noise_free: Floats | None,
                   seed: int, label: str | None = None, further: str | None = None) -> Limits:
    """Take the codec apart on the validation windows.

    The Gaussian bound is turned into ``error_percent`` by decoding: the latents' components lose exactly what reverse
    water-filling takes from them, the decoder makes windows of the rest, and these are scored like any. So the bound
    contains the floor of the networks, and needs no model of how their losses add up. Every window gets the bits of the
    rate, as fixed packets do; covariances come from training windows.

    Args:
        noise_free: [windows, channels, samples] low-passed, of the same runs without sensor noise; None if unknown.
        label: whose groups have a covariance each.
        further: another label whose groups are told apart.
    """
    return _Analysis(codec, train, validation, seed, label, further).run(noise_free)


class _Analysis:
    def __init__(self, codec: Codec, train: WindowSet, validation: WindowSet, seed: int, label: str | None,
                 further: str | None) -> None:
        self.codec, self.seed = codec, seed
        self.targets = validation.targets()[..., central(validation.samples)].astype(np.float64)
        self.magnitude = np.abs(self.targets).mean(axis=-1)  # [windows, channels]
        by_label = _members(validation, label)
        groups = {ALL: np.ones(len(validation), dtype=bool), **by_label, **_members(validation, further)}
        self.groups = {name: which for name, which in groups.items() if self.magnitude[which].any()}
        self.panels = tuple(name for name in self.groups if name in by_label)
        inputs = validation.inputs()
        self.latents = codec.latents(inputs)  # [n, tokens, dimension]
        self.quantized = _quantized_latents(codec, inputs)
        drawn, starts = _drawn_latents(codec, train, seed)
        self.class_of, drawn_class = _classes(validation.groups(label), train.groups(label, starts),
                                              len(validation), len(drawn))
        self.one_class = np.zeros_like(self.class_of)
        self.by_class = GaussianModel.fit(drawn, drawn_class)
        self.of_one_class = GaussianModel.fit(drawn, np.zeros_like(drawn_class))

    def run(self, noise_free: Floats | None) -> Limits:
        bits = [self.codec.bits(rate) for rate in self.codec.rates]
        curve_bits = np.geomspace(bits[0] / 2, 2 * bits[-1], CURVE_POINTS).round()
        curve = {float(each): self._ideal(float(each)) for each in progress(curve_bits, "Ideal quantizers")}
        return Limits(
            windows={name: int(np.count_nonzero(which)) for name, which in self.groups.items()},
            panels=self.panels,
            noise_floor=None if noise_free is None else self._scores(noise_free),
            autoencoder=self._decoded(self.latents),
            latent_dimension=self.latents[0].numel(),
            rates={rate: self._rate(rate, curve) for rate in progress(self.codec.rates, "Limits of the rates")},
            ideal_curve=curve,
        )

    def _rate(self, rate: int, curve: Mapping[float, Scores]) -> RateLimits:
        bits = self.codec.bits(rate)
        coefficient_bits = self.by_class.coefficient_bits(bits)
        arrived = self.quantized[rate]
        scores = self._decoded(arrived)
        if_exact = {}
        for name, group in self.codec.coefficient_groups.items():
            partly = arrived.clone()
            partly[..., group] = self.latents[..., group]
            if_exact[name] = self._decoded(partly)
        return RateLimits(
            bits=bits, codec=scores, ideal=self._ideal(bits),
            ideal_of_one_class=self._decoded(self._through(self.of_one_class, self.one_class, bits)),
            ideal_with_further_bits=self._ideal(bits + FURTHER_BITS),
            equivalent_bits=_bits_for(scores[ALL], curve),
            components_sent=self.by_class.components_sent(bits),
            bits_by_coefficients={name: float(coefficient_bits[group].sum())
                                  for name, group in self.codec.coefficient_groups.items()},
            if_exact=if_exact,
        )

    def _ideal(self, bits: float) -> Scores:
        return self._decoded(self._through(self.by_class, self.class_of, bits))

    def _through(self, model: GaussianModel, class_of: NDArray[np.int64], bits: float) -> Tensor:
        """The validation latents as an ideal quantizer would deliver them: the same noise at any number of bits."""
        flat = self.latents.flatten(1).double().numpy()
        arrived = model.quantize(flat, class_of, bits, np.random.default_rng([self.seed, len(flat)]))
        return torch.from_numpy(arrived).float().reshape(self.latents.shape)

    def _decoded(self, latents: Tensor) -> Scores:
        return self._scores(self.codec.windows_of(latents))

    def _scores(self, windows: Floats) -> Scores:
        deviation = np.abs(windows[..., central(windows.shape[-1])] - self.targets).mean(axis=-1)
        return {name: relative_error_percent(deviation[which], self.magnitude[which])
                for name, which in self.groups.items()}


def _members(windows: WindowSet, label: str | None) -> dict[str, NDArray[np.bool_]]:
    """Which windows are in every group by ``label``."""
    groups = windows.groups(label)
    return {} if groups is None else {str(name): groups == name for name in dict.fromkeys(groups) if name}


def _classes(validation: NDArray[np.str_] | None, drawn: NDArray[np.str_] | None, windows: int,
             draws: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The classes of validation windows and of training windows by their groups; one where training lacks a group."""
    if validation is None or drawn is None or not set(validation) <= set(drawn):
        return np.zeros(windows, np.int64), np.zeros(draws, np.int64)
    names = np.unique(drawn)
    return np.searchsorted(names, validation), np.searchsorted(names, drawn)


def _quantized_latents(codec: Codec, windows: Floats) -> dict[int, Tensor]:
    """Per rate, what arrives at the decoder: [n, tokens, dimension]."""
    indices = codec.encode(windows)
    return {rate: codec.quantized_latents(indices, rate) for rate in codec.rates}


def _drawn_latents(codec: Codec, train: WindowSet, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Flattened latents [n, tokens * dimension] of training windows at random offsets, and their first rows [n]."""
    generator = np.random.default_rng([seed, LATENT_BATCHES])
    latents, starts = [], []
    for _ in progress(range(LATENT_BATCHES), "Latents"):
        drawn = train.draw(generator, LATENT_BATCH)
        latents.append(codec.latents(drawn.inputs).flatten(1).double().numpy())
        starts.append(drawn.starts)
    return np.concatenate(latents), np.concatenate(starts)


def _bits_for(error: float, curve: Mapping[float, Scores]) -> float:
    """Where the ideal curve has ``error``, between its points; its end if it never has."""
    falling = sorted((scores[ALL], bits) for bits, scores in curve.items())
    return float(np.exp2(np.interp(error, [each for each, _ in falling], np.log2([bits for _, bits in falling]))))


def _json(scores: Scores) -> dict[str, float]:
    return {name: rounded(error) for name, error in scores.items()}
