"""Settings that follow from what was found in a folder of recordings: a start, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecodec.contradictions import AUTO
from edgecodec.data.inspection import Inspection, RecordingFacts, nice
from edgecodec.data.spectrum import ABOVE_NOISE, HIGHEST
from edgecodec.params import ArrayParams, EdgePins, TransformPins, ValidateParams

MOST_NAMES = 64  # channels, up to which they are listed by name
JITTERED = 0.1  # root mean square in periods, from which on time stamps are called uneven
PERIODS_PER_WINDOW = 40  # of the highest frequency kept: twice as many cosine bins
SHORTEST_WINDOW, LONGEST_WINDOW = 64, 8192
WINDOW_MULTIPLE = 16  # which every codec can decimate
FEWEST_WINDOWS = 8  # that the shortest recording should give
TRAINING_WINDOWS, VALIDATION_WINDOWS = 20_000, 4_000  # at most: more tell little, and rivals take their time
NEAREST_MEAN, FARTHEST_MEAN = 1.0, 30.0  # spreads from zero, between which an error relative to the magnitude says much
LARGEST_NMSE = 100.0  # per cent: that of the mean alone
LARGEST_MILLISECONDS = 10
ESTIMATE_CORRELATION, ESTIMATE_DEVIATION = 0.8, 0.5
SURE_OF_REMARKS = "how sure a node is of its error differs from signal to signal; set what you need"
MOST_LEFT_OUT = 0.5  # of the recordings: a check that more of them fail is no check of these recordings
SOUND, MARGIN = 0.9, 2.0  # of the recordings keep a proposed limit, and so many times over

# Limits of the stage validate, and what of a recording with these channels they hold to.
LIMITS: dict[str, Callable[[RecordingFacts, Sequence[str]], float]] = {
    "largest_gap_seconds": lambda facts, channels: facts.largest_gap_seconds if facts.gaps else 0.0,
    "largest_lost_fraction": lambda facts, channels: facts.lost_share,
    "flat_line_seconds": lambda facts, channels: max(facts.courses[name].flat_seconds for name in channels),
    "largest_spike_fraction": lambda facts, channels: max(facts.courses[name].spike_share for name in channels),
}


@dataclass(frozen=True)
class Proposal:
    """A setting of params.yaml, by its dotted name."""

    setting: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Proposals:
    """Settings in the order of params.yaml."""

    settings: tuple[Proposal, ...]

    def value(self, setting: str) -> Any:
        """Raises KeyError where nothing is proposed for ``setting``."""
        return {proposal.setting: proposal.value for proposal in self.settings}[setting]


def propose(found: Inspection, params: ArrayParams, checks: ValidateParams) -> Proposals:
    """What to set for the recordings that were ``found``.

    Args:
        params: how they were read.
        checks: what is held to be sound so far.
    """
    rate = found.sample_rate_hz or params.sample_rate_hz
    lowpass, reason = _lowpass(found.lowpass_hz, rate)
    samples = _window_samples(found, rate, lowpass)
    return Proposals((
        Proposal("data.source", "array", "your own recordings"),
        Proposal("data.path", str(found.folder), "the folder that was inspected"),
        Proposal("data.array.sample_rate_hz", _whole(rate), "by the time stamps of most rows, or the files" if
                 found.sample_rate_hz else "nothing in the files says it: CHECK IT"),
        *_channels(found),
        Proposal("data.array.first_channel", 0, "all channels from the first on"),
        *_faults(found, rate),
        *_limits(found, checks),
        Proposal("data.array.gap_seconds", _whole(round(samples / rate, 6)), "a window, which lies in neither split"),
        Proposal("window.samples", samples, f"{PERIODS_PER_WINDOW} periods of window.lowpass_hz, at least "
                 f"{FEWEST_WINDOWS} windows in the shortest recording"),
        Proposal("window.skip_first_rows", 0, "nothing is known of a start-up"),
        Proposal("window.skip_last_rows", 0, "nothing is known of an end"),
        Proposal("window.lowpass_hz", _whole(lowpass), reason),
        *_strides(found, samples, params.validation_fraction),
        *_error(found),
        Proposal("design.largest_milliseconds", LARGEST_MILLISECONDS, "what the gate on latency allows by default"),
        Proposal("gates.least_estimate_correlation", ESTIMATE_CORRELATION, SURE_OF_REMARKS),
        Proposal("gates.largest_estimate_deviation", ESTIMATE_DEVIATION, SURE_OF_REMARKS),
        Proposal("codec", AUTO, "the stage design takes edge, or transform where that is as good"),
        *(Proposal(setting, AUTO, "the stage design chooses it") for setting in _sizes()),
    ))


def _error(found: Inspection) -> Iterator[Proposal]:
    """By how far the channels' means lie from zero, in spreads."""
    far = float(np.median([abs(channel.mean) / channel.spread for channel in found.channels if channel.varies] or [0]))
    if NEAREST_MEAN <= far <= FARTHEST_MEAN:
        yield Proposal("error.metric", "relative", f"means lie {far:.2g} spreads from zero: it is the magnitude's zero")
        return
    yield Proposal("error.metric", "nmse", f"means lie {far:.2g} spreads from zero: "
                   + ("there is no magnitude" if far < NEAREST_MEAN else "an offset would make any error small"))
    yield Proposal("gates.error", LARGEST_NMSE, "nothing worth its bits has more; set what you need")


