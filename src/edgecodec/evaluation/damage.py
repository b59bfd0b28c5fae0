"""What compression costs the ones who tell recordings apart: a classifier's accuracy on raw and on rebuilt windows.

It tells the values of a label, such as the damages of AeroSense's blade: a cut or a mass at its root shifts frequency
and amplitude of its heave line near 1.9 Hz. Both are what structural health monitoring has always watched, and a forest
of trees (extremely randomized: Geurts, Ernst and Wehenkel, Machine Learning 63, 2006) tells the six damages by them, or
by the whole spectrum around the line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import Codec
from edgecodec.params import ClassifyParams

FINE = 8  # a window is padded to so many lengths to find the line's top, and to two for the spectrum
TREES = 300
LEAF = 3  # windows
PCA_ROWS = 200_000

FeatureKind = Literal["heave_line", "spectrum"]
Windows = NDArray[np.float32]
Features = NDArray[np.float32]
Band = tuple[float, float]  # from, to, in Hz


@dataclass(frozen=True, eq=False)
class HeaveMode:
    """How the channels move together (in heave): the strongest direction of the training windows."""

    weights: NDArray[np.float64]  # [channels]
    sample_rate_hz: float
    line_hz: Band  # where the line is
    spectrum_hz: Band

    @classmethod
    def of(cls, windows: Windows, sample_rate_hz: float, line_hz: Band, spectrum_hz: Band) -> HeaveMode:
        """From unfiltered windows [n, channels, samples]."""
        dynamic = windows - windows.mean(axis=-1, keepdims=True)
        rows = dynamic.transpose(0, 2, 1).reshape(-1, windows.shape[1])
        every = -(-len(rows) // PCA_ROWS)
        return cls(PCA(1, svd_solver="covariance_eigh").fit(rows[::every]).components_[0], sample_rate_hz,
                   line_hz, spectrum_hz)

    def amplitudes(self, windows: Windows, padding: int) -> NDArray[np.float64]:
        """Of the mode's course through a Hann window: [n, frequencies], ``padding`` x samples / 2 + 1 of them."""
        course = np.einsum("c,ncs->ns", self.weights, windows - windows.mean(axis=-1, keepdims=True))
        samples = windows.shape[-1]
        spectrum = np.fft.rfft(course * np.hanning(samples), n=padding * samples)
        return np.asarray(np.abs(spectrum) * 4 / samples)

    def band(self, hertz: Band, samples: int, padding: int) -> slice:
        """The frequencies of :meth:`amplitudes` that lie in ``hertz``.

        Raises:
            EdgeCodecError: there are none, or not so high ones.
        """
        first, last = (round(edge * padding * samples / self.sample_rate_hz) for edge in hertz)
        if not max(1, first) < last <= padding * samples // 2:
            raise EdgeCodecError(f"params.yaml: classify.line_hz, spectrum_hz: {list(hertz)} is no band of windows of "
                                 f"{samples} samples at {self.sample_rate_hz:g} Hz; correct it, or make it auto")
        return slice(max(1, first), last)

    def heave_line(self, windows: Windows) -> Features:
        """Per window frequency in Hz and logarithm of the amplitude of the line, that of all around it, and the means.

        The top is that of the parabola through the highest amplitude and its neighbours, in the logarithm.
        """
        amplitudes = np.log(np.maximum(self.amplitudes(windows, FINE), 1e-9))
        band = self.band(self.line_hz, windows.shape[-1], FINE)
        item, top = np.arange(len(windows)), amplitudes[:, band].argmax(axis=1) + band.start
        left, middle, right = (amplitudes[item, top + step] for step in (-1, 0, 1))
        slope, curvature = (left - right) / 2, np.maximum(2 * middle - left - right, 1e-9)
        shift = np.clip(-slope / curvature, -1, 1)
        frequency = (top + shift) * self.sample_rate_hz / (FINE * windows.shape[-1])
        around = np.log(np.square(np.exp(amplitudes[:, band])).mean(axis=1)) / 2
        means = windows.mean(axis=-1)
        return np.column_stack([frequency, middle - slope * shift / 2, around, means @ self.weights,
                                means.mean(axis=1)]).astype(np.float32)

    def spectrum(self, windows: Windows) -> Features:
        """The amplitudes around the line, at twice the resolution of the window."""
        return self.amplitudes(windows, 2)[:, self.band(self.spectrum_hz, windows.shape[-1], 2)].astype(np.float32)


