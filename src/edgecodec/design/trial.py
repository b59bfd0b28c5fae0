"""What codecs are worth before they are trained: classical starts, measured on windows they never saw.

On the twin, training takes 0.2 % more off the error of such a start; so what wins here is what to train. What starts
are measured against is KLT + DCT, whose bits follow the window: the best that linear transforms give, without firmware
here. So coded packets stand for a codec that has them. There is another reason: on the gallery's circuit, codebooks
that were fitted to the few windows of a trial misjudged the number of regimes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecodec import chosen
from edgecodec.data.selection import spread
from edgecodec.data.windows import Segment, WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.rate_distortion import budgets_around
from edgecodec.evaluation.rivals.lineup import fit_rivals_to
from edgecodec.evaluation.rivals.transform_codec import KLT_DCT
from edgecodec.metrics import errors
from edgecodec.packets.kind import PacketKind
from edgecodec.params import Params
from edgecodec.training.loop import NO_STEPS, Trainer

HELD_OUT = 0.25  # of the training rows
RECORDINGS = 8  # from so many on, whole recordings are held out, else the end of each
MEASURED = 256  # windows
CODEBOOK_WINDOWS = 8000


@dataclass(frozen=True, eq=False)
class Points:
    """Bits that windows held out took on average, and their error by the project's metric: [rates] each.

    For metric snr it is the error that the decibels are of: less is better.
    """

    bits: NDArray[np.float64]
    errors: NDArray[np.float64]

    def errors_at(self, bits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Read off the line through the points, both by their logarithms."""
        return np.asarray(np.exp(np.interp(np.log(bits), np.log(self.bits), np.log(self.errors))))


Trial = Mapping[PacketKind, Points]


def beside(trial: Trial, klt_dct: Points) -> NDArray[np.float64]:
    """How many times the error of KLT + DCT a codec has at equal bits [rates]; with coded packets, if it has any."""
    points = trial.get(PacketKind.CODED, trial[PacketKind.FIXED_LENGTH])
    return np.asarray(points.errors / klt_dct.errors_at(points.bits))


def split(train: WindowSet, seed: int) -> tuple[WindowSet, WindowSet] | None:
    """Training windows to fit to, and others to measure on, which share no sample; None if there are too few."""
    segments = train.description.segments
    if len(segments) >= RECORDINGS:
        # Drawn: recordings are often in an order with a period, of loads or of speeds.
        order = np.random.default_rng(seed).permutation(len(segments))
        which = set(order[: round(HELD_OUT * len(segments))].tolist())
        held = tuple(segment for number, segment in enumerate(segments) if number in which)
        fitted = tuple(segment for number, segment in enumerate(segments) if number not in which)
    else:
        fitted, held = (), ()
        for segment in segments:
            rows = round(segment.rows * HELD_OUT)
            if rows < train.samples or segment.rows - rows < train.samples:
                fitted += (segment,)
            else:
                fitted += (segment.model_copy(update={"rows": segment.rows - rows}),)
                held += (segment.model_copy(update={"first_row": segment.first_row + segment.rows - rows,
                                                    "rows": rows}),)
    if not held:
        return None
    return _of_segments(train, fitted), _of_segments(train, held)


def _of_segments(windows: WindowSet, segments: tuple[Segment, ...]) -> WindowSet:
    """The windows that lie in ``segments`` whole; some of every segment, whatever the stride was."""
    starts, index = [], []
    for number, segment in enumerate(segments):
        most = max(1, (segment.rows - windows.samples) // max(1, windows.samples // 4) + 1)
        found = np.linspace(0, segment.rows - windows.samples, most).astype(np.int64)
        starts.append(segment.first_row + found)
        index.append(np.full(most, number))
    which = np.concatenate(index)
    return replace(
        windows, description=windows.description.model_copy(update={"segments": segments}),
        starts=np.concatenate(starts), wind=np.array([segment.wind for segment in segments])[which],
        condition=np.array([segment.condition for segment in segments])[which],
        recording=np.array([segment.recording for segment in segments])[which])


def measure(params: Params, fitted: WindowSet, held: WindowSet) -> Trial | None:
    """What a start fitted to ``fitted`` gives on ``held``; None if the codec cannot be fitted.

    Args:
        params: with nothing left open.
    """
    schedule = getattr(params.train, params.codec)
    update = {**NO_STEPS, "codebook_windows": min(CODEBOOK_WINDOWS, schedule.codebook_windows)}
    sections = {params.codec: schedule.model_copy(update=update), "profile": "full"}
    tried = params.model_copy(update={"train": params.train.model_copy(update=sections)})
    with tempfile.TemporaryDirectory() as folder:
        try:
            codec = Trainer(tried, fitted, held, Path(folder)).run().codec
        except EdgeCodecError:
            return None
    which = spread(held, MEASURED)
    inputs, targets = held.inputs(which), held.targets(which)
    found = {}
    for kind in codec.quantizers:
        indices = codec.encode(inputs, kind)
        found[kind] = Points(
            np.array([codec.payload_bits(indices, rate, kind).mean() for rate in codec.rates]),
            np.array([_error(params, codec.decode(indices, rate, kind), targets) for rate in codec.rates]))
    return found


def measure_klt_dct(params: Params, bits: Sequence[float], fitted: WindowSet, held: WindowSet) -> Points:
    """What KLT + DCT, fitted to ``fitted``, gives on ``held`` with budgets around ``bits`` a window."""
    budgets = budgets_around([round(each) for each in bits])
    rival, = fit_rivals_to(fitted, (KLT_DCT,), budgets, params.seed, chosen.measure(params))
    targets = held.targets(spread(held, MEASURED))
    found = sorted((each.bits_per_window, _error(params, each.reconstruction, targets))
                   for each in rival.compress(targets))
    return Points(*np.array(found).T)


def _error(params: Params, rebuilt: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
    by = chosen.measure(params)
    field = "variance_percent" if by.metric.more_is_better else by.metric.field
    return float(getattr(errors(rebuilt, targets, tolerance=by.tolerance), field))
