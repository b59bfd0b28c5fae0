"""What nodes say of undisturbed windows: the distribution that windows from the field are held against.

Two signals of a window are watched: the logarithm of its estimated error, and whether it is unlike the training. Each
is standardized by its mean and standard deviation on validation windows; the error at each rate by those of the rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edgecodec.packets.monitor import error_edges
from edgecodec.storage import rounded

Floats = NDArray[np.float64]
Signal = Literal["error", "unlike"]
SIGNALS: tuple[Signal, ...] = get_args(Signal)
LARGEST_PERCENT = 2 * float(error_edges()[-1])  # stands for an error that a packet calls infinite
LEAST_DEVIATION = 0.01  # of the logarithm: packets tell errors no finer than by 9 per cent


@dataclass(frozen=True)
class Reference:
    mean: Mapping[str, float]  # of the logarithm of the estimated error in per cent, by rate
    deviation: Mapping[str, float]  # the same, standard
    percentiles: tuple[float, ...]  # 0 to 100, of the signal error
    unlike: float  # share of windows
    recordings: int | None  # that the windows are of; None: whoever registered it did not say

    @classmethod
    def of(cls, error_percent: NDArray[np.floating[Any]], unlike: NDArray[np.bool_], recordings: int) -> Reference:
        """
        Args:
            error_percent: [n, rates], as nodes estimate it.
            unlike: [n]
            recordings: that the n windows are of: those of one recording are alike.
        """
        logarithm = np.log(told(error_percent))
        mean, deviation = logarithm.mean(axis=0), np.maximum(logarithm.std(axis=0), LEAST_DEVIATION)
        share = (unlike.sum() + 1) / (len(unlike) + 2)  # none of n does not mean that there never is one
        return cls(_by_rate(mean), _by_rate(deviation),
                   tuple(rounded(float(each), 4) for each in np.percentile(
                       (logarithm[:, 0] - mean[0]) / deviation[0], range(101))), rounded(float(share)), recordings)

    def standardized(self, rate: NDArray[np.integer[Any]], error_percent: NDArray[np.floating[Any]],
                     unlike: NDArray[np.bool_]) -> pd.DataFrame:
        """The signals of n windows, a column each; NaN where a node did not say, or at a rate without reference.

        Args:
            rate, error_percent, unlike: [n], as the gateway writes them.
        """
        names = pd.Series(rate).astype(str)
        mean, deviation = (names.map(known).to_numpy(float) for known in (self.mean, self.deviation))
        logarithm = np.log(np.minimum(error_percent.astype(float), LARGEST_PERCENT))
        said = np.where(np.isnan(error_percent), np.nan, unlike.astype(float))
        return pd.DataFrame({"error": (logarithm - mean) / deviation, "unlike": self._unlike(said)})

    def drawn(self, signal: Signal, generator: np.random.Generator, count: int) -> Floats:
        """The signal of an undisturbed node's windows: [count].

        They are not spread quite as the validation windows, which are a sample: they come from another one, as large.
        """
        ranks = generator.random(count) if self.recordings is None else (
            generator.choice(generator.random(self.recordings), count))
        if signal == "unlike":
            return self._unlike((ranks < self.unlike).astype(float))
        return np.interp(ranks, np.linspace(0, 1, len(self.percentiles)), self.percentiles)

    def _unlike(self, said: Floats) -> Floats:
        return np.asarray((said - self.unlike) / np.sqrt(self.unlike * (1 - self.unlike)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Reference:
        return cls(content["mean"], content["deviation"], tuple(content["percentiles"]), content["unlike"],
                   content.get("recordings"))


def _by_rate(values: Floats) -> dict[str, float]:
    return {str(rate): rounded(float(value)) for rate, value in enumerate(values, 1)}


def told(error_percent: NDArray[np.floating[Any]]) -> Floats:
    """Estimated errors as packets tell them."""
    scale = np.append(error_edges(), LARGEST_PERCENT)
    return np.asarray(scale[np.searchsorted(error_edges(), error_percent.astype(np.float32))], float)