def _sizes() -> Iterator[str]:
    """All that the stage design can choose."""
    for codec, pins in (("edge", EdgePins), ("transform", TransformPins)):
        yield from (f"codecs.{codec}.{name}" for name in pins.model_fields)


def _whole(number: float) -> float:
    """A number as people write it."""
    return int(number) if number == int(number) else number


def _channels(found: Inspection) -> Iterator[Proposal]:
    live = [channel.name for channel in found.channels if channel.varies]
    everywhere = [channel.name for channel in found.channels
                  if channel.varies and channel.recordings == len(found.recordings)]
    if found.named and 0 < len(everywhere) <= MOST_NAMES:
        less = len(found.channels) - len(everywhere)
        yield Proposal("data.array.channels", everywhere,
                       f"by name; not {less} that are dead or not in every recording" if less else "by name")
    else:
        yield Proposal("data.array.channels", min(each.channels for each in found.recordings),
                       "all of them" if len(live) == len(found.channels) else
                       f"all of them; {len(found.channels) - len(live)} are dead: leave them out of the files")


def _faults(found: Inspection, rate: float) -> Iterator[Proposal]:
    """What stands for missing samples; rates and stamps that differ."""
    values = sorted({channel.stands_for_missing for channel in found.channels
                     if channel.stands_for_missing is not None})
    if values:
        yield Proposal("data.array.missing", [_whole(value) for value in values],
                       "far outside the other values, or where a channel stays")
    rates = sorted({nice(each.rate_hz) for each in found.recordings if each.rate_hz})
    others = [each for each in rates if abs(each / rate - 1) > 1e-3]
    jitter = max((each.jitter for each in found.recordings), default=0.0)
    if jitter > JITTERED:
        yield Proposal("data.array.resample", "stamps",
                       f"time stamps differ from even ones by {jitter:.2g} of a period")
    elif others:
        yield Proposal("data.array.resample", "rates",
                       f"some recordings have {', '.join(f'{each:g}' for each in others)} Hz")


def _limits(found: Inspection, checks: ValidateParams) -> Iterator[Proposal]:
    """Limits that most of the recordings would break: these signals are so."""
    live = {channel.name for channel in found.channels if channel.varies}
    for setting, figure in LIMITS.items():
        limit = getattr(checks, setting)
        figures = [figure(each, [name for name in each.courses if name in live]) for each in found.recordings]
        over = sum(figure > limit for figure in figures)
        if over > MOST_LEFT_OUT * len(figures):
            wanted = MARGIN * float(np.quantile(figures, SOUND))
            yield Proposal(f"validate.{setting}", _whole(float(f"{wanted:.2g}")),
                           f"{over} of {len(figures)} recordings have more than {limit:g}; this is {MARGIN:g} times "
                           "what nine in ten have")


def _lowpass(found: float | None, rate: float) -> tuple[float, str]:
    if found is None:
        return float(f"{rate / 20:.2g}"), "a tenth of the band: no recording gives a spectrum"
    if found >= HIGHEST * rate:
        return found, "no end of the signal and no noise is seen below it"
    return found, f"above it, power is less than {ABOVE_NOISE:g} times the noise"


def _window_samples(found: Inspection, rate: float, lowpass: float) -> int:
    wanted = PERIODS_PER_WINDOW * rate / lowpass
    shortest = min(each.rows for each in found.recordings)
    most = min(LONGEST_WINDOW, shortest // FEWEST_WINDOWS)
    samples = max(SHORTEST_WINDOW, min(wanted, most))
    return WINDOW_MULTIPLE * max(1, math.floor(samples / WINDOW_MULTIPLE))


def _strides(found: Inspection, samples: int, validation_fraction: float) -> Iterator[Proposal]:
    rows = sum(each.rows for each in found.recordings)
    stride = max(1, rows // TRAINING_WINDOWS)
    yield Proposal("window.train_stride", stride, f"about {rows // stride} windows in all")
    half, stride = max(1, samples // 2), int(validation_fraction * rows) // VALIDATION_WINDOWS
    yield Proposal("window.validation_stride", max(half, stride),
                   "half a window" if half >= stride else f"about {VALIDATION_WINDOWS} windows in all")