@dataclass(frozen=True)
class RateAccuracy:
    """Share of the validation windows whose class is told, at one rate."""

    decoded: float  # by the classifier that was trained on raw windows
    retrained: float  # by one that was trained on decoded windows of this rate


@dataclass(frozen=True)
class Accuracy:
    """Of one kind of features."""

    raw: float  # trained and tried on raw windows
    by_rate: dict[int, RateAccuracy]


def classes_of(train: WindowSet, validation: WindowSet, label: str | None) -> tuple[str, ...]:
    """What a classifier can be taught and tried on: values of ``label`` in both sets; none if there are not two."""
    common = set(train.values(label)) & set(validation.values(label)) - {""} if label else set()
    return tuple(sorted(map(str, common))) if len(common) > 1 else ()


def classify(train: WindowSet, validation: WindowSet, codec: Codec, seed: int, params: ClassifyParams,
             ) -> dict[FeatureKind, Accuracy]:
    """Accuracy on raw windows and on what ``codec`` makes of them, by kind of features.

    Windows of another class than those of :func:`classes_of` have no part in it.

    Raises:
        EdgeCodecError: there are no two classes, or bands that the windows do not have.
    """
    classes = classes_of(train, validation, params.label)
    if params.label is None or not classes:
        raise EdgeCodecError(f"params.yaml: classify.label: {params.label}: training and validation have no two of its "
                             "values in common; make it null")
    (raw, known), (tried, wanted) = (_of_classes(windows, params.label, classes) for windows in (train, validation))
    below_lowpass = (0.0, train.lowpass_hz)
    mode = HeaveMode.of(raw, train.sample_rate_hz, params.line_hz or below_lowpass, params.spectrum_hz or below_lowpass)
    kinds: dict[FeatureKind, Callable[[Windows], Features]] = {"heave_line": mode.heave_line, "spectrum": mode.spectrum}
    classifiers = {kind: _trained(features(raw), known, seed) for kind, features in kinds.items()}
    on_raw = {kind: float(classifiers[kind].score(features(tried), wanted)) for kind, features in kinds.items()}
    by_rate: dict[FeatureKind, dict[int, RateAccuracy]] = {kind: {} for kind in kinds}
    sent, sent_tried = codec.encode(raw), codec.encode(tried)
    for rate in codec.rates:
        rebuilt, rebuilt_tried = codec.decode(sent, rate), codec.decode(sent_tried, rate)
        for kind, features in kinds.items():
            own = features(rebuilt_tried)
            by_rate[kind][rate] = RateAccuracy(
                float(classifiers[kind].score(own, wanted)),
                float(_trained(features(rebuilt), known, seed).score(own, wanted)))
    return {kind: Accuracy(on_raw[kind], by_rate[kind]) for kind in kinds}


def _of_classes(windows: WindowSet, label: str, classes: tuple[str, ...]) -> tuple[Windows, NDArray[np.str_]]:
    """Unfiltered windows [n, channels, samples] of ``classes``, and the class [n] of each."""
    values = windows.values(label)
    which = np.flatnonzero(np.isin(values, classes))
    return windows.inputs(which), values[which]


def _trained(features: Features, known: NDArray[np.str_], seed: int) -> ExtraTreesClassifier:
    return ExtraTreesClassifier(TREES, min_samples_leaf=LEAF, random_state=seed).fit(features, known)
