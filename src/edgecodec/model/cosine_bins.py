"""How codecs of one token begin: a window is decimated, and one matrix predicts the cosine bins of its target.

Least squares takes care of the filter's gain, of the window's ends, and of noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.signal
import torch
from numpy.typing import NDArray
from torch import nn

from edgecodec.model.kind import Floats
from edgecodec.params import OneTokenParams

Array = NDArray[np.float64]


def decimating_filter(channels: int, params: OneTokenParams) -> nn.Conv1d:
    """Windows [n, channels, samples] to [n, channels, samples / decimation], every channel with a filter of its own."""
    return nn.Conv1d(channels, channels, params.filter_taps, stride=params.decimation, groups=channels,
                     padding=(params.filter_taps - params.decimation) // 2, bias=False)


@dataclass(frozen=True)
class BinsFit:
    """The cosine bins of targets, as predicted from decimated windows."""

    transform: Array  # [decimated samples, bins]
    bins: Array  # [n, channels, bins]
    energy: float  # of the bins, as a share of the targets'


def fit_bins(decimate: nn.Conv1d, inputs: Floats, targets: Floats, count: int) -> BinsFit:
    """Set ``decimate`` to a low-pass filter, and find what predicts the first ``count`` bins from what it gives.

    Args:
        inputs: normalised windows [n, channels, samples], unfiltered.
        targets: the same windows, low-passed.
    """
    taps, stride = decimate.kernel_size[0], decimate.stride[0]
    lowpass = (scipy.signal.firwin(taps, 1 / stride, window=("kaiser", 5.0)) if stride > 1  # cuts at the new Nyquist
               else scipy.signal.unit_impulse(taps, "mid"))  # nothing is decimated
    decimate.weight.data.copy_(torch.from_numpy(np.broadcast_to(lowpass, decimate.weight.shape).copy()).float())
    with torch.no_grad():
        decimated = decimate(torch.from_numpy(inputs)).double().numpy()  # [n, channels, decimated samples]
    wanted = scipy.fft.dct(targets.astype(np.float64), norm="ortho", axis=-1)[..., :count]  # [n, channels, bins]
    rows = decimated.reshape(-1, decimated.shape[-1])
    gram = rows.T @ rows
    gram[np.diag_indices_from(gram)] += 1e-6 * np.trace(gram) / len(gram)
    transform = np.linalg.solve(gram, rows.T @ wanted.reshape(len(rows), count))
    bins = decimated @ transform
    return BinsFit(transform, bins, float((bins**2).sum() / (targets.astype(np.float64) ** 2).sum()))


def cosines(count: int, samples: int) -> Array:
    """What the first ``count`` bins are in a window: [bins, samples]."""
    return np.asarray(scipy.fft.idct(np.eye(samples)[:count], norm="ortho", axis=-1))


def assign(layer: nn.Module, weight: Array, bias: Array | None = None) -> None:
    """Give ``layer`` its ``weight`` and ``bias``."""
    parameters = dict(layer.named_parameters())
    parameters["weight"].data.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
    if bias is not None:
        parameters["bias"].data.copy_(torch.from_numpy(np.ascontiguousarray(bias)))
